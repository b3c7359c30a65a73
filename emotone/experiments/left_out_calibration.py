"""Calibration on corpora that were left out of training, so that it holds for recordings of another kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from emotone.data.labels import label_map
from emotone.errors import EmotoneError, ModelError
from emotone.evaluation.scores import Predictions
from emotone.training.calibration import best_factor

Floats = NDArray[np.float64]
MIN_ACCURACY = 0.5
"""Of the clips that are answered, at least this share must be right in every corpus that was left out."""
MIN_ANSWERED = 0.05
"""Share of a corpus's clips that must be answered for its accuracy to count; of fewer it would be chance."""


def left_out_calibration(predictions: Sequence[Predictions], labels: str) -> dict[str, Any] | None:
    """The calibration for a label set: `sharpness`, a factor on the scores, and `unsure_below`, a confidence.

    The sharpness maximises the likelihood of the labels, each corpus with the same weight. The confidence is the lowest
    one from which on at least half of the answers are right in every corpus. Both are chosen among all labels of the
    set, not only among those of the corpus, since nobody knows the labels of a new recording.

    Args:
        predictions: for each corpus, those of a model that was not trained on it.
        labels: `all`, or the name of a common label set.

    Returns:
        The calibration; None if the models do not have these labels.

    Raises:
        ModelError: no predictions.
    """
    if not predictions:
        raise ModelError("a calibration on corpora that were left out needs the run of at least one")
    try:
        corpora = [_scores(own, labels) for own in predictions]
    except EmotoneError:  # labels that the models do not have
        return None
    corpora = [own for own in corpora if len(own[1])]
    sharpness = best_factor(
        lambda factor: float(np.mean([-log_softmax(factor * s, axis=1)[range(len(t)), t].mean() for s, t in corpora]))
    )
    confidences, right = [], []
    for scores, truth in corpora:
        probabilities = softmax(sharpness * scores, axis=1)
        confidences.append(probabilities.max(axis=1))
        right.append(probabilities.argmax(axis=1) == truth)
    return {"sharpness": round(sharpness, 4), "unsure_below": round(unsure_below(confidences, right), 4)}


def unsure_below(confidences: Sequence[Floats], right: Sequence[NDArray[np.bool_]]) -> float:
    """The lowest confidence from which on at least half of the answers are right in every corpus.

    Args:
        confidences: (clips,) of each corpus.
        right: (clips,) whether the answer is right.

    >>> sure = np.linspace(0, 1, 101)
    >>> unsure_below([sure], [sure >= 0.6])
    0.19
    """
    tried = np.linspace(0, 1, 101)
    enough = np.ones(len(tried), dtype=bool)
    for own, correct in zip(confidences, right, strict=True):
        answered = own[None] >= tried[:, None]  # (thresholds, clips)
        counts = answered.sum(axis=1)
        accuracy = (answered & correct).sum(axis=1) / np.maximum(counts, 1)
        enough &= (accuracy >= MIN_ACCURACY) | (counts < MIN_ANSWERED * len(own))
    wrong = np.flatnonzero(~enough)
    return float(tried[min(wrong[-1] + 1, len(tried) - 1)]) if wrong.size else 0.0


def _scores(predictions: Predictions, labels: str) -> tuple[Floats, NDArray[np.int64]]:
    """(clips, labels) log-probabilities and (clips,) numbers of the true labels, of the clips that have one."""
    mapping = label_map(predictions.classes if labels == "all" else labels, predictions.classes)
    mapping = mapping if labels == "all" else mapping.narrowed()
    truth = [mapping(label) for label in predictions.truth.tolist()]
    kept = np.array([label is not None for label in truth])
    numbers = np.array([mapping.classes.index(label) for label in truth if label is not None], dtype=np.int64)
    with np.errstate(divide="ignore"):
        scores = np.log(np.exp(predictions.log_probs[kept]) @ mapping.matrix(predictions.classes))
    return np.maximum(scores, -100.0), numbers
