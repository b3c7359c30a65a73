"""What several models say of the same clips -> what they say together: a logarithmic opinion pool."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
_LEAST = -700.0  # a probability of 0, so that a model of weight 0 does not turn it into what is no number


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
    mean = np.tensordot(np.asarray(weights, dtype=np.float64), np.maximum(log_probs, _LEAST), axes=1)
    return np.asarray(mean - np.logaddexp.reduce(mean, axis=1, keepdims=True))


def equal_weights(models: int) -> Floats:
    """(models,) the same for each."""
    return np.full(models, 1 / models)


def likeliest_weights(log_probs: Sequence[Floats], truth: NDArray[np.int64]) -> Floats:
    """(models,) weights from 0 on, summing to one, under which the truth is likeliest: the lowest mean cross-entropy.

    The loss is convex in the weights; where they do not matter, they are equal.

    Args:
        log_probs: (models, clips, classes).
        truth: (clips,) class numbers.
    """
    from scipy.optimize import minimize

    heard = np.maximum(log_probs, _LEAST)
    right = heard[:, np.arange(len(truth)), truth]  # (models, clips)

    def loss(weights: Floats) -> tuple[float, Floats]:
        pool = pooled(heard, weights)
        slope = np.einsum("kc,mkc->m", np.exp(pool), heard) - right.sum(axis=1)
        return -float(pool[np.arange(len(truth)), truth].mean()), slope / len(truth)

    found = minimize(
        loss,
        equal_weights(len(heard)),
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * len(heard),
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-9, "maxiter": 500},
    )
    weights = np.clip(found.x, 0, 1)
    return np.asarray(weights / weights.sum())
