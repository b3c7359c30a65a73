"""Stretches of speech between pauses, found while the sound comes in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from emotone.inference.voice_activity import WINDOW_S


class SegmentSettings(BaseModel):
    """How speech is cut into segments."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    speech: float = Field(0.5, gt=0, lt=1, description="Probability of speech at which a segment begins.")
    silence: float = Field(0.35, gt=0, lt=1, description="Probability of speech below which a window is a pause.")
    pause_s: float = Field(0.4, gt=0, description="Pause that ends a segment.")
    pause_of_long_s: float = Field(0.2, gt=0, description="Pause that ends a long segment.")
    long_s: float = Field(4.0, gt=0, description="Length from which a segment is long.")
    longest_s: float = Field(8.0, gt=0, description="Longest segment; a longer one is cut at its quietest place.")
    least_s: float = Field(2.0, gt=0, description="Shortest part of a segment that is cut.")
    speech_s: float = Field(0.1, ge=0, description="Least speech in a segment; one with less is dropped.")
    padding_s: float = Field(0.1, ge=0, description="What is added before and after the speech.")


class Span(NamedTuple):
    """A stretch of a recording."""

    start_s: float
    end_s: float


class Segmenter:
    """The segments of one stream. The same windows, in blocks of any size, give the same segments.

    >>> segmenter = Segmenter()
    >>> segmenter.feed([0.9] * 50 + [0.0] * 20, [0.1] * 70)
    [Span(start_s=0.0, end_s=1.7)]
    """

    def __init__(self, settings: SegmentSettings | None = None) -> None:
        self.settings = settings or SegmentSettings()
        self._now = 0  # windows so far
        self._first: int | None = None  # window in which the open segment began
        self._end_s = 0.0  # of the last segment
        self._probabilities: list[float] = []  # of the open segment
        self._powers: list[float] = []

    def feed(self, probabilities: ArrayLike, powers: ArrayLike) -> list[Span]:
        """The segments that ended in these windows.

        Args:
            probabilities: (windows,) of speech, from `VoiceActivity`.
            powers: (windows,) mean squares of the samples.
        """
        windows = zip(np.asarray(probabilities).tolist(), np.asarray(powers).tolist(), strict=True)
        return [span for probability, power in windows for span in self._window(probability, power)]

    def finish(self) -> list[Span]:
        """The last segment, if one is open."""
        return self._close(len(self._probabilities)) if self._first is not None else []

    @property
    def open(self) -> Span | None:
        """The stretch of speech that has not ended."""
        return None if self._first is None else _span(self._start_s(self._first), self._now * WINDOW_S)

    @property
    def needed_from_s(self) -> float:
        """Samples before this time belong to no segment that is still to come."""
        first = self._now if self._first is None else self._first
        return max(self._end_s, first * WINDOW_S - self.settings.padding_s)

    def _window(self, probability: float, power: float) -> list[Span]:
        if self._first is None:
            if probability < self.settings.speech:
                self._now += 1
                return []
            self._first = self._now
        self._now += 1
        self._probabilities.append(probability)
        self._powers.append(power)
        length, spoken = len(self._probabilities), self._spoken()
        is_long = spoken * WINDOW_S >= self.settings.long_s
        pause_s = self.settings.pause_of_long_s if is_long else self.settings.pause_s
        if (length - spoken) * WINDOW_S >= pause_s:
            return self._close(length)
        if length * WINDOW_S >= self.settings.longest_s:
            return self._cut()
        return []

    def _spoken(self) -> int:
        """Windows of the open segment up to the last one that is no pause."""
        for back, probability in enumerate(reversed(self._probabilities)):
            if probability >= self.settings.silence:
                return len(self._probabilities) - back
        return 0

    def _close(self, length: int) -> list[Span]:
        """The open segment, with padding, unless it has hardly any speech."""
        assert self._first is not None
        enough = self._has_speech(self._probabilities)
        end_s = min((self._first + self._spoken()) * WINDOW_S + self.settings.padding_s, self._now * WINDOW_S)
        span = _span(self._start_s(self._first), end_s)
        self._first, self._probabilities, self._powers = None, [], []
        if not enough:
            return []
        self._end_s = span.end_s
        return [span]

    def _cut(self) -> list[Span]:
        """The part of the open segment before its quietest place; the rest stays open."""
        assert self._first is not None
        least = round(self.settings.least_s / WINDOW_S)
        smooth = np.convolve(np.pad(self._powers, 1, mode="edge"), np.ones(3), mode="valid")
        place = least + int(np.argmin(smooth[least:]))
        span = _span(self._start_s(self._first), (self._first + place) * WINDOW_S)
        enough = self._has_speech(self._probabilities[:place])
        self._first += place
        self._probabilities, self._powers = self._probabilities[place:], self._powers[place:]
        self._end_s = span.end_s
        return [span] if enough else []

    def _has_speech(self, probabilities: list[float]) -> bool:
        count = sum(probability >= self.settings.speech for probability in probabilities)
        return count * WINDOW_S >= self.settings.speech_s

    def _start_s(self, first: int) -> float:
        return max(first * WINDOW_S - self.settings.padding_s, self._end_s)


def _span(start_s: float, end_s: float) -> Span:
    """The stretch, in whole milliseconds."""
    return Span(round(start_s, 3), round(end_s, 3))


def powers(samples: NDArray[np.float32], size: int) -> NDArray[np.float64]:
    """(windows,) mean squares of consecutive windows of a size; the last one may be shorter.

    >>> powers(np.float32([1, 1, 2]), 2).tolist()
    [1.0, 4.0]
    """
    starts = np.arange(0, samples.size, size)
    sums = np.add.reduceat(np.square(samples, dtype=np.float64), starts) if samples.size else np.zeros(0)
    return np.asarray(sums / np.minimum(size, samples.size - starts))
