"""One or several ONNX models of the same classes, whose log-probabilities are pooled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from hashlib import blake2b
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from emotone.audio import read as audio
from emotone.audio.blas import one_thread
from emotone.audio.mono import Channel
from emotone.audio.read import RATE_HZ, Samples, Source
from emotone.errors import AudioError, ModelError
from emotone.inference.domain_profile import Domain
from emotone.inference.label_calibration import LabelCalibration
from emotone.inference.onnx_model import ModelOutput, OnnxModel, Piece
from emotone.inference.pooling import Floats, pooled
from emotone.inference.profile_files import Arrays
from emotone.inference.speech_model import EMBEDDING
from emotone.inference.voice_profile import Voice

ModelPieces = list[list[Piece]]
"""For each model, the pieces of a recording."""


class Recording(NamedTuple):
    """Decoded audio, and the windows in which it is classified.

    Attributes:
        windows: (start_s, end_s) of each.
        samples: sampling rate -> (samples,).
    """

    name: str
    duration_s: float
    windows: list[tuple[float, float]]
    samples: dict[int, Samples]


class RecordingFeatures(NamedTuple):
    """A recording, and for each model the features of each window."""

    recording: Recording
    pieces: ModelPieces


class WindowScores(NamedTuple):
    """The scores of the windows of one or several recordings.

    Attributes:
        probabilities: (windows, labels).
        speech: (windows,) log-odds of speech; None if no model has them.
    """

    probabilities: Floats
    speech: Floats | None


class RecordingSummary(NamedTuple):
    """What a domain profile needs of a recording.

    Attributes:
        embeddings: `NUMBER/embedding` of each model that has one -> (dims,) mean over the windows.
        emotions: (classes,) mean probabilities.
    """

    embeddings: dict[str, Floats]
    emotions: Floats


class Ensemble:
    """Models of the same classes with a weight each; often a single one.

    Attributes:
        models: in the order of the weights.
        classes: the labels they were trained on.
        rate_hz: the highest of their sampling rates.
        channel: the channel that the first model was trained on.
        adapts: whether one of them can be adapted to a speaker or a domain.
    """

    def __init__(self, models: Sequence[OnnxModel], weights: Sequence[float] = (1.0,)) -> None:
        if different := [model for model in models if model.classes != models[0].classes]:
            classes = " and ".join(", ".join(model.classes) for model in (models[0], different[0]))
            raise ModelError(f"the models of this ensemble have different classes ({classes}); make it again")
        self.models, self._weights = tuple(models), tuple(weights)
        self.classes: tuple[str, ...] = models[0].classes
        self.rate_hz: int = max(model.audio.rate_hz for model in models)
        self.channel: Channel = models[0].audio.channel
        self.adapts: bool = any(model.adapts for model in models)

    @property
    def identity(self) -> str:
        """A hash of what a profile depends on, by which it recognises its model."""
        content = repr((self.classes, [model.identity for model in self.models]))
        return blake2b(content.encode(), digest_size=8).hexdigest()

    def read(self, source: Source, rate_hz: float | None = None, channel: Channel | None = None) -> Recording:
        """A recording at the rates of the models and of the speech gate.

        Args:
            source: as in `audio.read`.
            rate_hz: the rate of an array.
            channel: as in `audio.read`; None: as the first model was trained.
        """
        if isinstance(source, np.ndarray) and rate_hz is None:
            raise AudioError("an array has no sampling rate; pass rate_hz=")
        rates_hz = [*(model.audio.rate_hz for model in self.models), RATE_HZ]
        samples = audio.read_at(source, rates_hz, source_rate_hz=rate_hz, channel=channel or self.channel)
        return self.recording(audio.name_of(source), samples)

    def recording(self, name: str, samples: dict[int, Samples]) -> Recording:
        """A recording of these samples, at the rates of the models, with the windows that the models need."""
        first_hz = self.models[0].audio.rate_hz
        duration_s = samples[first_hz].size / first_hz
        windows = max((model.windows(duration_s) for model in self.models), key=len)  # short enough for each
        return Recording(name, duration_s, windows, samples)

    @one_thread()
    def features(self, recording: Recording) -> RecordingFeatures:
        """The features of all windows, for each model."""
        pieces = [model.features(recording.samples[model.audio.rate_hz], recording.windows) for model in self.models]
        return RecordingFeatures(recording, pieces)

    def log_probabilities(
        self, pieces: ModelPieces, voice: Voice | None = None, domain: Domain | None = None
    ) -> Floats:
        """(windows, classes), pooled, not calibrated."""
        return self._pooled(self._outputs(pieces, voice, domain))

    def scores(
        self, clips: Sequence[RecordingFeatures], voice: Voice | None, domain: Domain | None, labels: LabelCalibration
    ) -> list[WindowScores]:
        """For each clip of one batch, the scores of its windows, calibrated for these labels."""
        outputs = self._outputs(_in_one_batch(clips), voice, domain)
        scores = labels.sharpness * self._pooled(outputs)
        probabilities = np.exp(scores - scores.max(axis=1, keepdims=True)) @ labels.matrix
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        speech = next((output.speech for output in outputs if output.speech is not None), None)
        ends = np.cumsum([len(clip.recording.windows) for clip in clips])[:-1]
        of_clips = [None] * len(clips) if speech is None else np.split(speech, ends)
        return [WindowScores(*parts) for parts in zip(np.split(probabilities, ends), of_clips, strict=True)]

    def voice(self, clips: Sequence[ModelPieces]) -> Voice:
        """The voice profile of a speaker, from clips of that speaker."""
        outputs = [self._outputs(pieces) for pieces in clips]
        rows: dict[str, list[Floats]] = defaultdict(list)
        for of_models in outputs:
            for name, embeddings in self._embeddings(of_models).items():
                rows[name].append(embeddings)
        means = {name: np.concatenate(embeddings).mean(axis=0) for name, embeddings in rows.items()}
        emotions = np.exp(np.concatenate([self._pooled(of_models) for of_models in outputs]))
        return Voice(
            self.identity,
            sum(piece.seconds for clip in clips for piece in clip[0]),
            {name: mean.astype(np.float32) for name, mean in means.items()},
            emotions.mean(axis=0).astype(np.float32),
        )

    def summaries(self, clips: Sequence[RecordingFeatures]) -> list[RecordingSummary]:
        """For a domain profile, what it needs of each clip of one batch."""
        ends = np.cumsum([len(clip.recording.windows) for clip in clips])[:-1]
        outputs = self._outputs(_in_one_batch(clips))
        emotions = np.split(np.exp(self._pooled(outputs)), ends)
        embeddings = {name: np.split(rows, ends) for name, rows in self._embeddings(outputs).items()}
        return [
            RecordingSummary({name: rows[clip].mean(axis=0) for name, rows in embeddings.items()}, of_clip.mean(axis=0))
            for clip, of_clip in enumerate(emotions)
        ]

    def domain(self, recordings: Sequence[RecordingSummary]) -> Domain:
        """The domain profile of two recordings or more; each counts the same, whatever its length."""
        rows = {name: np.stack([one.embeddings[name] for one in recordings]) for name in recordings[0].embeddings}
        emotions = np.stack([one.emotions for one in recordings])
        return Domain(
            self.identity,
            len(recordings),
            {name: values.mean(axis=0).astype(np.float32) for name, values in rows.items()},
            {name: values.std(axis=0, ddof=1).astype(np.float32) for name, values in rows.items()},
            emotions.mean(axis=0).astype(np.float32),
        )

    def is_complete(self, profile: Voice | Domain) -> bool:
        """Whether a profile of this model has all values, in their shapes; a damaged file has not."""
        shapes = {
            f"{number}/{EMBEDDING}": (model.embedding_dims,) for number, model in enumerate(self.models) if model.adapts
        }
        numbers: list[Any] = [profile.emotions, *profile.means.values()]
        complete = _shapes(profile.means) == shapes and profile.emotions.shape == (len(self.classes),)
        if isinstance(profile, Voice):
            numbers.append(profile.seconds)
            complete &= profile.seconds >= 0
        else:
            numbers += profile.deviations.values()
            complete &= _shapes(profile.deviations) == shapes and profile.recordings >= 1
        return complete and all(np.isfinite(number).all() for number in numbers)

    def _outputs(
        self, pieces: ModelPieces, voice: Voice | None = None, domain: Domain | None = None
    ) -> list[ModelOutput]:
        """The output of each model."""
        return [
            model.run(
                of_model,
                None if voice is None else voice.of_model(number),
                None if domain is None else domain.of_model(number),
            )
            for number, (model, of_model) in enumerate(zip(self.models, pieces, strict=True))
        ]

    def _embeddings(self, outputs: Sequence[ModelOutput]) -> dict[str, Floats]:
        """`NUMBER/embedding` of each model that can be adapted -> (pieces, dims)."""
        return {
            f"{number}/{EMBEDDING}": output.embedding
            for number, (model, output) in enumerate(zip(self.models, outputs, strict=True))
            if model.adapts and output.embedding is not None
        }

    def _pooled(self, outputs: Sequence[ModelOutput]) -> Floats:
        if len(outputs) == 1:
            return outputs[0].log_probs
        return pooled([output.log_probs for output in outputs], self._weights)


def _in_one_batch(clips: Sequence[RecordingFeatures]) -> ModelPieces:
    return [list(chain.from_iterable(parts)) for parts in zip(*(clip.pieces for clip in clips), strict=True)]


def _shapes(arrays: Arrays) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in arrays.items()}
