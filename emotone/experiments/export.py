"""Export a finished run or ensemble as one ONNX file, calibrated for every common label set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from emotone.audio.read import AudioSettings, Samples, read
from emotone.data.corpora import published, published_names
from emotone.data.labels import LABEL_SETS, LabelMap, label_map
from emotone.data.utterance import Utterance
from emotone.errors import ModelError, RunError, UnknownName
from emotone.evaluation.scores import Predictions
from emotone.experiments.left_out_calibration import left_out_calibration
from emotone.inference import ensemble_file
from emotone.inference.onnx_model import OnnxModel
from emotone.inference.speech_model import open_model
from emotone.runs.run import Run
from emotone.training import onnx_merge as merge
from emotone.training import onnx_speech
from emotone.training.calibration import best_factor
from emotone.training.onnx_merge import Part

Floats = NDArray[np.float64]
_COMPARED_CLIPS = 8
_NEIGHBOURS = 0.1  # share of the clips, nearest in confidence, over which accuracy is averaged
MIN_ACCURACY = 0.5
"""Accuracy of clips of one confidence below which the model is unsure."""


def export(
    run: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    title: str = "",
    weights: str = "float32",
    left_out: Sequence[str | os.PathLike[str]] = (),
) -> Path:
    """Write the model of a run, or the models of an ensemble as one, with its calibration.

    The calibration has two numbers for every label set, chosen on the predictions of cross-validation: `sharpness`, a
    factor on the scores that maximises the likelihood of the labels (every corpus has the same weight); and the
    confidence below which the model is unsure.

    Args:
        run: the folder of a finished run or ensemble that has a model.
        out: the new `.onnx` file.
        title: of the model; the run's if not given.
        weights: how the weights of a model that takes samples are stored: float32, as in the run; float16, in half
            precision where it is exact; int8, quantised, which changes the scores a little (`probability_change`).
        left_out: runs of the same recipe, each tested on a corpus that it was not trained on; the calibration is then
            chosen on these predictions, see `left_out_calibration`, so that it holds for unknown kinds of recordings.

    Raises:
        ModelError: there is no model, its members cannot be one, or it does not take samples and is to be rounded.
        RunError: the run is not finished.
        UnknownName: there are no such `weights`.
    """
    if weights not in onnx_speech.WEIGHTS:
        raise UnknownName("way to store weights", weights, onnx_speech.WEIGHTS)
    finished = _finished(run)
    scores, models = finished.scores, parts(finished)
    metadata = {
        "title": title or scores["title"],
        "trained_on": scores["corpora"],
        "protocol": scores["protocol"],
        "uar": scores["scores"]["uar"],
        "licences": {name: published(name).licence for name in scores["corpora"] if name in published_names()},
        "notes": scores["caveats"],
        "label_sets": {
            name: calibration(finished.predictions, name) for name in ("all", *LABEL_SETS) if _fits(scores, name)
        },
    }
    if left_out:
        strangers = [_finished(folder).predictions for folder in left_out]
        metadata["label_sets"] |= {
            name: found for name in metadata["label_sets"] if (found := left_out_calibration(strangers, name))
        }
    if len(models) == 1 and onnx_speech.takes_samples(models[0].file):
        onnx_speech.write(models[0].file, Path(out), weights=weights, metadata=metadata)
        return Path(out)
    if weights != "float32":
        raise ModelError(f"the model of {run} does not take samples, so its weights stay as they are; take float32")
    merge.merge(models, Path(out), **metadata)
    return Path(out)


def probability_change(run: str | os.PathLike[str], file: str | os.PathLike[str]) -> float | None:
    """The largest difference of a probability between an exported model that takes samples and that of its run.

    A few clips of the run are compared; None if none of them is on this machine.
    """
    finished = _finished(run)
    table = finished.utterances
    if table is None:
        return None
    rows = np.unique(np.linspace(0, len(table) - 1, _COMPARED_CLIPS, dtype=np.int64))
    clips = [table[row] for row in rows if table[row].file.is_file()]
    (original,) = parts(finished)
    models = [open_model(path, 1) for path in (original.file, Path(file))]
    largest = [_difference(models, clip) for clip in clips]
    return max(largest) if largest else None


def _difference(models: Sequence[OnnxModel], clip: Utterance) -> float:
    """The largest difference of a probability between two models for a clip."""
    (first, second) = (
        np.exp(model.log_probabilities(model.features(samples, [(0.0, len(samples) / model.audio.rate_hz)])))
        for model in models
        for samples in [_samples(clip, model.audio)]
    )
    return float(np.abs(first - second).max())


def _samples(clip: Utterance, settings: AudioSettings) -> Samples:
    return read(clip.file, settings.rate_hz, channel=settings.channel, start_s=clip.start_s, end_s=clip.end_s)


def _finished(run: str | os.PathLike[str]) -> Run:
    found = Run(run)
    if not found.finished:
        raise RunError(f"{run} is not finished; the command that began it goes on from where it stopped")
    return found


def parts(run: Run, fold: str = "") -> list[Part]:
    """The ONNX files of a run or ensemble and their weights; with `fold`, the model of that fold.

    Raises:
        ModelError: a file is missing.
    """
    listing = run.folder / "model" / ensemble_file.NAME
    if fold:
        file = run.folder / "folds" / fold / "model.onnx"
        if not file.is_file():
            raise ModelError(f"{run.folder} has no model of fold {fold}; train it again and keep the folds")
        return [Part(file, 1.0)]
    if listing.is_file():
        return [Part(model.file, model.weight) for model in ensemble_file.read(listing).models]
    file = run.folder / "model" / "model.onnx"
    if not file.is_file():
        raise ModelError(f"{run.folder} has no exported model")
    return [Part(file, 1.0)]


def calibration(predictions: Predictions, labels: str) -> dict[str, Any]:
    """The calibration for a label set: `sharpness`, a factor on the scores, and `unsure_below`, a confidence.

    Args:
        predictions: of test clips.
        labels: `all`, or the name of a common set.
    """
    clips = _within(predictions, labels)
    factor = _sharpest(clips)
    probabilities = _probabilities(factor * clips.scores, clips.matrix)
    right = probabilities.argmax(axis=1) == clips.truth
    return {
        "sharpness": round(factor, 4),
        "unsure_below": round(unsure_below(probabilities.max(axis=1), right), 4),
    }


def unsure_below(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """The confidence from which on at least half of the clips with a similar confidence are classified correctly.

    >>> sure = np.linspace(0, 1, 1001)
    >>> bool(0.6 < unsure_below(sure, sure > 0.7) < 0.8)
    True
    """
    order = np.argsort(confidence, kind="stable")
    width = max(1, round(_NEIGHBOURS * len(order)))
    accuracy = np.convolve(right[order], np.ones(width) / width, mode="valid")
    wrong = np.flatnonzero(accuracy < MIN_ACCURACY)
    return 0.0 if not wrong.size else float(confidence[order][min(wrong[-1] + width // 2 + 1, len(order) - 1)])


def calibrated(predictions: Predictions, labels: str) -> tuple[Floats, NDArray[np.int64], NDArray[np.bool_]]:
    """(clips, labels) probabilities, calibrated on the other folds; (clips,) truth; (predictions,) which clips."""
    clips, kept = _within(predictions, labels), _kept(predictions, labels)
    folds = predictions.fold[kept]
    probabilities = np.empty((len(clips.truth), clips.matrix.shape[1]))
    for fold in np.unique(folds):
        here = folds == fold
        factor = _sharpest(clips.take(~here))
        probabilities[here] = _probabilities(factor * clips.scores[here], clips.matrix)
    return probabilities, clips.truth, kept


def _fits(scores: dict[str, Sequence[str]], labels: str) -> bool:
    return labels == "all" or set(LABEL_SETS[labels]) <= set(scores["classes"])


def _map(predictions: Predictions, labels: str) -> LabelMap:
    return label_map(predictions.classes if labels == "all" else labels, predictions.classes)


def _kept(predictions: Predictions, labels: str) -> NDArray[np.bool_]:
    mapping = _map(predictions, labels)
    return np.array([mapping(label) is not None for label in predictions.truth.tolist()])


@dataclass(frozen=True)
class _Clips:
    """Scores of clips, their true labels and corpora, and the label of each class.

    Attributes:
        scores: (clips, classes).
        truth, corpora: (clips,).
        matrix: (classes, labels).
    """

    scores: Floats
    truth: NDArray[np.int64]
    corpora: NDArray[np.str_]
    matrix: Floats

    def take(self, rows: NDArray[np.bool_]) -> _Clips:
        return _Clips(self.scores[rows], self.truth[rows], self.corpora[rows], self.matrix)


def _within(predictions: Predictions, labels: str) -> _Clips:
    mapping, kept = _map(predictions, labels), _kept(predictions, labels)
    truth = np.array([mapping.classes.index(mapping(label)) for label in predictions.truth[kept].tolist()])
    return _Clips(predictions.log_probs[kept], truth, predictions.corpus[kept], mapping.matrix(predictions.classes))


def _probabilities(scores: Floats, matrix: Floats) -> Floats:
    summed = np.exp(log_softmax(scores, axis=1)) @ matrix
    return np.asarray(summed / np.maximum(summed.sum(axis=1, keepdims=True), 1e-300))


def _sharpest(clips: _Clips) -> float:
    names = np.unique(clips.corpora)

    def loss(factor: float) -> float:
        probabilities = _probabilities(clips.scores * factor, clips.matrix)
        losses = -np.log(np.maximum(probabilities[np.arange(len(clips.truth)), clips.truth], 1e-12))
        return float(np.mean([losses[clips.corpora == name].mean() for name in names]))

    return best_factor(loss, log_limit=3.0)
