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
from emotone.audio.read import AudioSettings, Loudness, Samples
from emotone.audio.steady_tones import cleaned
from emotone.errors import ModelError
from emotone.features import Feature, Values
from emotone.inference.clip_windows import ClipWindows
from emotone.inference.speaker_shift import acquaintance, speaker_shift
from emotone.inference.voice_profile import Voice

Floats = NDArray[np.float64]

LONGEST_WHOLE_S = 10.0
"""A model of whole clips hears a recording up to this long in one piece."""
WINDOW_S = 4.0
"""The pieces that a longer one is cut into."""
BATCH = 64
FORMAT = 5
FORMATS = (1, 2, 3, 4, FORMAT)
"""Of what a file says of itself: one model with one feature, or several merged into one with an input for each; from 4
on some of them may have their scores centred on the speaker, from 5 on steady tones may be taken out of a clip."""
KNOWN = "known"
"""The input of a merged graph that says how well the speaker is known, 0 .. 1."""
SIDES = "sides"
"""The output of a graph that tells corpora apart: (batch, corpora) to what share a clip sounds of each."""
OWN = "own_"
"""What the output is called by that gives a part's scores, before the name of the input that centres them."""


@dataclass(frozen=True)
class Adaptation:
    """How a feature is shifted for a speaker who was heard before, see `speaker_shift`; behind it, it is as it is."""

    average: Floats
    emotion_shifts: Floats


@dataclass(frozen=True)
class Input:
    """What an input of the graph is fed with: a feature of the sound, after these settings.

    `windows` is what the graph hears of a clip; None: all of it.
    """

    name: str
    audio: AudioSettings
    feature: Feature
    adaptation: Adaptation | None
    windows: ClipWindows | None = None

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
        windows = ClipWindows(**facts["windows"]) if facts.get("windows") else None
        return cls(facts.get("name", "values"), AudioSettings(**facts["audio"]), feature, adaptation, windows)

    def fed(self, values: Values, shifts: Mapping[str, Values]) -> Values:
        """What the graph is given of a clip's feature.

        Args:
            values: the feature.
            shifts: by name, what is taken from inputs that are adapted to the speaker.
        """
        if self.name in shifts:
            values = np.concatenate([values - shifts[self.name], values])
        return values if self.windows is None else self.windows.of(values)


class Heard(NamedTuple):
    """What a model hears in some pieces.

    Attributes:
        log_probs: (pieces, classes).
        sides: (pieces, corpora) to what share each sounds of which.
        scores: of each part of the model whose scores are centred on a speaker, (pieces, classes) those that it gave.
    """

    log_probs: Floats
    sides: Floats
    scores: dict[str, Floats]


class Piece(NamedTuple):
    """A stretch of a recording: what each input is fed with, and the seconds of it that are not silent ends."""

    values: dict[str, Values]
    seconds: float


