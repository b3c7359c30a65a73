"""A fitted linear model: standardise, clip, multiply, add. The common form of every linear model on the shelf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

Floats = NDArray[np.float64]
CLIP = 5.0
"""Standardised features are held within this many deviations: one odd recording must not decide alone."""


@dataclass(frozen=True)
class Sides:
    """(clips, dims) standardised -> (clips, sides) how much each sounds as if it were of each side; rows sum to one.

    Sides are groups of training clips that differ in more than what is to be told: corpora.

    Attributes:
        axes: (dims, sides), offset: (sides,) of what softmax is taken of.
    """

    axes: Floats
    offset: Floats

    def __call__(self, x: Floats) -> Floats:
        return np.asarray(softmax(x @ self.axes + self.offset, axis=1))

    def gradient(self, shares: Floats, pull: Floats) -> Floats:
        """(clips, dims) the gradient of `(self(x) * pull).sum(axis=1)`, of constant (clips, sides) pull."""
        leaning = shares * (pull - (shares * pull).sum(axis=1, keepdims=True))
        return np.asarray(leaning @ self.axes.T)


@dataclass(frozen=True)
class Kernel:
    """(clips, dims) standardised -> (clips, columns) what a linear model is linear in.

    The first columns are how like each landmark a clip is, 0 .. 1. With sides, for each side the clip itself follows,
    as far as it sounds of that side: so every side has a linear model of its own beside what all share.

    Attributes:
        places: (landmarks, dims) or, along the axes, (landmarks, components).
        axes: (dims, components) along which clips are compared; None: along all dims.
        width: likeness is exp(-width * squared distance).
        sides: by what sides are told apart; None: there is one.
    """

    places: Floats
    axes: Floats | None
    width: float
    sides: Sides | None = None

    def __call__(self, x: Floats, shares: Floats | None = None) -> Floats:
        """With (clips, sides) shares they are believed, not heard."""
        along = x if self.axes is None else x @ self.axes
        like = self._like(along)
        if self.sides is None:
            return like
        shares = self.sides(x) if shares is None else shares
        own = shares[:, :, None] * along[:, None, :]
        return np.concatenate([like, own.reshape(len(x), -1)], axis=1)

    def gradient(self, x: Floats, weights: Floats) -> Floats:
        """(clips, dims) the gradient of `self(x) @ weights`, of (columns,) weights, at each clip."""
        along = x if self.axes is None else x @ self.axes
        landmarks = len(self.places)
        pull = self._like(along) * weights[:landmarks]
        gradient = 2 * self.width * (pull @ self.places - pull.sum(axis=1, keepdims=True) * along)
        if self.sides is not None:
            shares, own = self.sides(x), weights[landmarks:].reshape(-1, along.shape[1])
            gradient = gradient + shares @ own
        gradient = gradient if self.axes is None else gradient @ self.axes.T
        if self.sides is not None:
            gradient = gradient + self.sides.gradient(shares, along @ own.T)
        return np.asarray(gradient)

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
        sharpness: (sides,) factors on the scores of clips of each of the kernel's sides; None: 1.
    """

    mean: Floats
    scale: Floats
    weights: Floats
    bias: Floats
    kernel: Kernel | None = None
    sharpness: Floats | None = None

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
        return self.scores_at(self.standardise(values, self.mean, self.scale))

    def scores_at(self, x: Floats) -> Floats:
        """The same of (clips, dims) that are standardised."""
        scores = (x if self.kernel is None else self.kernel(x)) @ self.weights + self.bias
        if self.sharpness is None or self.kernel is None or self.kernel.sides is None:
            return np.asarray(scores)
        return np.asarray(scores * (self.kernel.sides(x) @ self.sharpness)[:, None])

    def sides(self, values: NDArray[np.float32]) -> Floats:
        """(clips, sides) how much each sounds as of each side; one side, where the model knows no others."""
        if self.kernel is None or self.kernel.sides is None:
            return np.ones((len(values), 1))
        return self.kernel.sides(self.standardise(values, self.mean, self.scale))

    def gradient(self, x: Floats, direction: Floats) -> Floats:
        """(clips, dims) the gradient of `scores @ direction` at standardised clips."""
        weights = self.weights @ direction
        if self.kernel is None:
            return np.tile(weights, (len(x), 1))
        gradient = self.kernel.gradient(x, weights)
        if self.sharpness is None or self.kernel.sides is None:
            return gradient
        shares = self.kernel.sides(x)
        scores = self.kernel(x) @ weights + self.bias @ direction
        pull = np.broadcast_to(self.sharpness, shares.shape)
        return gradient * (shares @ self.sharpness)[:, None] + scores[:, None] * self.kernel.sides.gradient(
            shares, pull
        )

    def log_probabilities(self, values: NDArray[np.float32]) -> Floats:
        """(clips, classes), each row summing to one after exp."""
        return np.asarray(log_softmax(self.scores(values), axis=1))

    def arrays(self) -> dict[str, Floats]:
        """Everything by name, the kernel's parts under `kernel.`; read again by `of_arrays`."""
        arrays = {name: value for name, value in vars(self).items() if name != "kernel" and value is not None}
        if self.kernel is None:
            return arrays
        parts = {"places": self.kernel.places, "axes": self.kernel.axes, "width": np.atleast_1d(self.kernel.width)}
        if self.kernel.sides is not None:
            parts |= {f"sides.{name}": value for name, value in vars(self.kernel.sides).items()}
        return arrays | {f"kernel.{name}": part for name, part in parts.items() if part is not None}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Floats]) -> Affine:
        """What `arrays` gave, as a map again.

        Raises:
            KeyError: other names.
        """
        kernel = None
        if "kernel.places" in arrays:
            told = [arrays[f"kernel.sides.{name}"] for name in ("axes", "offset") if "kernel.sides.axes" in arrays]
            sides = Sides(*told) if told else None
            kernel = Kernel(arrays["kernel.places"], arrays.get("kernel.axes"), arrays["kernel.width"].item(), sides)
        mean, scale, weights, bias = (arrays[name] for name in ("mean", "scale", "weights", "bias"))
        return cls(mean, scale, weights, bias, kernel, arrays.get("sharpness"))

    def sharpened(self, factors: Floats) -> Affine:
        """The same decisions with every score multiplied: > 1 is surer, < 1 less sure; (sides,) or one for all."""
        if len(factors) > 1:
            return replace(self, sharpness=factors)
        return replace(self, weights=self.weights * factors[0], bias=self.bias * factors[0])

    def shifted(self, offsets: Floats) -> Affine:
        """Each class said more readily, > 0, or less: (classes,) offsets added to its scores."""
        return replace(self, bias=self.bias + offsets)

    @property
    def parameters(self) -> int:
        """Numbers that were fitted, the scaling not counted."""
        landmarks = 0 if self.kernel is None else self.kernel.places.size
        sides = 0 if self.kernel is None or self.kernel.sides is None else self.kernel.sides.axes.size
        return self.weights.size + self.bias.size + landmarks + sides


def of_decision(coefficients: Floats, intercept: Floats) -> tuple[Floats, Floats]:
    """(dims, classes) weights and (classes,) bias of scikit-learn's, which hold one row where there are two classes."""
    if coefficients.shape[0] == 1:
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercept = np.concatenate([-intercept, intercept]) / 2
    return coefficients.T.astype(np.float64), np.asarray(intercept, dtype=np.float64)


def sides_of(counts: Floats) -> NDArray[np.int64]:
    """(clips,) number of each clip's side: clips that count alike for every class are of one."""
    return np.asarray(np.unique(counts, axis=0, return_inverse=True)[1]).ravel()
