"""Logarithmic opinion pool: the log-probabilities of several models of the same clips -> those of their ensemble."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
_MIN_LOG_PROB = -700.0  # instead of -inf, so that a weight of 0 does not give NaN


def pooled(log_probs: ArrayLike, weights: ArrayLike) -> Floats:
    """(clips, classes) the weighted mean of the models' log-probabilities, each row summing to one after exp.

    Source: Genest and Zidek, Statistical Science 1(1) 1986; Hinton, Neural Computation 14(8) 2002.

    Args:
        log_probs: (models, clips, classes).
        weights: (models,) that sum to one.

    >>> sure, unsure = np.log([[0.9, 0.1]]), np.log([[0.5, 0.5]])
    >>> np.exp(pooled([sure, unsure], [0.5, 0.5])).round(3).tolist()
    [[0.75, 0.25]]
    """
    mean = np.tensordot(np.asarray(weights, dtype=np.float64), np.maximum(log_probs, _MIN_LOG_PROB), axes=1)
    return np.asarray(mean - np.logaddexp.reduce(mean, axis=1, keepdims=True))


def equal_weights(models: int) -> Floats:
    """(models,) equal weights that sum to one."""
    return np.full(models, 1 / models)


def likeliest_weights(log_probs: Sequence[Floats], truth: NDArray[np.int64]) -> Floats:
    """(models,) non-negative weights, summing to one, with the lowest mean cross-entropy of the truth.

    The loss is convex in the weights; where it does not depend on them, they are equal.

    Args:
        log_probs: (models, clips, classes).
        truth: (clips,) class numbers.
    """
    from scipy.optimize import minimize

    given = np.maximum(log_probs, _MIN_LOG_PROB)
    of_truth = given[:, np.arange(len(truth)), truth]  # (models, clips)

    def loss(weights: Floats) -> tuple[float, Floats]:
        pool = pooled(given, weights)
        slope = np.einsum("kc,mkc->m", np.exp(pool), given) - of_truth.sum(axis=1)
        return -float(pool[np.arange(len(truth)), truth].mean()), slope / len(truth)

    found = minimize(
        loss,
        equal_weights(len(given)),
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * len(given),
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-9, "maxiter": 500},
    )
    weights = np.clip(found.x, 0, 1)
    return np.asarray(weights / weights.sum())
