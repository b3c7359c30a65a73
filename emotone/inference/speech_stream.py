"""Segments of speech in a stream of samples, scored by an ensemble as soon as they have ended, or in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import soxr

from emotone.audio.blas import one_thread
from emotone.audio.read import RATE_HZ, Samples, resample
from emotone.inference import speech_gate
from emotone.inference.ensemble import Ensemble, RecordingFeatures
from emotone.inference.options import Options
from emotone.inference.pooling import Floats
from emotone.inference.speech_segments import Segmenter, Span, powers
from emotone.inference.voice_activity import WINDOW, VoiceActivity


class Scored(NamedTuple):
    """A segment with its (labels,) probabilities, and the reason of the speech gate if no emotion is predicted."""

    span: Span
    probabilities: Floats
    reason: str


class SpeechStream:
    """One channel of a recording, block by block. Blocks of any size give the same segments and scores.

    Memory depends on the longest segment and on `batch`, not on the length of the recording.
    """

    def __init__(
        self, ensemble: Ensemble, options: Options, rate_hz: float, *, gate: bool = True, batch: int = 1
    ) -> None:
        """Ready for the first block.

        Args:
            rate_hz: sampling rate of the blocks.
            gate: whether segments that are too quiet, clipped or, for the model, no speech, get no emotion.
            batch: number of segments that are scored together.
        """
        self._ensemble, self._options, self._gate, self._batch = ensemble, options, gate, batch
        self._rate_hz = max(ensemble.rate_hz, RATE_HZ)
        self._resampled, self._detected = _Resampler(rate_hz, self._rate_hz), _Resampler(self._rate_hz, RATE_HZ)
        self._activity, self._segmenter = VoiceActivity(), Segmenter()
        self._kept = np.zeros(0, dtype=np.float32)  # samples that a segment may still need
        self._kept_from = 0  # number of the first of them
        self._powers_of = np.zeros(0, dtype=np.float32)  # samples at 16 kHz of the window that is not complete
        self._waiting: list[tuple[Span, Samples]] = []

    @property
    def heard_s(self) -> float:
        """Seconds so far."""
        return (self._kept_from + self._kept.size) / self._rate_hz

    def feed(self, samples: Samples, *, last: bool = False) -> list[Scored]:
        """The segments that were scored now, in order of time.

        Args:
            samples: (samples,) the next block.
            last: whether the recording ends with it.
        """
        sound = self._resampled(samples, last)
        self._kept = np.concatenate([self._kept, sound])
        spans = self._segments(self._detected(sound, last), last)
        self._waiting += [(span, self._cut_out(span)) for span in spans]
        self._forget()
        return self._score() if self._waiting and (last or len(self._waiting) >= self._batch) else []

    def interim(self) -> Scored | None:
        """The stretch of speech that has not ended, scored as far as it was heard; None during a pause."""
        span = self._segmenter.open
        if span is None or not (sound := self._cut_out(span)).size:
            return None
        return self._scored([(span, sound)])[0]

    def _segments(self, sound: Samples, last: bool) -> list[Span]:
        probabilities = self._activity.feed(sound)
        if last:
            probabilities = np.concatenate([probabilities, self._activity.finish()])
        sound = np.concatenate([self._powers_of, sound])
        complete = sound.size if last else probabilities.size * WINDOW
        self._powers_of = sound[complete:]
        spans = self._segmenter.feed(probabilities, powers(sound[:complete], WINDOW))
        if last:
            spans += self._segmenter.finish()
        return [Span(span.start_s, min(span.end_s, self.heard_s)) for span in spans] if last else spans

    def _cut_out(self, span: Span) -> Samples:
        first, end = (round(time_s * self._rate_hz) - self._kept_from for time_s in span)
        return np.array(self._kept[max(first, 0) : max(end, 0)])

    def _forget(self) -> None:
        """Drop the samples that no later segment needs."""
        first = min(int(self._segmenter.needed_from_s * self._rate_hz) - self._kept_from, self._kept.size)
        if first > 0:
            self._kept, self._kept_from = self._kept[first:].copy(), self._kept_from + first

    def _score(self) -> list[Scored]:
        waiting, self._waiting = self._waiting, []
        return self._scored(waiting)

    @one_thread()
    def _scored(self, segments: Sequence[tuple[Span, Samples]]) -> list[Scored]:
        clips = [self._features(sound) for _, sound in segments]
        options = self._options
        scores = self._ensemble.scores(clips, options.voice, options.domain, options.labels)
        return [
            Scored(span, _mean(found.probabilities, clip.recording.windows), self._reason(clip, found.speech))
            for (span, _), found, clip in zip(segments, scores, clips, strict=True)
        ]

    def _features(self, sound: Samples) -> RecordingFeatures:
        rates_hz = {RATE_HZ, *(model.audio.rate_hz for model in self._ensemble.models)}
        at_rates = {rate_hz: resample(sound, self._rate_hz, rate_hz) for rate_hz in rates_hz}
        return self._ensemble.features(self._ensemble.recording("", at_rates))

    def _reason(self, clip: RecordingFeatures, speech: Floats | None) -> str:
        """Why the segment gets no emotion; without scores of speech from the model, the detector's opinion counts."""
        if not self._gate:
            return ""
        levels, _ = speech_gate.measured(clip.recording.samples[RATE_HZ])
        return speech_gate.reason_of(levels, 0.0 if speech is None else float(speech.max()))


class _Resampler:
    """Blocks at one rate -> blocks at another; together they are what resampling the whole gives."""

    def __init__(self, from_hz: float, to_hz: float) -> None:
        self._stream = None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")

    def __call__(self, samples: Samples, last: bool) -> Samples:
        if self._stream is None:
            return samples
        return np.asarray(self._stream.resample_chunk(samples, last=last), dtype=np.float32)


def _mean(rows: Floats, windows: Sequence[tuple[float, float]]) -> Floats:
    """The mean of the rows, weighted by the lengths of their windows."""
    lengths = np.array([end - start for start, end in windows])
    return np.asarray(lengths @ rows / lengths.sum())
