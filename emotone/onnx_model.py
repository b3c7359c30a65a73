"""One ONNX file that emotone wrote, with the audio settings and features that it asks for."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from emotone import features
from emotone.audio import AudioSettings, Samples
from emotone.errors import ModelError
from emotone.features import Feature, Values

Floats = NDArray[np.float64]

LONGEST_WHOLE_S = 10.0
"""A model of whole clips hears a recording up to this long in one piece."""
WINDOW_S = 4.0
"""The pieces that a longer one is cut into."""
BATCH = 64
FORMATS = (1, 2, 3)
"""Of what a file says of itself: one model with one feature, or several merged into one with an input for each."""
KNOWN = "known"
"""The input of a merged graph that says how well the speaker is known, 0 .. 1."""


@dataclass(frozen=True)
class Adaptation:
    """How a feature is shifted for a speaker who was heard before, see `speaker_shift`; behind it, it is as it is."""

    average: Floats
    emotion_shifts: Floats


@dataclass(frozen=True)
class Input:
    """What an input of the graph is fed with: a feature of the sound, after these settings."""

    name: str
    audio: AudioSettings
    feature: Feature
    adaptation: Adaptation | None

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Input:
        """Of what the file says.

        Raises:
            ModelError: the feature's numbers, or its checkpoint, are others than the model was trained on.
        """
        feature = features.make(**facts["feature"])
        if (version := facts.get("feature_version")) and feature.version != version:
            raise ModelError(
                f"trained on version {version} of {facts['feature']['name']}, this emotone computes version "
                f"{feature.version}; train again, or use the emotone it came from"
            )
        if (identity := facts.get("feature_identity", "")) and feature.identity != identity:
            raise ModelError(f"trained on features of {identity}, but their checkpoint is now {feature.identity}")
        told = facts.get("adaptation") or None
        adaptation = None
        if told is not None:
            if not told.get("beside"):
                raise ModelError("it is adapted to speakers in an older way; export it again from its run")
            adaptation = Adaptation(np.array(told["average"]), np.array(told["emotion_shifts"]))
        return cls(facts.get("name", "values"), AudioSettings(**facts["audio"]), feature, adaptation)


class Piece(NamedTuple):
    """A stretch of a recording: what each input is fed with, and the seconds of it that are not silent ends."""

    values: dict[str, Values]
    seconds: float


class OnnxModel:
    """Its classes, its inputs, and what it hears."""

    def __init__(self, file: Path, threads: int) -> None:
        self._file = file.absolute()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as problem:  # onnxruntime raises its own kinds, which it does not publish
            raise ModelError(f"{file}: not readable as ONNX ({str(problem).splitlines()[0]})") from problem
        facts = _facts(self._session)
        self._asks_known = any(one.name == KNOWN for one in self._session.get_inputs())
        self.title: str = facts["title"]
        self.classes: tuple[str, ...] = tuple(facts["classes"])
        self.unfinished: str = facts["unfinished"]
        self.trained_on: tuple[str, ...] = tuple(facts.get("trained_on", ()))
        self.label_sets: dict[str, dict[str, Any]] = facts.get("label_sets", {})
        self.corpora: tuple[str, ...] = tuple(facts.get("sides", ()))
        self.inputs = [Input.of(one) for one in facts.get("inputs", [facts])]
        self.audio = self.inputs[0].audio
        if {one.audio.rate_hz for one in self.inputs} != {self.audio.rate_hz}:
            raise ModelError(f"{file}: its features are of sounds at several rates; merge models of one rate")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its file's place; made again it has one thread, for it is in a process among others."""
        return OnnxModel, (self._file, 1)

    def windows(self, duration_s: float) -> list[tuple[float, float]]:
        """(start_s, end_s) of the pieces: the whole where that is what the model was trained on."""
        length = self.audio.seconds or WINDOW_S
        whole = 1.5 * length if self.audio.seconds else LONGEST_WHOLE_S
        if duration_s <= whole:
            return [(0.0, duration_s)]
        edges = np.linspace(0, duration_s, int(np.ceil(duration_s / length)) + 1).tolist()
        return list(itertools.pairwise(edges))

    def features(self, samples: Samples, windows: Sequence[tuple[float, float]]) -> list[Piece]:
        """Of each piece, what every input is fed with."""
        rate_hz, found = self.audio.rate_hz, []
        for start, end in windows:
            piece = samples[round(start * rate_hz) : max(round(end * rate_hz), 1)]
            prepared: dict[AudioSettings, Samples] = {}
            values = {}
            heard: dict[tuple[AudioSettings, Feature], Values] = {}
            for one in self.inputs:
                if one.audio not in prepared:
                    prepared[one.audio] = one.audio(piece)
                values[one.name] = _extracted(one.feature, one.audio, prepared[one.audio], heard)
            found.append(Piece(values, min(one.size for one in prepared.values()) / rate_hz))
        return found

    def log_probabilities(
        self, pieces: Sequence[Piece], shifts: Mapping[str, Floats] | None = None, known: float = 0.0
    ) -> Floats:
        """(pieces, classes); arguments as of `hear`."""
        return self.hear(pieces, shifts, known)[0]

    def hear(
        self, pieces: Sequence[Piece], shifts: Mapping[str, Floats] | None = None, known: float = 0.0
    ) -> tuple[Floats, Floats]:
        """(pieces, classes) log-probabilities; (pieces, corpora) to what share each sounds of which.

        Args:
            pieces: as of `features`.
            shifts: of an input, what to take from its values: the speaker's own.
            known: how well the speaker is known, 0 .. 1.
        """
        taken = {one.name: np.float32(0) for one in self.inputs if one.adaptation is not None}
        taken |= {name: shift.astype(np.float32) for name, shift in (shifts or {}).items()}
        heard = [
            {
                name: np.concatenate([value - taken[name], value]) if name in taken else value
                for name, value in piece.values.items()
            }
            for piece in pieces
        ]
        told = {KNOWN: np.array([known], dtype=np.float32)} if self._asks_known else {}
        rows, sides = [], []
        for first in range(0, len(heard), BATCH):
            chunk = heard[first : first + BATCH]
            alike = len({tuple(value.shape for value in piece.values()) for piece in chunk}) == 1
            groups = [chunk] if alike else [[piece] for piece in chunk]
            for group in groups:
                fed = told | {name: np.stack([piece[name] for piece in group]) for name in group[0]}
                log_probs, *others = self._session.run(None, fed)
                rows.append(log_probs)
                sides.append(others[0] if self.corpora else np.zeros((len(group), 0)))
        return np.concatenate(rows).astype(np.float64), np.concatenate(sides).astype(np.float64)


def _extracted(
    feature: Feature, settings: AudioSettings, samples: Samples, heard: dict[tuple[AudioSettings, Feature], Values]
) -> Values:
    """The feature of a piece; what is computed once is kept among what was heard, for others that need it."""
    if (key := (settings, feature)) not in heard:
        source = feature.source
        if source is None:
            heard[key] = feature.extract(samples, settings.rate_hz)
        else:
            heard[key] = feature.of_source(_extracted(source, settings, samples, heard))
    return heard[key]


def _facts(session: onnxruntime.InferenceSession) -> dict[str, Any]:
    text = session.get_modelmeta().custom_metadata_map.get("emotone")
    if text is None:
        raise ModelError("this ONNX file does not say its classes and features; use one that emotone exported")
    facts: dict[str, Any] = json.loads(text)
    if facts.get("format") not in FORMATS:
        known = " and ".join(map(str, FORMATS))
        raise ModelError(
            f"the model is of form {facts.get('format')}, this emotone reads forms {known}; update emotone"
        )
    return facts