class _Step(NamedTuple):
    """A feature that is computed: of the sound after which of the settings, or from what which step before gave."""

    feature: Feature
    settings: int
    source: int | None


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
        self._outputs = [one.name for one in self._session.get_outputs()]
        self.title: str = facts["title"]
        self.classes: tuple[str, ...] = tuple(facts["classes"])
        self.unfinished: str = facts["unfinished"]
        self.trained_on: tuple[str, ...] = tuple(facts.get("trained_on", ()))
        self.label_sets: dict[str, dict[str, Any]] = facts.get("label_sets", {})
        self.corpora: tuple[str, ...] = tuple(facts.get("sides", ()))
        self.inputs = [Input.of(one) for one in facts.get("inputs", [facts])]
        self.centred: dict[str, Floats] = {
            name: np.array(averages) for name, averages in facts.get("centred", {}).items()
        }
        """Of each part whose scores are centred on the speaker, (corpora, classes) what they are on average."""
        self.audio = self.inputs[0].audio
        if {one.audio.rate_hz for one in self.inputs} != {self.audio.rate_hz}:
            raise ModelError(f"{file}: its features are of sounds at several rates; merge models of one rate")
        self._settings = list(dict.fromkeys(one.audio for one in self.inputs))
        self._cleanings = {settings.tones: settings for settings in self._settings}
        self._trims = any(settings.trim_db is not None for settings in self._settings)
        self._steps: list[_Step] = []
        self._fed = [(one.name, self._step(one.feature, one.audio)) for one in self.inputs]
        no_shifts: dict[str, Floats] = {one.name: np.zeros(()) for one in self.inputs}
        no_shifts |= {name: np.zeros(len(self.classes)) for name in self.centred}
        self._of_unknown = self._told(0.0, no_shifts)

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
            sounds = {tones: cleaned(piece, settings) for tones, settings in self._cleanings.items()}
            loudness = {tones: Loudness.of(sound, rate_hz) if self._trims else None for tones, sound in sounds.items()}
            prepared = [settings(sounds[settings.tones], loudness[settings.tones]) for settings in self._settings]
            given: list[Values] = []
            for feature, place, source in self._steps:
                if source is None:
                    given.append(feature.extract(prepared[place], rate_hz))
                else:
                    given.append(feature.of_source(given[source]))
            values = {name: given[step] for name, step in self._fed}
            found.append(Piece(values, min(one.size for one in prepared) / rate_hz))
        return found

    @property
    def adapts(self) -> bool:
        """Whether it hears a speaker better who was heard before."""
        return bool(self.centred) or any(one.adaptation is not None for one in self.inputs)

    def log_probabilities(self, pieces: Sequence[Piece]) -> Floats:
        """(pieces, classes) of a speaker of whom nothing is known."""
        return self.hear(pieces).log_probs

    def hear(self, pieces: Sequence[Piece], voice: Voice | None = None) -> Heard:
        """What is heard in some pieces.

        Args:
            pieces: as of `features`.
            voice: of this model (`Voice.of_model`); None: the speaker is not known.
        """
        told, shifts = self._of_unknown if voice is None else self._told(*self._shifts(voice))
        fed = [{one.name: one.fed(piece.values[one.name], shifts) for one in self.inputs} for piece in pieces]
        given = [self._run(told, fed[first : first + BATCH]) for first in range(0, len(fed), BATCH)]
        rows = {
            name: np.concatenate([one[name] for part in given for one in part]).astype(np.float64)
            for name in self._outputs
        }
        scores = {name: rows[f"{OWN}{name}"] for name in self.centred}
        return Heard(rows["log_probabilities"], rows.get(SIDES, np.zeros((len(pieces), 0))), scores)

    def _run(self, told: Mapping[str, Any], chunk: Sequence[dict[str, Values]]) -> list[dict[str, Values]]:
        """What the graph gives, piece by piece where they are of several lengths, else at once."""
        alike = len({tuple(value.shape for value in piece.values()) for piece in chunk}) == 1
        groups = [chunk] if alike else [[piece] for piece in chunk]
        fed = ({**told, **{name: np.stack([piece[name] for piece in group]) for name in group[0]}} for group in groups)
        return [dict(zip(self._outputs, self._session.run(self._outputs, one), strict=True)) for one in fed]

    def _told(self, known: float, shifts: Mapping[str, Floats]) -> tuple[dict[str, Values], dict[str, Values]]:
        """What the graph is told of a speaker; and of each input that is adapted, what is taken from it."""
        told = {name: shifts[name].astype(np.float32) for name in self.centred}
        if self._asks_known:
            told[KNOWN] = np.array([known], dtype=np.float32)
        return told, {one.name: shifts[one.name].astype(np.float32) for one in self.inputs if one.adaptation}

    def _step(self, feature: Feature, settings: AudioSettings) -> int:
        """Which of the steps gives a feature of the sound after these settings; it is put behind them if none does."""
        source = None if feature.source is None else self._step(feature.source, settings)
        step = _Step(feature, self._settings.index(settings), source)
        if step not in self._steps:
            self._steps.append(step)
        return self._steps.index(step)

    def _shifts(self, voice: Voice) -> tuple[float, dict[str, Floats]]:
        """How well a speaker is known, and what to take from each input and from each part's scores."""
        known = acquaintance(voice.seconds, voice.emotions, voice.variety)
        shifts = {
            one.name: speaker_shift(
                voice.means[one.name],
                voice.seconds,
                one.adaptation.average,
                voice.emotions,
                one.adaptation.emotion_shifts,
                voice.variety,
            )
            for one in self.inputs
            if one.adaptation is not None
        }
        sides = voice.sides if self.corpora else None
        for name, averages in self.centred.items():
            average = np.average(averages, axis=0, weights=sides)
            shifts[name] = known * speaker_shift(voice.means[name], voice.seconds, average)
        return known, shifts


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
