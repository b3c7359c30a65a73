"""Stretches of speech with their samples, from one channel that comes in block by block."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import soxr

from emotone.audio.read import RATE_HZ, Samples
from emotone.inference.speech_segments import Segmenter, Span, powers
from emotone.inference.voice_activity import WINDOW, VoiceActivity


class Speech(NamedTuple):
    """A stretch of speech.

    Attributes:
        span: its place in the recording.
        samples: (samples,) of it.
    """

    span: Span
    samples: Samples


class SpeechStream:
    """The speech in one channel. Blocks of any size give the same stretches.

    Memory depends on the longest stretch, not on the length of the recording.

    >>> stream = SpeechStream(8000, 16_000)
    >>> stream.feed(np.zeros(8000, dtype=np.float32), last=True), stream.heard_s
    ([], 1.0)
    """

    def __init__(self, from_hz: float, to_hz: int = RATE_HZ) -> None:
        """For blocks at one sampling rate; the samples of the stretches have another, 16 kHz or higher."""
        self._rate_hz = to_hz
        self._resampled, self._detected = _Resampler(from_hz, to_hz), _Resampler(to_hz, RATE_HZ)
        self._activity, self._segmenter = VoiceActivity(), Segmenter()
        self._kept = np.zeros(0, dtype=np.float32)  # samples that a stretch may still need
        self._kept_from = 0  # number of the first of them
        self._incomplete = np.zeros(0, dtype=np.float32)  # at 16 kHz, of the window that is not complete

    @property
    def heard_s(self) -> float:
        """Seconds so far."""
        return (self._kept_from + self._kept.size) / self._rate_hz

    def feed(self, samples: Samples, *, last: bool = False) -> list[Speech]:
        """The stretches that ended in this block, in order of time.

        Args:
            samples: (samples,) the next block.
            last: whether the recording ends with it.
        """
        sound = self._resampled(samples, last)
        self._kept = np.concatenate([self._kept, sound])
        spans = self._ended(self._detected(sound, last), last)
        found = [Speech(span, self._cut_out(span)) for span in spans]
        first = min(int(self._segmenter.needed_from_s * self._rate_hz) - self._kept_from, self._kept.size)
        if first > 0:
            self._kept, self._kept_from = self._kept[first:].copy(), self._kept_from + first
        return found

    @property
    def interim(self) -> Speech | None:
        """The stretch that has not ended, so far; None during a pause."""
        span = self._segmenter.open
        return None if span is None else Speech(span, self._cut_out(span))

    def _ended(self, sound: Samples, last: bool) -> list[Span]:
        probabilities = self._activity.feed(sound)
        if last:
            probabilities = np.concatenate([probabilities, self._activity.finish()])
        sound = np.concatenate([self._incomplete, sound])
        complete = sound.size if last else probabilities.size * WINDOW
        self._incomplete = sound[complete:]
        spans = self._segmenter.feed(probabilities, powers(sound[:complete], WINDOW))
        if not last:
            return spans
        end_s = round(self.heard_s, 3)
        return [Span(span.start_s, min(span.end_s, end_s)) for span in spans + self._segmenter.finish()]

    def _cut_out(self, span: Span) -> Samples:
        first, end = (round(time_s * self._rate_hz) - self._kept_from for time_s in span)
        return np.array(self._kept[max(first, 0) : max(end, 0)])


class _Resampler:
    """Blocks at one rate -> blocks at another; together they are what resampling the whole gives."""

    def __init__(self, from_hz: float, to_hz: float) -> None:
        self._stream = None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")

    def __call__(self, samples: Samples, last: bool) -> Samples:
        if self._stream is None:
            return samples
        return np.asarray(self._stream.resample_chunk(samples, last=last), dtype=np.float32)
