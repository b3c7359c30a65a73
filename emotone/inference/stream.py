"""Emotion in a live stream: a result for each stretch of speech, while it goes on and when it has ended."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotone.audio.limits import check_rate
from emotone.audio.mono import Mixer, checked_array
from emotone.errors import EmotoneError
from emotone.inference.domain_profile import Domain
from emotone.inference.long_recording import Utterance
from emotone.inference.options import checked_options
from emotone.inference.prediction import Segment
from emotone.inference.predictor import Predictor, load_model
from emotone.inference.segment_scorer import SegmentScorer
from emotone.inference.speech_stream import Speech, SpeechStream
from emotone.inference.voice_profile import Voice


class Result(NamedTuple):
    """What is known of a stretch of speech.

    Attributes:
        segment: its place in the stream, and its emotion.
        final: whether the stretch has ended; if not, a later result replaces this one.
    """

    segment: Segment
    final: bool


class Stream:
    """Takes blocks of samples of any size. The final segments are those of `predict` for the same long recording.

    A stretch ends after a pause of .4 s (.2 s if it is longer than 4 s), or at its quietest place after 8 s.

    >>> stream = Stream(8000)
    >>> stream.feed(np.zeros(800)), stream.finish()
    ([], [])

    Attributes:
        heard_s: seconds so far.
    """

    def __init__(
        self,
        rate_hz: float,
        *,
        model: str | os.PathLike[str] | Predictor = "default",
        labels: str | Sequence[str] = "all",
        min_confidence: float | None = None,
        voice: Voice | None = None,
        domain: Domain | None = None,
        smooth_s: float = 0.0,
        interim_s: float | None = 1.0,
    ) -> None:
        """Ready for the first block.

        Args:
            rate_hz: sampling rate of the blocks.
            model: as in `predict`, or a loaded model.
            labels, min_confidence, voice, domain, smooth_s: as in `predict`.
            interim_s: seconds of new sound after which a stretch that goes on gets another result; None: never.

        Raises:
            AudioError: the sampling rate is not accepted.
            ModelError, EmotoneError: as in `predict`.
        """
        rate = check_rate(rate_hz, "stream")
        self._predictor = model if isinstance(model, Predictor) else load_model(model, threads=1)
        options = checked_options(
            self._predictor.ensemble, None, voice, domain, False, labels, min_confidence, None, (), smooth_s
        )
        self._scorer = SegmentScorer(self._predictor.ensemble, options, gate=self._predictor.gate)
        self._speech = SpeechStream(rate, self._scorer.rate_hz)
        self._mixer = Mixer("stream")
        self._interim_s, self._next_s = interim_s, 0.0
        self._ended = False

    @property
    def heard_s(self) -> float:
        """Seconds so far."""
        return self._speech.heard_s

    def feed(self, samples: NDArray[Any]) -> list[Result]:
        """The results that these samples bring, in order of time.

        Args:
            samples: (samples,) or (samples, channels), which are averaged; floats or integers, as in `predict`.

        Raises:
            AudioError: not finite, or no samples of sound.
            EmotoneError: the stream has ended.
        """
        return self._feed(self._mixer(checked_array(np.asarray(samples), "stream")), last=False)

    def finish(self) -> list[Result]:
        """The result of the last stretch, if it goes on; nothing can be fed afterwards."""
        return self._feed(np.zeros(0, dtype=np.float32), last=True)

    def _feed(self, samples: NDArray[np.float32], *, last: bool) -> list[Result]:
        if self._ended:
            raise EmotoneError("the stream has ended; make a new Stream")
        self._ended = last
        ended = self._speech.feed(samples, last=last)
        results = [Result(segment, True) for speech in ended for segment in self._scorer.score([_utterance(speech)])]
        if ended:
            self._next_s = 0.0
        if not last and self._interim_s is not None and (speech := self._speech.interim) is not None:
            self._next_s = self._next_s or speech.span.start_s + self._interim_s
            if self.heard_s >= self._next_s and speech.samples.size:
                self._next_s = self.heard_s + self._interim_s
                results.append(Result(self._scorer.interim(_utterance(speech)), False))
        return results


def _utterance(speech: Speech) -> Utterance:
    return Utterance(speech.span, speech.samples, "", "")
