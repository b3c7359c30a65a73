"""Metrics: recall, precision, F1, calibration error and Brier score, with paired tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.errors import LengthMismatch
from emotone.evaluation.intervals import Floats, Interval, intervals, swap_test

BINS = 15  # Guo et al. 2017


def uar(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Unweighted average recall: the mean recall over classes.

    Source: Schuller et al., Interspeech 2009 Emotion Challenge.

    Args:
        truth: (clips,) labels.
        prediction: (clips,) labels, in the same order.

    Returns:
        0 .. 1; classes absent from `truth` do not count.

    Raises:
        LengthMismatch: the two differ in length.

    >>> uar(["sad", "sad", "angry"], ["sad", "angry", "angry"])
    0.75
    """
    return float(mean_recall(confusion_matrix(truth, prediction)))


def accuracy(truth: ArrayLike, prediction: ArrayLike) -> float:
    """The share of correct predictions, 0 .. 1. Arguments as for `uar`.

    >>> accuracy(["sad", "sad", "sad", "angry"], ["sad", "sad", "angry", "angry"])
    0.75
    """
    return float(share_correct(confusion_matrix(truth, prediction)))


def macro_f1(truth: ArrayLike, prediction: ArrayLike) -> float:
    """The mean over classes of F1, 0 .. 1; classes absent from `truth` do not count. Arguments as for `uar`.

    >>> round(macro_f1(["sad", "sad", "angry"], ["sad", "angry", "angry"]), 3)
    0.667
    """
    return float(mean_f1(confusion_matrix(truth, prediction)))


def confusion_matrix(
    truth: ArrayLike, prediction: ArrayLike, classes: Sequence[Any] | None = None
) -> NDArray[np.int64]:
    """(classes, classes) counts; rows are the truth, columns the prediction.

    Args:
        truth: (clips,) labels.
        prediction: (clips,) labels, in the same order.
        classes: order of rows and columns; None: all labels that occur, sorted.

    Raises:
        LengthMismatch: the two differ in length.

    >>> confusion_matrix(["sad", "sad", "angry"], ["sad", "angry", "angry"]).tolist()
    [[1, 0], [1, 1]]
    """
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    if len(truth) != len(prediction):
        raise LengthMismatch("truth", len(truth), "prediction", len(prediction))
    if classes is None:
        classes = np.unique(np.concatenate([truth, prediction])).tolist()
    place = {label: number for number, label in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    rows, columns = ([place[label] for label in labels.tolist()] for labels in (truth, prediction))
    np.add.at(counts, (rows, columns), 1)
    return counts


def calibration_gaps(correct: ArrayLike, confidence: ArrayLike) -> Floats:
    """(clips, 16) one row per clip: correct minus confidence, in the column of its bin; the last column is 1.

    Rows can be summed over any clips; see `calibration_error`.
    """
    confidence = np.asarray(confidence, dtype=np.float64)
    rows = np.zeros((confidence.size, BINS + 1))
    column = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)  # bins are (low, high]
    rows[np.arange(confidence.size), column] = np.asarray(correct, dtype=np.float64) - confidence
    rows[:, -1] = 1
    return rows


def calibration_error(gaps: Floats) -> Floats:
    """(...) expected calibration error, 0 .. 1, of summed `calibration_gaps` (..., 16).

    The mean absolute difference between accuracy and mean confidence in 15 confidence bins of equal width, weighted by
    their clips. Source: Guo et al. 2017, On Calibration of Modern Neural Networks.

    >>> round(float(calibration_error(calibration_gaps([1, 0], [0.9, 0.91]).sum(axis=0))), 3)
    0.405
    """
    return np.asarray(np.abs(gaps[..., :-1]).sum(axis=-1) / gaps[..., -1])


def brier(log_probs: ArrayLike, truth: ArrayLike) -> Floats:
    """(clips,) Brier score, 0 .. 2: squared distance of the probabilities from the one-hot truth.

    Args:
        log_probs: (clips, classes) natural logarithms of probabilities.
        truth: (clips,) class numbers.

    >>> brier(np.log([[0.5, 0.5], [1.0, 1e-9]]), [0, 1]).round(3).tolist()
    [0.5, 2.0]
    """
    distance = np.exp(np.asarray(log_probs, dtype=np.float64))
    distance[np.arange(len(distance)), np.asarray(truth)] -= 1
    return np.asarray((distance**2).sum(axis=1))


def recall(confusion: ArrayLike) -> Floats:
    """(..., classes) recall of each class; nan if the truth has no clip of it."""
    confusion = np.asarray(confusion, dtype=np.float64)
    return _share(_hits(confusion), confusion.sum(axis=-1))


