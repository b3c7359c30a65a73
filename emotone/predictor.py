"""The deployed thing: audio -> emotions over time, through onnxruntime. Never imports torch."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from emotone import audio, features
from emotone.audio import AudioSettings, Samples, Source
from emotone.errors import ModelError
from emotone.opinion_pool import pooled

LONGEST_WHOLE_S = 10.0
"""A model of whole clips hears a recording up to this long in one piece."""
WINDOW_S = 4.0
"""The pieces that a longer one is cut into."""
BATCH = 64
NOT_EXPORTED = "not_exported.txt"
"""Beside a run's weights: why there is no ONNX file."""
ENSEMBLE = "ensemble.json"
"""In the model folder of an ensemble: the ONNX files of its members, and the weight of each."""


@dataclass(frozen=True)
class Segment:
    """What is heard in one stretch of a recording."""

    start_s: float
    end_s: float
    label: str
    confidence: float
    scores: dict[str, float]


@dataclass(frozen=True)
class Prediction:
    """What is heard in a recording: as a whole, and over time.

    Attributes:
        file: where it came from; `array (samples,)` or `standard input` where it has no path.
        label: the likeliest emotion.
        confidence: its probability, 0 .. 1.
        scores: emotion -> probability; they sum to one.
        segments: the same for each stretch, in order.
    """

    file: str
    duration_s: float
    label: str
    confidence: float
    scores: dict[str, float]
    segments: tuple[Segment, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; times to the millisecond, probabilities to four digits."""
        return dict(_rounded(asdict(self)))


class Predictor:
    """A model that hears, or an ensemble of several: load once, predict often. Safe to share between threads.

    Attributes:
        title: of the recipe, or of the ensemble.
        classes: the labels it knows.
        unfinished: why training stopped early, if it did.
        trained_on: the corpora it learned from.
        rate_hz: the highest rate at which it listens.
    """

    def __init__(self, models: Sequence[_OnnxModel], weights: Sequence[float] = (1.0,), title: str = "") -> None:
        """Models that know the same classes, each with its share in what they say together."""
        if strange := [model for model in models if model.classes != models[0].classes]:
            known = " and ".join(", ".join(model.classes) for model in (models[0], strange[0]))
            raise ModelError(f"the models of this ensemble know other classes ({known}); make it again")
        self.title: str = title or models[0].title
        self.classes: tuple[str, ...] = models[0].classes
        self.unfinished: str = "; ".join(model.unfinished for model in models if model.unfinished)
        self.trained_on: frozenset[str] = frozenset(name for model in models for name in model.trained_on)
        self.rate_hz: int = max(model.audio.rate_hz for model in models)
        self._models, self._weights = tuple(models), tuple(weights)

    def predict(self, source: Source, rate_hz: int | None = None) -> Prediction:
        """What is heard in a file, file object or array.

        Args:
            source: as in `audio.read`.
            rate_hz: the rate of an array.

        Raises:
            AudioError: it cannot be used as sound.
        """
        first_hz = self._models[0].audio.rate_hz
        samples = audio.read_at(source, [model.audio.rate_hz for model in self._models], source_rate_hz=rate_hz)
        duration_s = samples[first_hz].size / first_hz
        windows = max((model.windows(duration_s) for model in self._models), key=len)  # short enough for each
        heard = [model.log_probabilities(samples[model.audio.rate_hz], windows) for model in self._models]
        probabilities = np.exp(pooled(heard, self._weights))
        spans = np.array([end - start for start, end in windows])
        whole = spans @ probabilities / spans.sum()
        segments = tuple(
            Segment(start, end, *self._verdict(row)) for (start, end), row in zip(windows, probabilities, strict=True)
        )
        return Prediction(audio.name_of(source), duration_s, *self._verdict(whole), segments)

    def _verdict(self, probabilities: NDArray[np.float64]) -> tuple[str, float, dict[str, float]]:
        scores = dict(zip(self.classes, (probabilities / probabilities.sum()).tolist(), strict=True))
        label = max(scores, key=scores.__getitem__)
        return label, scores[label], scores


class _OnnxModel:
    """One ONNX file with its own audio settings and feature."""

    def __init__(self, file: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as problem:  # onnxruntime raises its own kinds, which it does not publish
            raise ModelError(f"{file}: not readable as ONNX ({str(problem).splitlines()[0]})") from problem
        facts = _facts(self._session)
        self.title: str = facts["title"]
        self.classes: tuple[str, ...] = tuple(facts["classes"])
        self.unfinished: str = facts["unfinished"]
        self.trained_on: tuple[str, ...] = tuple(facts["trained_on"])
        self.audio = AudioSettings(**facts["audio"])
        self.feature = features.make(**facts["feature"])
        if (identity := facts.get("feature_identity", "")) and self.feature.identity != identity:
            raise ModelError(f"trained on features of {identity}, but their checkpoint is now {self.feature.identity}")

    def windows(self, duration_s: float) -> list[tuple[float, float]]:
        """(start_s, end_s) of the pieces: the whole where that is what the model was trained on."""
        length = self.audio.seconds or WINDOW_S
        whole = 1.5 * length if self.audio.seconds else LONGEST_WHOLE_S
        if duration_s <= whole:
            return [(0.0, duration_s)]
        edges = np.linspace(0, duration_s, int(np.ceil(duration_s / length)) + 1).tolist()
        return list(itertools.pairwise(edges))

    def log_probabilities(self, samples: Samples, windows: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
        """(windows, classes)."""
        rate_hz = self.audio.rate_hz
        parts = [
            self.feature.extract(self.audio(samples[int(start * rate_hz) : max(int(end * rate_hz), 1)]), rate_hz)
            for start, end in windows
        ]
        rows = []
        for first in range(0, len(parts), BATCH):
            chunk = parts[first : first + BATCH]
            same = len({part.shape for part in chunk}) == 1
            batches = [np.stack(chunk)] if same else [part[np.newaxis] for part in chunk]
            rows += [self._session.run(None, {"values": batch})[0] for batch in batches]
        return np.concatenate(rows).astype(np.float64)


def load_model(path: str | os.PathLike[str], *, threads: int = 0) -> Predictor:
    """The predictor in an ONNX file, or in the folder of a run or an ensemble.

    Args:
        path: a `.onnx` file that `emotone` wrote, or a run folder.
        threads: of onnxruntime; 0 lets it choose.

    Raises:
        ModelError: there is none, or it is not one of emotone's.
    """
    place = Path(path)
    if (listing := place / "model" / ENSEMBLE).is_file():
        listed = json.loads(listing.read_text(encoding="utf-8"))
        models = [_OnnxModel(listing.parent / member["file"], threads) for member in listed["members"]]
        return Predictor(models, [member["weight"] for member in listed["members"]], listed["title"])
    file = place / "model" / "model.onnx" if place.is_dir() else place
    if not file.is_file():
        hint = "no run, no .onnx file"
        if (place / "started.json").exists():
            finished = (place / "scores.json").exists()
            hint = "a run for scores alone" if finished else "its training has not come to the end"
        if (reason := place / "model" / NOT_EXPORTED).is_file():
            raise ModelError(f"no exported model in {place}: {reason.read_text(encoding='utf-8').strip()}")
        raise ModelError(f"no model at {place} ({hint}); `emotone train RECIPE --out {place}` makes one")
    return Predictor([_OnnxModel(file, threads)])


@lru_cache(maxsize=4)
def _kept(path: str) -> Predictor:
    return load_model(path)


def predict(source: Source, rate_hz: int | None = None, *, model: str | os.PathLike[str]) -> Prediction:
    """What is heard in one recording; the model is loaded at the first call and kept.

    Args:
        source, rate_hz: as in `Predictor.predict`.
        model: as in `load_model`.
    """
    return _kept(os.fspath(model)).predict(source, rate_hz)


def _facts(session: onnxruntime.InferenceSession) -> dict[str, Any]:
    text = session.get_modelmeta().custom_metadata_map.get("emotone")
    if text is None:
        raise ModelError("this ONNX file does not say its classes and features; use one that emotone exported")
    facts: dict[str, Any] = json.loads(text)
    if facts.get("format") != 1:
        raise ModelError(f"the model is of form {facts.get('format')}, this emotone reads form 1; update emotone")
    return facts


def _rounded(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _rounded(item, name) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, 3 if key.endswith("_s") else 4) if isinstance(value, float) else value
