"""Calibration on development clips: temperature scaling, and class thresholds for a higher UAR."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from emotone.evaluation import metrics

Floats = NDArray[np.float64]

STEPS = tuple(sorted((step / 10 for step in range(-15, 16)), key=lambda step: (abs(step), step)))
"""Offsets that are tried, nearest to 0 first; 1.5 makes a class 4.5 times as likely before normalisation."""
PULL = 0.1
"""UAR that a mean offset of 1 must gain: moving one of eight classes by 1 must gain three clips of 240 (LOG.md)."""


def calibrate(
    scores: Floats,
    targets: Floats,
    labels: NDArray[np.int64],
    *,
    unseen: NDArray[np.bool_],
    choose_thresholds: bool = False,
) -> tuple[float, Floats]:
    """(factor on the scores, (classes,) offsets on the log-probabilities), chosen on development clips.

    Args:
        scores: (clips, classes) before softmax.
        targets: (clips, classes) target distributions.
        labels: (clips,) class numbers.
        unseen: (clips,) whether the speaker is not among the training speakers; the factor is chosen on these clips.
        choose_thresholds: also choose offsets; else they are 0.
    """
    factor = temperature(scores[unseen], targets[unseen])
    if choose_thresholds:
        return factor, thresholds(log_softmax(factor * scores, axis=1), labels)
    return factor, np.zeros(scores.shape[1])


def temperature(scores: Floats, targets: Floats) -> float:
    """The factor on the scores that gives labels or votes the highest likelihood.

    Args:
        scores: (clips, classes) before softmax.
        targets: (clips, classes) target distributions.
    """
    return best_factor(lambda factor: -float((targets * log_softmax(scores * factor, axis=1)).sum(axis=1).mean()))


def best_factor(loss: Callable[[float], float], *, log_limit: float = 4.0) -> float:
    """The factor on the scores, 1 / temperature, with the lowest loss.

    Source: temperature scaling, Guo et al., ICML 2017.

    Args:
        loss: of the scores multiplied by a factor, such as the negative log-likelihood.
        log_limit: the factor is exp(-log_limit) .. exp(log_limit).

    >>> round(best_factor(lambda factor: (factor - 2) ** 2), 3)
    2.0
    """
    limits = (-log_limit, log_limit)
    return math.exp(float(minimize_scalar(lambda power: loss(math.exp(power)), bounds=limits, method="bounded").x))


def thresholds(log_probabilities: Floats, labels: NDArray[np.int64]) -> Floats:
    """(classes,) offsets on the log-probabilities with which the most likely class has the highest UAR.

    Coordinate ascent: one class after the other gets the offset with the highest UAR minus `PULL` times the mean
    absolute offset, the one nearest to 0 if several have it, until no offset changes. So UAR never falls on these
    clips. A class without a clip keeps 0.

    Source: threshold moving by class, Collell et al. 2018, Neurocomputing 275.

    Args:
        log_probabilities: (clips, classes).
        labels: (clips,) class numbers.

    >>> thresholds(np.log([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]]), np.array([0, 0, 1])).tolist()
    [-0.9, 0.0]
    """

    def value(offsets: Floats) -> float:
        uar = metrics.uar(labels, (log_probabilities + offsets).argmax(axis=1))
        return uar - PULL * float(np.abs(offsets).mean())

    offsets = np.zeros(log_probabilities.shape[1])
    best, before = value(offsets), -np.inf
    while best > before:
        before = best
        for number in np.unique(labels):
            for step in STEPS:
                tried = offsets.copy()
                tried[number] = step
                if (found := value(tried)) > best + 1e-12:
                    best, offsets = found, tried
    return offsets
