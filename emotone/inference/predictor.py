"""The deployed thing: audio -> emotions over time, through onnxruntime. Never imports torch."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from emotone.audio import read as audio
from emotone.audio.read import RATE_HZ, Samples, Source
from emotone.data.labels import label_map
from emotone.errors import AudioError, EmotoneError, ModelError
from emotone.inference import speech_gate
from emotone.inference.batching import batch_catching, groups, is_file_name, map_catching
from emotone.inference.onnx_model import Floats, Heard, OnnxModel, Piece
from emotone.inference.pooling import pooled
from emotone.inference.prediction import Prediction, said
from emotone.inference.processes import map_in_processes
from emotone.inference.speaker_shift import variety
from emotone.inference.voice_profile import Voice

NOT_EXPORTED = "not_exported.txt"
"""Beside a run's weights: why there is no ONNX file."""
DEFAULT_MODEL = Path(__file__).parent / "weights" / "default.onnx"
ENSEMBLE = "ensemble.json"
"""In the model folder of an ensemble: the ONNX files of its members, and the weight of each."""
_FILES_PER_PROCESS = 100  # that many are heard while a process starts


class Predictor:
    """A model that hears, or an ensemble of several: load once, predict often. Safe to share between threads.

    Attributes:
        title: of the recipe, or of the ensemble.
        classes: the labels it knows.
        unfinished: why training stopped early, if it did.
        trained_on: the corpora it learned from.
        rate_hz: the highest rate at which it listens.
        adapts: whether it can be adapted to a speaker.
    """

    def __init__(
        self, models: Sequence[OnnxModel], weights: Sequence[float] = (1.0,), title: str = "", *, gate: bool = True
    ) -> None:
        """Models that know the same classes, each with its share in what they say; `gate` as in `load_model`."""
        if strange := [model for model in models if model.classes != models[0].classes]:
            known = " and ".join(", ".join(model.classes) for model in (models[0], strange[0]))
            raise ModelError(f"the models of this ensemble know other classes ({known}); make it again")
        self.title: str = title or models[0].title
        self.classes: tuple[str, ...] = models[0].classes
        self.unfinished: str = "; ".join(model.unfinished for model in models if model.unfinished)
        self.trained_on: frozenset[str] = frozenset(name for model in models for name in model.trained_on)
        self.rate_hz: int = max(model.audio.rate_hz for model in models)
        self.adapts: bool = any(model.adapts for model in models)
        self._models, self._weights, self._gate = tuple(models), tuple(weights), gate

    def predict(
        self,
        source: Source,
        rate_hz: int | None = None,
        *,
        voice: Voice | None = None,
        adapt: bool = False,
        labels: str | Sequence[str] = "all",
        least: float | None = None,
    ) -> Prediction:
        """What is heard in a file, file object or array.

        A stretch without speech does not count in the whole, unless there is no other.

        Args:
            source: as in `audio.read`.
            rate_hz: the rate of an array.
            voice: the speaker, as `enrol` heard him or her.
            adapt: the recording is of one speaker: hear it through, then each stretch knowing its voice.
            labels: `all` that the model knows, a common label set (`four` .. `seven`) or labels; of labels that
                are asked for the probabilities of those they contain are added up, the others are left out.
            least: confidence under which no emotion is named; None: the model's own for these labels; 0: name one.

        Raises:
            AudioError: it cannot be used as sound.
            ModelError: the model cannot be adapted, or the voice was heard by another.
            EmotoneError: a label that the model does not know.
        """
        (found,) = self._together([source], rate_hz, voice=voice, adapt=adapt, labels=labels, least=least)
        if isinstance(found, EmotoneError):
            raise found
        return found

    def predict_many(
        self, sources: Sequence[Source], *, workers: int | None = None, **how: Any
    ) -> Generator[Prediction | EmotoneError]:
        """What is heard in each of many recordings, in order, several at a time; in place of what failed, why.

        Hundreds of files are shared out to processes, which are a few tenths of a second in starting; fewer, and what
        is no file, to threads.

        Args:
            sources: as of `predict`.
            workers: processes or threads; None takes every core. Load the model with `threads=1`, so that they do not
                meet.
            how: more of `predict`.
        """
        heard = partial(self._together, **how)
        workers = workers or os.cpu_count() or 1
        most = [one.feature.processes or workers for model in self._models for one in model.inputs]
        processes = min(workers, len(sources) // _FILES_PER_PROCESS, *most)
        if workers == 1 or len(sources) == 1:
            yield from chain.from_iterable(map(heard, groups(sources)))
        elif processes > 1 and all(map(is_file_name, sources)):
            yield from chain.from_iterable(map_in_processes(heard, list(groups(sources)), processes))
        else:
            pool = ThreadPoolExecutor(workers)
            try:
                yield from chain.from_iterable(pool.map(heard, ([source] for source in sources)))
            finally:
                pool.shutdown(cancel_futures=True)

    def probabilities(self, source: Source, rate_hz: int | None = None) -> Floats:
        """(classes,) of all labels that the model knows, as it was trained: not calibrated for a label set."""
        heard = self._heard(self._read(source, rate_hz))
        spans = np.array([end - start for start, end in heard.read.windows])
        return np.asarray(spans @ np.exp(self._pooled(self._by_each(heard.pieces, None))) / spans.sum())

    def enrol(self, sources: Iterable[Source], rate_hz: int | None = None) -> Voice:
        """A speaker's voice, from recordings of him or her alone; no label is needed. A minute does most of the good.

        Raises:
            AudioError: one of them cannot be used as sound, or there is none.
            ModelError: the model cannot be adapted.
        """
        heard = [self._heard(self._read(source, rate_hz)).pieces for source in sources]
        if not heard:
            raise AudioError("no recording to learn a voice from; give one or more files")
        return self._voice(heard)

    @property
    def _name(self) -> str:
        """By what a voice knows whose features it holds."""
        inputs = [(one.name, repr(one.feature), repr(one.audio)) for model in self._models for one in model.inputs]
        centred = [sorted(model.centred) for model in self._models]
        return blake2b(repr((self.classes, inputs, centred)).encode(), digest_size=8).hexdigest()

    def _together(
        self,
        sources: Sequence[Source],
        rate_hz: int | None = None,
        *,
        voice: Voice | None = None,
        adapt: bool = False,
        labels: str | Sequence[str] = "all",
        least: float | None = None,
    ) -> list[Prediction | EmotoneError]:
        """As `predict`, of several; in place of what failed, why.

        All are taken through a step before the next: what a step needs is in the processor's cache from the second
        on, which makes short clips a quarter faster than one after the other.
        """
        known, matrix = _said(labels if isinstance(labels, str) else tuple(labels), self.classes)
        set_name = labels if isinstance(labels, str) else "all"
        if least is None:
            least = self._models[0].label_sets.get(set_name, {}).get("unsure_below", 0.0)

        def scores(several: Sequence[_Prepared]) -> list[Floats]:
            pieces = [
                list(chain.from_iterable(of_one)) for of_one in zip(*(one.pieces for one in several), strict=True)
            ]
            own = self._voice([pieces]) if adapt else voice
            rows = self._probabilities(pieces, own, set_name, matrix)
            return np.split(rows, np.cumsum([len(one.read.windows) for one in several])[:-1])

        read = map_catching(partial(self._read, rate_hz=rate_hz), sources)
        heard = map_catching(self._heard, read)
        probabilities = map_catching(lambda one: scores([one])[0], heard) if adapt else batch_catching(scores, heard)
        reasons = map_catching(self._reasons, heard)
        return [
            one
            if isinstance(one, EmotoneError)
            else said(one.read.name, one.read.duration_s, one.read.windows, rows, why, known, least)
            for one, rows, why in zip(heard, probabilities, reasons, strict=True)
        ]

    def _read(self, source: Source, rate_hz: int | None) -> _Read:
        first_hz = self._models[0].audio.rate_hz
        rates_hz = [*(model.audio.rate_hz for model in self._models), RATE_HZ]
        samples = audio.read_at(source, rates_hz, source_rate_hz=rate_hz)
        duration_s = samples[first_hz].size / first_hz
        windows = max((model.windows(duration_s) for model in self._models), key=len)  # short enough for each
        return _Read(audio.name_of(source), duration_s, windows, samples)

    def _heard(self, read: _Read) -> _Prepared:
        pieces = [model.features(read.samples[model.audio.rate_hz], read.windows) for model in self._models]
        return _Prepared(read, pieces)

    def _reasons(self, heard: _Prepared) -> tuple[str, list[str]]:
        """Why no emotion is named: in the whole, and in each window; empty where one is."""
        samples, windows = heard.read.samples[RATE_HZ], heard.read.windows
        if not self._gate:
            return "", [""] * len(windows)
        cut = [samples[round(start * RATE_HZ) : max(round(end * RATE_HZ), 1)] for start, end in windows]
        verdicts = [speech_gate.judge(piece) for piece in cut]
        return speech_gate.together(verdicts).reason, [verdict.reason for verdict in verdicts]

    def _voice(self, heard: Sequence[list[list[Piece]]]) -> Voice:
        """Of recordings, each as `_heard` gives its pieces."""
        if not self.adapts:
            raise ModelError(f"{self.title}: this model cannot be adapted to a speaker; the default model can")
        found = [self._by_each(pieces, None) for pieces in heard]
        parts: dict[str, list[Floats]] = defaultdict(list)
        for pieces, by_each in zip(heard, found, strict=True):
            for number, model in enumerate(self._models):
                adapted = [one.name for one in model.inputs if one.adaptation is not None]
                for name in adapted:
                    parts[f"{number}/{name}"] += [np.atleast_2d(piece.values[name]) for piece in pieces[number]]
                for name, scores in by_each[number].scores.items():
                    parts[f"{number}/{name}"].append(scores)
        means = {name: np.concatenate(rows).mean(axis=0, dtype=np.float64) for name, rows in parts.items()}
        emotions = np.exp(np.concatenate([self._pooled(one) for one in found]))
        return Voice(
            self._name,
            sum(piece.seconds for pieces in heard for piece in pieces[0]),
            {name: mean.astype(np.float32) for name, mean in means.items()},
            emotions.mean(axis=0).astype(np.float32),
            variety(emotions),
            np.concatenate([one[0].sides for one in found]).mean(axis=0).astype(np.float32),
        )

    def _by_each(self, pieces: list[list[Piece]], voice: Voice | None) -> list[Heard]:
        """What each model hears."""
        if voice is not None and voice.model != self._name:
            raise ModelError("this voice was heard by another model; enrol it with the one that is to use it")
        return [
            model.hear(values, None if voice is None else voice.of_model(number))
            for number, (model, values) in enumerate(zip(self._models, pieces, strict=True))
        ]

    def _pooled(self, heard: Sequence[Heard]) -> Floats:
        """(windows, classes) log-probabilities of what each model hears, put together."""
        return heard[0].log_probs if len(heard) == 1 else pooled([one.log_probs for one in heard], self._weights)

    def _probabilities(self, pieces: list[list[Piece]], voice: Voice | None, set_name: str, matrix: Floats) -> Floats:
        """(windows, labels), calibrated for the label set where the model says how; matrix: (classes, labels)."""
        by_each = self._by_each(pieces, voice)
        sharpness = self._models[0].label_sets.get(set_name, {}).get("sharpness", 1.0)
        if isinstance(sharpness, dict):  # corpus -> factor
            sharpness = by_each[0].sides @ np.array([[sharpness[corpus]] for corpus in self._models[0].corpora])
        scores = sharpness * self._pooled(by_each)
        probabilities = np.exp(scores - scores.max(axis=1, keepdims=True)) @ matrix
        return np.asarray(probabilities / probabilities.sum(axis=1, keepdims=True))


def load_model(path: str | os.PathLike[str], *, threads: int = 0, gate: bool = True) -> Predictor:
    """The predictor in an ONNX file, or in the folder of a run or an ensemble.

    Args:
        path: a `.onnx` file that `emotone` wrote, or a run folder; `default` is the model that comes with emotone.
        threads: of onnxruntime; 0 lets it choose.
        gate: name no emotion where there is no speech, or too little, too quiet, or spoilt (`speech_gate`).

    Raises:
        ModelError: there is none, or it is not one of emotone's.
    """
    place = DEFAULT_MODEL if os.fspath(path) == "default" else Path(path)
    if (listing := place / "model" / ENSEMBLE).is_file() and not (place / "model" / "model.onnx").is_file():
        listed = json.loads(listing.read_text(encoding="utf-8"))
        models = [OnnxModel(listing.parent / member["file"], threads) for member in listed["members"]]
        return Predictor(models, [member["weight"] for member in listed["members"]], listed["title"], gate=gate)
    file = place / "model" / "model.onnx" if place.is_dir() else place
    if not file.is_file():
        hint = "no run, no .onnx file"
        if (place / "started.json").exists():
            finished = (place / "scores.json").exists()
            hint = "a run for scores alone" if finished else "its training has not come to the end"
        if (reason := place / "model" / NOT_EXPORTED).is_file():
            raise ModelError(f"no exported model in {place}: {reason.read_text(encoding='utf-8').strip()}")
        raise ModelError(f"no model at {place} ({hint}); `emotone train RECIPE --out {place}` makes one")
    return Predictor([OnnxModel(file, threads)], gate=gate)


@lru_cache(maxsize=4)
def _kept(path: str, gate: bool) -> Predictor:
    return load_model(path, gate=gate)


def predict(
    source: Source,
    rate_hz: int | None = None,
    *,
    model: str | os.PathLike[str] = "default",
    gate: bool = True,
    **how: Any,
) -> Prediction:
    """What is heard in one recording; the model is loaded at the first call and kept.

    Args:
        source, rate_hz: as in `Predictor.predict`.
        model, gate: as in `load_model`.
        how: more of `Predictor.predict`: voice, adapt, labels, least.
    """
    return _kept(os.fspath(model), gate).predict(source, rate_hz, **how)


@lru_cache(maxsize=16)
def _said(labels: str | tuple[str, ...], classes: tuple[str, ...]) -> tuple[tuple[str, ...], Floats]:
    """The labels that are said of these classes, and (classes, labels) which is counted for which."""
    mapping = label_map(classes, classes) if labels == "all" else label_map(labels, classes).narrowed()
    return tuple(mapping.classes), mapping.matrix(classes)


class _Read(NamedTuple):
    """A recording, and the windows it is heard in."""

    name: str
    duration_s: float
    windows: list[tuple[float, float]]
    samples: dict[int, Samples]


class _Prepared(NamedTuple):
    """A recording, and for each model the features of each window."""

    read: _Read
    pieces: list[list[Piece]]
