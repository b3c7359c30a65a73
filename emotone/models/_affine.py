"""A fitted linear model: standardise, clip, multiply, add. The common form of every linear model on the shelf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

Floats = NDArray[np.float64]
CLIP = 5.0
"""Standardised features are held within this many deviations: one odd recording must not decide alone."""


@dataclass(frozen=True)
class Kernel:
    """(clips, dims) standardised -> (clips, landmarks) how like each landmark they are, 0 .. 1.

    Attributes:
        places: (landmarks, dims) or, along the axes, (landmarks, components).
        axes: (dims, components) along which clips are compared; None: along all dims.
        width: likeness is exp(-width * squared distance).
    """

    places: Floats
    axes: Floats | None
    width: float

    def __call__(self, x: Floats) -> Floats:
        return self._like(x if self.axes is None else x @ self.axes)

    def gradient(self, x: Floats, weights: Floats) -> Floats:
        """(clips, dims) the gradient of `self(x) @ weights`, of (landmarks,) weights, at each clip."""
        along = x if self.axes is None else x @ self.axes
        pull = self._like(along) * weights
        gradient = 2 * self.width * (pull @ self.places - pull.sum(axis=1, keepdims=True) * along)
        return np.asarray(gradient if self.axes is None else gradient @ self.axes.T)

    def whitener(self) -> Floats:
        """(landmarks, landmarks): behind it, the usual penalty on weights is that on the kernel's function."""
        values, vectors = np.linalg.eigh(self._like(self.places))
        return np.asarray(vectors / np.sqrt(np.maximum(values, 1e-6 * values[-1])) @ vectors.T)

    def _like(self, x: Floats) -> Floats:
        squares = np.square(x).sum(axis=1)[:, None] + np.square(self.places).sum(axis=1) - 2 * (x @ self.places.T)
        return np.asarray(np.exp(-self.width * np.maximum(squares, 0)))


@dataclass(frozen=True)
class Affine:
    """(clips, dims) -> (clips, classes) scores: `clip((x - mean) / scale) @ weights + bias`.

    With a kernel the weights are those of its landmarks: `kernel(clip((x - mean) / scale)) @ weights + bias`.

    Attributes:
        mean, scale: (dims,) of the training clips.
        weights: (dims or landmarks, classes).
        bias: (classes,).
        kernel: how clips are compared with landmarks; None in a model that is linear in its features.
    """

    mean: Floats
    scale: Floats
    weights: Floats
    bias: Floats
    kernel: Kernel | None = None

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
        x = self.standardise(values, self.mean, self.scale)
        return (x if self.kernel is None else self.kernel(x)) @ self.weights + self.bias

    def log_probabilities(self, values: NDArray[np.float32]) -> Floats:
        """(clips, classes), each row summing to one after exp."""
        return np.asarray(log_softmax(self.scores(values), axis=1))

    def arrays(self) -> dict[str, Floats]:
        """Everything by name, the kernel's parts under `kernel.`; read again by `of_arrays`."""
        own = {name: value for name, value in vars(self).items() if name != "kernel"}
        if self.kernel is None:
            return own
        parts = {name: np.atleast_1d(value) for name, value in vars(self.kernel).items() if value is not None}
        return own | {f"kernel.{name}": part for name, part in parts.items()}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Floats]) -> Affine:
        """What `arrays` gave, as a map again.

        Raises:
            KeyError: other names.
        """
        own = {name: array for name, array in arrays.items() if not name.startswith("kernel.")}
        parts = {name.removeprefix("kernel."): array for name, array in arrays.items() if name not in own}
        kernel = Kernel(parts["places"], parts.get("axes"), parts["width"].item()) if parts else None
        return cls(own["mean"], own["scale"], own["weights"], own["bias"], kernel)

    def sharpened(self, factor: float) -> Affine:
        """The same decisions with every score multiplied: > 1 is surer, < 1 less sure."""
        return replace(self, weights=self.weights * factor, bias=self.bias * factor)

    def shifted(self, offsets: Floats) -> Affine:
        """Each class said more readily, > 0, or less: (classes,) offsets added to its scores."""
        return replace(self, bias=self.bias + offsets)

    @property
    def parameters(self) -> int:
        """Numbers that were fitted, the scaling not counted."""
        landmarks = 0 if self.kernel is None else self.kernel.places.size
        return self.weights.size + self.bias.size + landmarks


def of_decision(coefficients: Floats, intercept: Floats) -> tuple[Floats, Floats]:
    """(dims, classes) weights and (classes,) bias of scikit-learn's, which hold one row where there are two classes."""
    if coefficients.shape[0] == 1:
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercept = np.concatenate([-intercept, intercept]) / 2
    return coefficients.T.astype(np.float64), np.asarray(intercept, dtype=np.float64)
