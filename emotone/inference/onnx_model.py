"""An ONNX model exported by emotone: graph, audio settings, features, classes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

from emotone import features
from emotone.audio.read import AudioSettings, Loudness, Samples
from emotone.audio.steady_tones import cleaned
from emotone.errors import ModelError
from emotone.features import Feature, Values
from emotone.inference.clip_windows import ClipWindows
from emotone.inference.domain_profile import Domain
from emotone.inference.onnx_file import metadata, one_line, open_session
from emotone.inference.pooling import Floats
from emotone.inference.voice_profile import Voice

LONGEST_WHOLE_S = 10.0
"""Up to this length, a model of whole clips classifies a recording in one piece."""
WINDOW_S = 4.0
"""Length of the pieces of a longer recording."""
BATCH = 64


@dataclass(frozen=True)
class Input:
    """One input of the graph: a feature, computed after these audio settings.

    Attributes:
        windows: the parts of a clip that the graph receives; None: the whole clip.
    """

    name: str
    audio: AudioSettings
    feature: Feature
    windows: ClipWindows | None = None

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Input:
        """From the metadata of the file.

        Raises:
            ModelError: the model was trained on another version of the feature, or on another checkpoint.
        """
        feature = features.make(**facts["feature"])
        if (version := facts.get("feature_version")) and feature.version != version:
            raise ModelError(
                f"trained on version {version} of {facts['feature']['name']}, this emotone computes version "
                f"{feature.version}; train again, or use the emotone it came from"
            )
        if (identity := facts.get("feature_identity", "")) and feature.identity != identity:
            raise ModelError(f"trained on features of {identity}, but their checkpoint is now {feature.identity}")
        windows = ClipWindows(**facts["windows"]) if facts.get("windows") else None
        return cls(facts.get("name", "values"), AudioSettings(**facts["audio"]), feature, windows)

    def graph_values(self, values: Values) -> Values:
        """The values that the graph receives for a clip with this feature."""
        return values if self.windows is None else self.windows.of(values)


class ModelOutput(NamedTuple):
    """The output of a model for several pieces.

    Attributes:
        log_probs: (pieces, classes).
        embedding: (pieces, dims) before it is shifted; None: the model has none.
        speech: (pieces,) log-odds of speech, relative to the threshold of the speech gate; None: the model has none.
    """

    log_probs: Floats
    embedding: Floats | None = None
    speech: Floats | None = None


class Piece(NamedTuple):
    """A stretch of a recording: the feature of each input, and its length without silent ends."""

    values: dict[str, Values]
    seconds: float


class _Step(NamedTuple):
    """A feature to compute: from the sound after the settings of this number, or from the result of an earlier step."""

    feature: Feature
    settings: int
    source: int | None


class OnnxModel:
    """A model in one ONNX file.

    Attributes:
        title: of the recipe.
        classes: the labels it was trained on.
        unfinished: why training stopped early, if it did.
        trained_on: the corpora it was trained on.
        label_sets: name of a label set -> its calibration.
        inputs: one per feature.
        audio: the settings of the first input.
    """

    def __init__(self, file: Path, threads: int, session: onnxruntime.InferenceSession | None = None) -> None:
        """From a file, and its session if it is open already."""
        self._file = file.absolute()
        self._session = session or open_session(file, threads)
        try:
            self._read_metadata(metadata(self._session))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as problem:
            raise ModelError(
                f"{file}: its metadata cannot be read ({one_line(problem)}); export the model again"
            ) from problem
        if {item.audio.rate_hz for item in self.inputs} != {self.audio.rate_hz}:
            raise ModelError(f"{file}: its features need several sampling rates; merge models of one rate")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as the path of its file; loaded with one thread, since it then runs in one of several processes."""
        return type(self), (self._file, 1)

    def windows(self, duration_s: float) -> list[tuple[float, float]]:
        """(start_s, end_s) of each piece; a single one if the recording is as short as the training clips."""
        length = self.audio.seconds or WINDOW_S
        whole = 1.5 * length if self.audio.seconds else LONGEST_WHOLE_S
        if duration_s <= whole:
            return [(0.0, duration_s)]
        edges = np.linspace(0, duration_s, int(np.ceil(duration_s / length)) + 1).tolist()
        return list(itertools.pairwise(edges))

    def features(self, samples: Samples, windows: Sequence[tuple[float, float]]) -> list[Piece]:
        """The features of each piece."""
        rate_hz, pieces = self.audio.rate_hz, []
        for start, end in windows:
            piece = samples[round(start * rate_hz) : max(round(end * rate_hz), 1)]
            sounds = {tones: cleaned(piece, settings) for tones, settings in self._cleanings.items()}
            loudness = {tones: Loudness.of(sound, rate_hz) if self._trims else None for tones, sound in sounds.items()}
            prepared = [settings(sounds[settings.tones], loudness[settings.tones]) for settings in self._settings]
            results: list[Values] = []
            for feature, number, source in self._steps:
                if source is None:
                    results.append(feature.extract(prepared[number], rate_hz))
                else:
                    results.append(feature.of_source(results[source]))
            values = {name: results[step] for name, step in self._step_of_input}
            pieces.append(Piece(values, min(sound.size for sound in prepared) / rate_hz))
        return pieces

    @property
    def adapts(self) -> bool:
        """Whether it can be adapted to an enrolled speaker, or to a domain."""
        return False

    @property
    def identity(self) -> str:
        """What a profile depends on: the features."""
        return repr([(item.name, repr(item.feature), repr(item.audio)) for item in self.inputs])

    @property
    def embedding_dims(self) -> int:
        """Dimensions of the embedding, whose mean a profile holds; 0: the model cannot be adapted."""
        return 0

    def log_probabilities(self, pieces: Sequence[Piece]) -> Floats:
        """(pieces, classes) for an unknown speaker."""
        return self.run(pieces).log_probs

    def run(self, pieces: Sequence[Piece], voice: Voice | None = None, domain: Domain | None = None) -> ModelOutput:
        """The output for several pieces.

        Args:
            pieces: from `features`.
            voice: the voice profile of the speaker for this model (`Voice.of_model`); None: the speaker is unknown.
            domain: the domain profile for this model (`Domain.of_model`). Both are ignored by a model that cannot be
                adapted.
        """
        clips = [{item.name: item.graph_values(piece.values[item.name]) for item in self.inputs} for piece in pieces]
        batches = [self._run_batch(clips[first : first + BATCH]) for first in range(0, len(clips), BATCH)]
        return ModelOutput(np.concatenate([part for batch in batches for part in batch]).astype(np.float64))

    def _read_metadata(self, facts: Mapping[str, Any]) -> None:
        self.title: str = facts["title"]
        self.classes: tuple[str, ...] = tuple(facts["classes"])
        self.unfinished: str = facts["unfinished"]
        self.trained_on: tuple[str, ...] = tuple(facts.get("trained_on", ()))
        self.label_sets: dict[str, dict[str, Any]] = facts.get("label_sets", {})
        self.inputs = [Input.of(item) for item in facts.get("inputs", [facts])]
        self.audio = self.inputs[0].audio
        self._settings = list(dict.fromkeys(item.audio for item in self.inputs))
        self._cleanings = {settings.tones: settings for settings in self._settings}
        self._trims = any(settings.trim_db is not None for settings in self._settings)
        self._steps: list[_Step] = []
        self._step_of_input = [(item.name, self._step(item.feature, item.audio)) for item in self.inputs]

    def _run_batch(self, clips: Sequence[dict[str, Values]]) -> list[Values]:
        """(clips, classes) log-probabilities: of all clips at once if their shapes are equal, else clip by clip."""
        equal = len({tuple(value.shape for value in clip.values()) for clip in clips}) == 1
        groups = [clips] if equal else [[clip] for clip in clips]
        feeds = ({name: np.stack([clip[name] for clip in group]) for name in group[0]} for group in groups)
        return [self._session.run(["log_probabilities"], feed)[0] for feed in feeds]

    def _step(self, feature: Feature, settings: AudioSettings) -> int:
        """The number of the step that computes a feature after these settings; the step is appended if it is new."""
        source = None if feature.source is None else self._step(feature.source, settings)
        step = _Step(feature, self._settings.index(settings), source)
        if step not in self._steps:
            self._steps.append(step)
        return self._steps.index(step)
