"""A fitted linear model: standardise, clip, multiply, add. The common form of every linear model on the shelf."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

Floats = NDArray[np.float64]
CLIP = 5.0
"""Standardised features are held within this many deviations: one odd recording must not decide alone."""


@dataclass(frozen=True)
class Affine:
    """(clips, dims) -> (clips, classes) scores: `clip((x - mean) / scale) @ weights + bias`.

    Attributes:
        mean, scale: (dims,) of the training clips.
        weights: (dims, classes).
        bias: (classes,).
    """

    mean: Floats
    scale: Floats
    weights: Floats
    bias: Floats

    @staticmethod
    def standardiser(values: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """(mean, scale) of these clips; a dimension that never changes gets scale 1."""
        mean = values.mean(axis=0, dtype=np.float64)
        scale = values.std(axis=0, dtype=np.float64)
        return mean, np.where(scale > 1e-9 * (1 + np.abs(mean)), scale, 1.0)

    @staticmethod
    def standardise(values: NDArray[np.float32], mean: Floats, scale: Floats) -> Floats:
        """(clips, dims) in deviations from the mean, within +-5."""
        return np.clip((values - mean) / scale, -CLIP, CLIP)

    def scores(self, values: NDArray[np.float32]) -> Floats:
        """(clips, classes) before softmax."""
        return self.standardise(values, self.mean, self.scale) @ self.weights + self.bias

    def log_probabilities(self, values: NDArray[np.float32]) -> Floats:
        """(clips, classes), each row summing to one after exp."""
        return np.asarray(log_softmax(self.scores(values), axis=1))

    def sharpened(self, factor: float) -> Affine:
        """The same decisions with every score multiplied: > 1 is surer, < 1 less sure."""
        return replace(self, weights=self.weights * factor, bias=self.bias * factor)

    def shifted(self, offsets: Floats) -> Affine:
        """Each class said more readily, > 0, or less: (classes,) offsets added to its scores."""
        return replace(self, bias=self.bias + offsets)

    @property
    def parameters(self) -> int:
        """Numbers that were fitted, the scaling not counted."""
        return self.weights.size + self.bias.size


def of_decision(coefficients: Floats, intercept: Floats) -> tuple[Floats, Floats]:
    """(dims, classes) weights and (classes,) bias of scikit-learn's, which hold one row where there are two classes."""
    if coefficients.shape[0] == 1:
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercept = np.concatenate([-intercept, intercept]) / 2
    return coefficients.T.astype(np.float64), np.asarray(intercept, dtype=np.float64)
