"""Fitted linear model: standardise, clip, multiply, add. The common form of every linear model on the shelf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

Floats = NDArray[np.float64]
CLIP = 5.0
"""Standardised features are clipped at this many deviations, so that one outlier cannot dominate the score."""


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
        """(mean, scale), each (dims,), of these clips; a constant dimension gets scale 1."""
        mean = values.mean(axis=0, dtype=np.float64)
        scale = values.std(axis=0, dtype=np.float64)
        return mean, np.where(scale > 1e-9 * (1 + np.abs(mean)), scale, 1.0)

    @staticmethod
    def standardise(values: NDArray[np.float32], mean: Floats, scale: Floats) -> Floats:
        """(clips, dims) in deviations from the mean, within +-5."""
        return np.clip((values - mean) / scale, -CLIP, CLIP)

    def scores(self, values: NDArray[np.float32]) -> Floats:
        """(clips, classes) before softmax."""
        return self.scores_at(self.standardise(values, self.mean, self.scale))

    def scores_at(self, x: Floats) -> Floats:
        """(clips, classes) before softmax, of (clips, dims) that are standardised already."""
        return np.asarray(x @ self.weights + self.bias)

    def log_probabilities(self, values: NDArray[np.float32]) -> Floats:
        """(clips, classes), each row summing to one after exp."""
        return np.asarray(log_softmax(self.scores(values), axis=1))

    def arrays(self) -> dict[str, Floats]:
        """Everything by name; `of_arrays` reads it again."""
        return dict(vars(self))

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Floats]) -> Affine:
        """The model that `arrays` was called on.

        Raises:
            KeyError: an array is missing.
        """
        return cls(**{name: arrays[name] for name in ("mean", "scale", "weights", "bias")})

    def sharpened(self, factor: float) -> Affine:
        """The same decisions with every score multiplied by a factor: > 1 is more confident."""
        return replace(self, weights=self.weights * factor, bias=self.bias * factor)

    def shifted(self, offsets: Floats) -> Affine:
        """(classes,) offsets added to the scores: > 0 makes a class more likely."""
        return replace(self, bias=self.bias + offsets)

    @property
    def parameters(self) -> int:
        """Number of fitted parameters, without the scaling."""
        return self.weights.size + self.bias.size


def of_decision(coefficients: Floats, intercept: Floats) -> tuple[Floats, Floats]:
    """(dims, classes) weights and (classes,) bias from scikit-learn's, which have one row for two classes."""
    if coefficients.shape[0] == 1:
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercept = np.concatenate([-intercept, intercept]) / 2
    return coefficients.T.astype(np.float64), np.asarray(intercept, dtype=np.float64)