def precision(confusion: ArrayLike) -> Floats:
    """(..., classes) precision of each class; 0 without predictions, nan if the truth has no clip of it."""
    confusion = np.asarray(confusion, dtype=np.float64)
    share = np.nan_to_num(_share(_hits(confusion), confusion.sum(axis=-2)))
    return np.where(confusion.sum(axis=-1) > 0, share, np.nan)


def f1(confusion: ArrayLike) -> Floats:
    """(..., classes) harmonic mean of precision and recall; nan if the truth has no clip of the class."""
    confusion = np.asarray(confusion, dtype=np.float64)
    both = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    return np.where(confusion.sum(axis=-1) > 0, _share(2 * _hits(confusion), both), np.nan)


def mean_recall(confusion: ArrayLike) -> Floats:
    """(...) UAR of confusion matrices (..., classes, classes)."""
    return np.asarray(np.nanmean(recall(confusion), axis=-1))


def mean_f1(confusion: ArrayLike) -> Floats:
    """(...) macro-F1 of confusion matrices (..., classes, classes)."""
    return np.asarray(np.nanmean(f1(confusion), axis=-1))


def share_correct(confusion: ArrayLike) -> Floats:
    """(...) accuracy of confusion matrices (..., classes, classes)."""
    confusion = np.asarray(confusion, dtype=np.float64)
    return np.asarray(_hits(confusion).sum(axis=-1) / confusion.sum(axis=(-2, -1)))


def _hits(confusion: Floats) -> Floats:
    return np.asarray(np.diagonal(confusion, axis1=-2, axis2=-1))


def _share(part: Floats, whole: Floats) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0))


def holm(p_values: ArrayLike) -> Floats:
    """(tests,) p-values corrected for multiple comparisons: the family-wise error rate is controlled (Holm-Bonferroni).

    The smallest is multiplied by the number of tests, the next by one less, and so on, kept in ascending order.
    Source: Holm 1979, Scandinavian Journal of Statistics 6(2).

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)))
    return corrected


@dataclass(frozen=True)
class Difference:
    """Second minus first, with its interval, and the p-value of the permutation test."""

    difference: Interval
    p_value: float


def paired_difference(
    truth: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    speaker: ArrayLike,
    corpus: ArrayLike | None = None,
    *,
    draws: int = 2000,
    swaps: int = 10_000,
    seed: int = 0,
) -> Difference:
    """Difference of the UAR of two systems on the same clips, second minus first.

    The interval resamples speakers (`intervals.intervals`); the p-value is from a permutation test over speakers
    (`intervals.swap_test`).

    Args:
        truth, first, second: (clips,) labels and the two predictions.
        speaker: (clips,) speaker ids.
        corpus: (clips,) corpus names; the UAR is then the mean over corpora.

    Raises:
        LengthMismatch: they differ in length.

    >>> truth, speaker = ["sad", "angry"] * 4, list("aabbccdd")
    >>> paired_difference(truth, ["sad"] * 8, truth, speaker)
    Difference(difference=Interval(value=0.5, low=0.5, high=0.5), p_value=0.125)
    """
    truth, speaker = np.asarray(truth), np.asarray(speaker)
    corpus = np.zeros(len(truth)) if corpus is None else np.asarray(corpus)
    for name, column in (("speaker", speaker), ("corpus", corpus)):
        if len(column) != len(truth):
            raise LengthMismatch("truth", len(truth), name, len(column))
    classes = np.unique(np.concatenate([truth, first, second])).tolist()
    groups = [np.flatnonzero(corpus == name) for name in np.unique(corpus)]
    pairs = [
        np.stack([speaker_confusions(truth[g], np.asarray(p)[g], speaker[g], classes) for p in (first, second)], axis=1)
        for g in groups
    ]  # per corpus (speakers, 2, classes, classes)

    def gain(sums: Floats) -> Floats:
        scores = mean_recall(sums)  # (..., 2)
        return scores[..., 1:] - scores[..., :1]

    (interval,) = intervals(gain, pairs, draws=draws, seed=seed, bounds=(-1.0, 1.0))
    assert interval is not None
    return Difference(interval, swap_test(mean_recall, pairs, swaps=swaps, seed=seed))


def speaker_confusions(truth: Any, prediction: Any, speaker: Any, classes: Sequence[Any]) -> Floats:
    """(speakers, classes, classes) one confusion matrix per speaker, speakers sorted."""
    return np.array(
        [
            confusion_matrix(truth[rows], prediction[rows], classes)
            for rows in (speaker == s for s in np.unique(speaker))
        ],
        dtype=np.float64,
    )
