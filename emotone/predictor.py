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

from emotone import audio, features, speech_gate
from emotone.audio import RATE_HZ, AudioSettings, Samples, Source
from emotone.errors import ModelError
from emotone.opinion_pool import pooled

LONGEST_WHOLE_S = 10.0
"""A model of whole clips hears a recording up to this long in one piece."""
WINDOW_S = 4.0
"""The pieces that a longer one is cut into."""
BATCH = 64
UNSURE = "unsure"
"""The label of what no emotion is named in."""
NOT_EXPORTED = "not_exported.txt"
"""Beside a run's weights: why there is no ONNX file."""
ENSEMBLE = "ensemble.json"
"""In the model folder of an ensemble: the ONNX files of its members, and the weight of each."""


@dataclass(frozen=True)
class Segment:
    """What is heard in one stretch of a recording; the fields are those of `Prediction`."""

    start_s: float
    end_s: float
    label: str
    confidence: float
    scores: dict[str, float]
    reason: str = ""


@dataclass(frozen=True)
class Prediction:
    """What is heard in a recording: as a whole, and over time.

    Attributes:
        file: where it came from; `array (samples,)` or `standard input` where it has no path.
        label: the likeliest emotion, or `unsure`.
        confidence: the probability of the likeliest emotion, 0 .. 1; where the label is `unsure`, it means nothing.
        scores: emotion -> probability; they sum to one. The model's own, whatever the label.
        segments: the same for each stretch, in order.
        reason: why the label is `unsure` (`speech_gate.Reason`); empty where an emotion is named.
    """

    file: str
    duration_s: float
    label: str
    confidence: float
    scores: dict[str, float]
    segments: tuple[Segment, ...]
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; times to the millisecond, probabilities to four digits."""
        return dict(_rounded(asdict(self)))


class Predictor:
    """A model that hears, or an ensemble of several: load once, predict often. Safe to share between threads."""

    def __init__(
        self, models: Sequence[_OnnxModel], weights: Sequence[float] = (1.0,), title: str = "", *, gate: bool = True
    ) -> None:
        """Models that know the same classes, each with its share in what they say; `gate` as in `load_model`."""
        if strange := [model for model in models if model.classes != models[0].classes]:
            known = " and ".join(", ".join(model.classes) for model in (models[0], strange[0]))
            raise ModelError(f"the models of this ensemble know other classes ({known}); make it again")
        self.title: str = title or models[0].title
        self.classes: tuple[str, ...] = models[0].classes
        self.unfinished: str = "; ".join(model.unfinished for model in models if model.unfinished)
        self._models, self._weights, self._gate = tuple(models), tuple(weights), gate

    def predict(self, source: Source, rate_hz: int | None = None) -> Prediction:
        """What is heard in a file, file object or array.

        A stretch without speech does not count in the whole, unless there is no other.

        Args:
            source: as in `audio.read`.
            rate_hz: the rate of an array.

        Raises:
            AudioError: it cannot be used as sound.
        """
        first_hz = self._models[0].audio.rate_hz
        rates_hz = [*(model.audio.rate_hz for model in self._models), RATE_HZ]
        samples = audio.read_at(source, rates_hz, source_rate_hz=rate_hz)
        duration_s = samples[first_hz].size / first_hz
        windows = max((model.windows(duration_s) for model in self._models), key=len)  # short enough for each
        heard = [model.log_probabilities(samples[model.audio.rate_hz], windows) for model in self._models]
        probabilities = np.exp(pooled(heard, self._weights))
        reason, reasons = self._reasons(samples[RATE_HZ], windows)
        counts = [bool(reason) or not of_window for of_window in reasons]
        spans = np.array([end - start for start, end in windows]) * counts
        whole = spans @ probabilities / spans.sum()
        segments = tuple(
            Segment(start, end, *self._heard(row, why), why)
            for (start, end), row, why in zip(windows, probabilities, reasons, strict=True)
        )
        return Prediction(audio.name_of(source), duration_s, *self._heard(whole, reason), segments, reason)

    def _reasons(self, samples: Samples, windows: Sequence[tuple[float, float]]) -> tuple[str, list[str]]:
        """Why no emotion is named: in the whole, and in each window; empty where one is."""
        if not self._gate:
            return "", [""] * len(windows)
        verdicts = [speech_gate.judge(_cut(samples, RATE_HZ, window)) for window in windows]
        return speech_gate.together(verdicts).reason, [verdict.reason for verdict in verdicts]

    def _heard(self, probabilities: NDArray[np.float64], reason: str) -> tuple[str, float, dict[str, float]]:
        """Label, confidence and scores."""
        scores = dict(zip(self.classes, (probabilities / probabilities.sum()).tolist(), strict=True))
        likeliest = max(scores, key=scores.__getitem__)
        return UNSURE if reason else likeliest, scores[likeliest], scores


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
        parts = [self.feature.extract(self.audio(_cut(samples, rate_hz, window)), rate_hz) for window in windows]
        rows = []
        for first in range(0, len(parts), BATCH):
            chunk = parts[first : first + BATCH]
            same = len({part.shape for part in chunk}) == 1
            batches = [np.stack(chunk)] if same else [part[np.newaxis] for part in chunk]
            rows += [self._session.run(None, {"values": batch})[0] for batch in batches]
        return np.concatenate(rows).astype(np.float64)


def load_model(path: str | os.PathLike[str], *, threads: int = 0, gate: bool = True) -> Predictor:
    """The predictor in an ONNX file, or in the folder of a run or an ensemble.

    Args:
        path: a `.onnx` file that `emotone` wrote, or a run folder.
        threads: of onnxruntime; 0 lets it choose.
        gate: name no emotion where there is no speech, or too little, too quiet, or spoilt (`speech_gate`).

    Raises:
        ModelError: there is none, or it is not one of emotone's.
    """
    place = Path(path)
    if (listing := place / "model" / ENSEMBLE).is_file():
        listed = json.loads(listing.read_text(encoding="utf-8"))
        models = [_OnnxModel(listing.parent / member["file"], threads) for member in listed["members"]]
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
    return Predictor([_OnnxModel(file, threads)], gate=gate)


@lru_cache(maxsize=4)
def _kept(path: str, gate: bool) -> Predictor:
    return load_model(path, gate=gate)


def predict(
    source: Source, rate_hz: int | None = None, *, model: str | os.PathLike[str], gate: bool = True
) -> Prediction:
    """What is heard in one recording; the model is loaded at the first call and kept.

    Args:
        source, rate_hz: as in `Predictor.predict`.
        model, gate: as in `load_model`.
    """
    return _kept(os.fspath(model), gate).predict(source, rate_hz)


def _cut(samples: Samples, rate_hz: int, window: tuple[float, float]) -> Samples:
    return samples[int(window[0] * rate_hz) : max(int(window[1] * rate_hz), 1)]


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
