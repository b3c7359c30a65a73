"""The prediction for a recording: label, confidence and scores, for the whole and for each segment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from emotone.data.arousal_valence import arousal_valence
from emotone.inference.pooling import Floats
from emotone.inference.summary import Summary, summary_of

Window = tuple[float, float]

UNSURE, LOW_CONFIDENCE = "unsure", "low_confidence"
"""The label if no emotion is predicted; and the reason if the confidence of the model is too low."""


@dataclass(frozen=True)
class Segment:
    """The prediction for one stretch of a recording; other fields are those of `Prediction`.

    Attributes:
        speaker: who speaks, where turns of speakers are known; else empty.
        channel: `left` and `right`, or the number, where channels are kept apart; else empty.
    """

    start_s: float
    end_s: float
    label: str
    confidence: float
    scores: dict[str, float]
    arousal: float | None
    valence: float | None
    reason: str = ""
    speaker: str = ""
    channel: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; numbers as in `Prediction.as_dict`."""
        return dict(_rounded(asdict(self)))


@dataclass(frozen=True)
class Prediction:
    """The prediction for a recording: as a whole, and over time.

    Attributes:
        file: its path; `array (samples,)` or `standard input` if it has none.
        label: the most probable emotion, or `unsure`.
        confidence: the probability of the most probable emotion, 0 .. 1; also if the label is `unsure`.
        scores: emotion -> probability, as the model gives them; they sum to one.
        arousal: -1 (calm) .. 1 (excited), derived, not predicted: mean of the ratings of the emotion words by Warriner
            et al. 2013 (`data/arousal_valence.py`), weighted by `scores`; None if no label has a rating.
        valence: -1 (unpleasant) .. 1 (pleasant), derived in the same way.
        segments: the same for each stretch, in order of time.
        reason: why the label is `unsure`: `low_confidence`, or the reason of the speech gate (`speech_gate.Reason`);
            empty if an emotion is predicted.
        problem: empty, or why the recording ends early: what could be read is predicted.
    """

    file: str
    duration_s: float
    label: str
    confidence: float
    scores: dict[str, float]
    arousal: float | None
    valence: float | None
    segments: tuple[Segment, ...]
    reason: str = ""
    problem: str = ""

    def summary(self) -> Summary:
        """What was said how long and how, for the whole recording."""
        return summary_of(self.segments, self.duration_s)

    def summaries(self) -> dict[str, Summary]:
        """The same for each channel and speaker; shares are of the whole recording."""
        return {
            " ".join(name for name in key if name): summary_of(
                [part for part in self.segments if (part.channel, part.speaker) == key], self.duration_s
            )
            for key in self.tracks()
        }

    def tracks(self) -> list[tuple[str, str]]:
        """(channel, speaker) of the segments: the channels in their order, in each the speakers as they come."""
        found = dict.fromkeys((part.channel, part.speaker) for part in self.segments)
        return sorted(found, key=lambda track: (len(track[0]), track[0]))  # left before right, 2 before 10

    def to(self, path: str | os.PathLike[str], *, segments: bool = False) -> None:
        """Write it to a file, whose extension chooses the format (`inference/formats`).

        Args:
            path: .json, .csv, .parquet, .TextGrid, .srt, .vtt, .rttm, .txt for Audacity, or .audformat, a folder.
            segments: in tables, a row for each segment.

        Raises:
            EmotoneError: no such format.
            MissingExtra: .parquet without pyarrow.
        """
        from emotone.inference import formats

        formats.write(path, [self], segments=segments)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; times to the millisecond, other numbers to four digits."""
        return dict(_rounded(asdict(self)))


def make_prediction(
    file: str,
    duration_s: float,
    windows: Sequence[Window],
    probabilities: Floats,
    reasons: tuple[str, Sequence[str]],
    classes: Sequence[str],
    min_confidence: float,
) -> Prediction:
    """The prediction from the probabilities of the windows.

    The whole is their mean, weighted by length, without the windows that the speech gate refused.

    Args:
        windows: (start_s, end_s) of each.
        probabilities: (windows, classes).
        reasons: why no emotion is predicted, for the whole and for each window; empty if one is.
        min_confidence: below it the label is `unsure`.
    """
    reason, window_reasons = reasons
    counts = [bool(reason) or not window_reason for window_reason in window_reasons]
    spans = np.array([end - start for start, end in windows]) * counts
    whole = spans @ probabilities / spans.sum()
    segments = tuple(
        make_segment(start, end, row, why, classes, min_confidence)
        for (start, end), row, why in zip(windows, probabilities, window_reasons, strict=True)
    )
    label, confidence, scores, arousal, valence, why = _verdict(whole, classes, reason, min_confidence)
    return Prediction(file, duration_s, label, confidence, scores, arousal, valence, segments, why)


def make_segment(
    start_s: float,
    end_s: float,
    probabilities: Floats,
    reason: str,
    classes: Sequence[str],
    min_confidence: float,
    *,
    speaker: str = "",
    channel: str = "",
) -> Segment:
    """The prediction for one stretch, from its (classes,) probabilities; other arguments as in `make_prediction`."""
    verdict = _verdict(probabilities, classes, reason, min_confidence)
    return Segment(start_s, end_s, *verdict, speaker=speaker, channel=channel)


def of_segments(
    file: str,
    duration_s: float,
    segments: Sequence[Segment],
    whole: tuple[Floats, str],
    classes: Sequence[str],
    min_confidence: float,
    problem: str = "",
) -> Prediction:
    """The prediction for a recording whose segments are known.

    Args:
        whole: (classes,) probabilities of the whole; and why no emotion is predicted, empty if one is.
        classes, min_confidence: as in `make_prediction`.
    """
    probabilities, reason = whole
    label, confidence, scores, arousal, valence, why = _verdict(probabilities, classes, reason, min_confidence)
    return Prediction(file, duration_s, label, confidence, scores, arousal, valence, tuple(segments), why, problem)


def _verdict(
    probabilities: Floats, classes: Sequence[str], reason: str, min_confidence: float
) -> tuple[str, float, dict[str, float], float | None, float | None, str]:
    """Label, confidence, scores, arousal, valence and reason."""
    scores = dict(zip(classes, (probabilities / probabilities.sum()).tolist(), strict=True))
    most_probable = max(scores, key=scores.__getitem__)
    if not reason and scores[most_probable] < min_confidence:
        reason = LOW_CONFIDENCE
    label = UNSURE if reason else most_probable
    return label, scores[most_probable], scores, *arousal_valence(scores), reason


def _rounded(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _rounded(item, name) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, 3 if key.endswith("_s") else 4) if isinstance(value, float) else value
