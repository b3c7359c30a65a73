"""What is heard in a recording, as data: a label, how sure, and the same for every stretch of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Window = tuple[float, float]

UNSURE, LOW_CONFIDENCE = "unsure", "low_confidence"
"""The label of what no emotion is named in; and the reason, where the model itself is not sure enough."""


@dataclass(frozen=True)
class Segment:
    """What is heard in one stretch of a recording; the fields are those of `Prediction`."""

    start_s: float
    end_s: float
    label: str
    confidence: float
    scores: dict[str, float]
    reason: str = ""


@dataclass(frozen=True)
class Prediction:
    """What is heard in a recording: as a whole, and over time.

    Attributes:
        file: where it came from; `array (samples,)` or `standard input` where it has no path.
        label: the likeliest emotion, or `unsure`.
        confidence: the probability of the likeliest emotion, 0 .. 1, whatever the label.
        scores: emotion -> probability; they sum to one. The model's own, whatever the label.
        segments: the same for each stretch, in order.
        reason: why the label is `unsure`: `low_confidence`, or what the sound lacks (`speech_gate.Reason`); empty where
            an emotion is named.
    """

    file: str
    duration_s: float
    label: str
    confidence: float
    scores: dict[str, float]
    segments: tuple[Segment, ...]
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; times to the millisecond, probabilities to four digits."""
        return dict(_rounded(asdict(self)))


def said(
    file: str,
    duration_s: float,
    windows: Sequence[Window],
    probabilities: Floats,
    reasons: tuple[str, Sequence[str]],
    classes: Sequence[str],
    least: float,
) -> Prediction:
    """What is said of a recording: of its windows, and of the whole; a window that is refused does not count in it.

    Args:
        windows: (start_s, end_s) of each.
        probabilities: (windows, classes).
        reasons: why no emotion is named, in the whole and in each window; empty where one is.
        least: confidence under which none is named.
    """
    reason, of_windows = reasons
    counts = [bool(reason) or not of_window for of_window in of_windows]
    spans = np.array([end - start for start, end in windows]) * counts
    whole = spans @ probabilities / spans.sum()
    segments = tuple(
        Segment(start, end, *_verdict(row, classes, why, least))
        for (start, end), row, why in zip(windows, probabilities, of_windows, strict=True)
    )
    label, confidence, scores, why = _verdict(whole, classes, reason, least)
    return Prediction(file, duration_s, label, confidence, scores, segments, why)


def _verdict(
    probabilities: Floats, classes: Sequence[str], reason: str, least: float
) -> tuple[str, float, dict[str, float], str]:
    """Label, confidence, scores and reason."""
    scores = dict(zip(classes, (probabilities / probabilities.sum()).tolist(), strict=True))
    likeliest = max(scores, key=scores.__getitem__)
    if not reason and scores[likeliest] < least:
        reason = LOW_CONFIDENCE
    return UNSURE if reason else likeliest, scores[likeliest], scores, reason


def _rounded(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _rounded(item, name) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, 3 if key.endswith("_s") else 4) if isinstance(value, float) else value
