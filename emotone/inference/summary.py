"""What a recording holds, in a few numbers: shares of time, and its strongest moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emotone.inference.prediction import Segment

STRONGEST = 3
"""Moments of each emotion."""
_REFUSED = ("no_speech", "too_short", "too_quiet", "clipped")


@dataclass(frozen=True)
class Moment:
    """A segment in which an emotion was recognised with high confidence."""

    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True)
class Summary:
    """The segments of a recording, or of one of its speakers, in numbers.

    Attributes:
        speech_s: length of the segments with speech; where two channels are kept apart, the sum of both.
        speech_share: share of the recording in which there is speech, in any channel, 0 .. 1.
        emotions: label -> share of the speech, by time; the most frequent first. `unsure` is one of them.
        arousal, valence: mean over the speech, by time; None where no segment has them.
        strongest: label -> its moments of highest confidence, without `unsure`.
    """

    speech_s: float
    speech_share: float
    emotions: dict[str, float]
    arousal: float | None
    valence: float | None
    strongest: dict[str, tuple[Moment, ...]]


def summary_of(segments: Sequence[Segment], duration_s: float) -> Summary:
    """The summary of some segments of a recording of this length."""
    spoken = [one for one in segments if one.reason not in _REFUSED]
    lengths = [one.end_s - one.start_s for one in spoken]
    total = sum(lengths)
    shares: dict[str, float] = {}
    for one, length in zip(spoken, lengths, strict=True):
        shares[one.label] = shares.get(one.label, 0.0) + length / total
    strongest = {}
    for label in dict.fromkeys(one.label for one in spoken if not one.reason):
        own = sorted((one for one in spoken if one.label == label), key=lambda one: -one.confidence)[:STRONGEST]
        strongest[label] = tuple(Moment(one.start_s, one.end_s, one.confidence) for one in own)
    return Summary(
        speech_s=total,
        speech_share=_covered_s(spoken) / duration_s if duration_s else 0.0,
        emotions=dict(sorted(shares.items(), key=lambda item: -item[1])),
        arousal=_mean([one.arousal for one in spoken], lengths),
        valence=_mean([one.valence for one in spoken], lengths),
        strongest=strongest,
    )


def _covered_s(segments: Sequence[Segment]) -> float:
    """Seconds that lie in at least one of the segments."""
    total = end_s = 0.0
    for one in sorted(segments, key=lambda one: one.start_s):
        total += max(one.end_s - max(one.start_s, end_s), 0.0)
        end_s = max(end_s, one.end_s)
    return total


def _mean(values: Sequence[float | None], lengths: Sequence[float]) -> float | None:
    known = [(value, length) for value, length in zip(values, lengths, strict=True) if value is not None]
    total = sum(length for _, length in known)
    return sum(value * length for value, length in known) / total if total else None
