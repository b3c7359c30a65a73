"""Segments of a recording with their emotions, from its stretches of speech."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from emotone.audio.blas import one_thread
from emotone.audio.read import RATE_HZ, Samples, resample
from emotone.inference import speech_gate
from emotone.inference.batching import batched
from emotone.inference.ensemble import Ensemble, RecordingFeatures, WindowScores
from emotone.inference.long_recording import Utterance
from emotone.inference.options import Options
from emotone.inference.pooling import Floats
from emotone.inference.prediction import Segment, make_segment
from emotone.inference.voice_profile import Voice

KNOWN_S = 20.0
"""Speech of a speaker after which the rest of the recording is classified relative to this speaker."""
ENROLLED_S = 60.0
"""Speech of a speaker after which the voice profile is no longer extended."""
_ENROLLED_TOGETHER = 16
_SMOOTHED = 0.5  # greatest weight of what was said before


class SegmentScorer:
    """Scores the stretches of speech of one recording, in order of time.

    Attributes:
        rate_hz: sampling rate of the samples of a stretch.
    """

    def __init__(self, ensemble: Ensemble, options: Options, *, gate: bool) -> None:
        """For one recording; `gate` as in `load_model`."""
        self.rate_hz = max(ensemble.rate_hz, RATE_HZ)
        self._ensemble, self._options, self._gate = ensemble, options, gate
        self._voices: dict[str, Voice] = {}
        self._before: dict[tuple[str, str], tuple[float, Floats]] = {}
        self._total: Floats = np.zeros(len(options.labels.labels))
        self._refused: Counter[str] = Counter()

    @one_thread()
    def score(self, utterances: Sequence[Utterance]) -> list[Segment]:
        """The segments of some stretches of speech; the same ones whatever is scored together."""
        if len(utterances) > 1 and any(utterance.speaker for utterance in utterances):
            return [segment for utterance in utterances for segment in self.score([utterance])]
        if not utterances:
            return []
        clips = [self._features(utterance.samples) for utterance in utterances]
        voice, options = self._voice(utterances[0].speaker), self._options
        found = self._ensemble.scores(clips, voice, options.domain, options.labels)
        segments = [self._segment(*each) for each in zip(utterances, clips, found, strict=True)]
        self._enrol(utterances[0].speaker, clips)
        return segments

    def enrol(self, utterances: Iterable[Utterance]) -> None:
        """Make the voice profile of the only speaker of a recording before it is scored."""
        voice: Voice | None = None
        for some in batched(utterances, _ENROLLED_TOGETHER):
            found = self._ensemble.voice([self._features(utterance.samples).pieces for utterance in some])
            voice = found if voice is None else voice.joined(found)
        self._options = self._options._replace(voice=voice)

    def interim(self, utterance: Utterance) -> Segment:
        """The segment of a stretch of speech that has not ended; what comes later does not depend on it."""
        clip, options = self._features(utterance.samples), self._options
        (scores,) = self._ensemble.scores([clip], self._voice(utterance.speaker), options.domain, options.labels)
        probabilities = _mean(scores.probabilities, clip.recording.windows)
        reason = self._reason(clip, scores.speech)
        return self._made(utterance, probabilities, reason)

    def whole(self) -> tuple[Floats | None, str]:
        """(labels,) mean over the segments that passed the gate, by length, or None; and if none, the reason."""
        if self._total.any():
            return self._total / self._total.sum(), ""
        return None, self._refused.most_common(1)[0][0] if self._refused else "no_speech"

    def of_beginning(self, samples: Samples, rate_hz: float) -> Floats:
        """(labels,) probabilities of the beginning of a recording without speech."""
        clip, options = self._features(resample(samples, rate_hz, self.rate_hz)), self._options
        (scores,) = self._ensemble.scores([clip], options.voice, options.domain, options.labels)
        return _mean(scores.probabilities, clip.recording.windows)

    def _segment(self, utterance: Utterance, clip: RecordingFeatures, scores: WindowScores) -> Segment:
        probabilities = self._smoothed(utterance, _mean(scores.probabilities, clip.recording.windows))
        reason = self._reason(clip, scores.speech)
        if reason:
            self._refused[reason] += 1
        else:
            self._total = self._total + (utterance.span.end_s - utterance.span.start_s) * probabilities
        return self._made(utterance, probabilities, reason)

    def _made(self, utterance: Utterance, probabilities: Floats, reason: str) -> Segment:
        options = self._options
        return make_segment(
            *utterance.span, probabilities, reason, options.labels.labels, options.min_confidence,
            speaker=utterance.speaker, channel=utterance.channel,
        )  # fmt: skip

    def _smoothed(self, utterance: Utterance, probabilities: Floats) -> Floats:
        """Averaged with those of the segment before, of the same channel and speaker; less if it was long ago."""
        smooth_s, key = self._options.smooth_s, (utterance.channel, utterance.speaker)
        if smooth_s > 0:
            if key in self._before:
                end_s, before = self._before[key]
                weight = _SMOOTHED * math.exp(-max(0.0, utterance.span.start_s - end_s) / smooth_s)
                probabilities = (1 - weight) * probabilities + weight * before
            self._before[key] = utterance.span.end_s, probabilities
        return probabilities

    def _voice(self, speaker: str) -> Voice | None:
        own = self._voices.get(speaker)
        return own if own is not None and own.seconds >= KNOWN_S else self._options.voice

    def _enrol(self, speaker: str, clips: Sequence[RecordingFeatures]) -> None:
        """Extend the voice profile of a speaker whose turns are known."""
        known = self._voices.get(speaker)
        if not speaker or not self._ensemble.adapts or (known is not None and known.seconds >= ENROLLED_S):
            return
        voice = self._ensemble.voice([clip.pieces for clip in clips])
        self._voices[speaker] = voice if known is None else known.joined(voice)

    def _features(self, samples: Samples) -> RecordingFeatures:
        rates_hz = {RATE_HZ, *(model.audio.rate_hz for model in self._ensemble.models)}
        at_rates = {rate_hz: resample(samples, self.rate_hz, rate_hz) for rate_hz in rates_hz}
        return self._ensemble.features(self._ensemble.recording("", at_rates))

    def _reason(self, clip: RecordingFeatures, speech: Floats | None) -> str:
        """Why the segment gets no emotion; without scores of speech from the model, that of the detector counts."""
        if not self._gate:
            return ""
        levels, _ = speech_gate.measured(clip.recording.samples[RATE_HZ])
        return speech_gate.reason_of(levels, 0.0 if speech is None else float(speech.max()))


def _mean(rows: Floats, windows: Sequence[tuple[float, float]]) -> Floats:
    """The mean of the rows, weighted by the lengths of their windows."""
    lengths = np.array([end - start for start, end in windows])
    return np.asarray(lengths @ rows / lengths.sum())
