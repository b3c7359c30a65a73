"""Fitted linear model: standardise, clip, multiply, add. The common form of every linear model on the shelf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

Floats = NDArray[np.float64]
CLIP = 5.0
"""Standardised features are clipped at this many deviations, so that one outlier cannot dominate the score."""


@dataclass(frozen=True)
class DomainClassifier:
    """(clips, dims) standardised -> (clips, domains) softmax probability of each domain.

    Domains are groups of training clips that differ in more than emotion: corpora.

    Attributes:
        axes: (dims, domains) weights and offset: (domains,) bias of the softmax.
    """

    axes: Floats
    offset: Floats

    def __call__(self, x: Floats) -> Floats:
        return np.asarray(softmax(x @ self.axes + self.offset, axis=1))

    def gradient(self, probabilities: Floats, direction: Floats) -> Floats:
        """(clips, dims) gradient of `(self(x) * direction).sum(axis=1)`, for a constant (clips, domains) direction."""
        centred = probabilities * (direction - (probabilities * direction).sum(axis=1, keepdims=True))
        return np.asarray(centred @ self.axes.T)


@dataclass(frozen=True)
class Kernel:
    """(clips, dims) standardised -> (clips, columns), the features of the linear model behind it.

    The first columns are the Gaussian kernel between a clip and each landmark, 0 .. 1. With domains, the clip itself
    follows once per domain, multiplied by the probability of that domain: every domain has a linear model of its own
    in addition to the shared one.

    Attributes:
        landmarks: (landmarks, dims), or (landmarks, components) with `axes`.
        axes: (dims, components) projection in which distances are computed; None: all dims.
        width: the kernel is exp(-width * squared distance).
        domains: classifier of the domains; None: there is one domain.
    """

    landmarks: Floats
    axes: Floats | None
    width: float
    domains: DomainClassifier | None = None

    def __call__(self, x: Floats, probabilities: Floats | None = None) -> Floats:
        """Columns of standardised clips; given (clips, domains) probabilities replace those of the classifier."""
        projected = x if self.axes is None else x @ self.axes
        similarity = self._similarity(projected)
        if self.domains is None:
            return similarity
        probabilities = self.domains(x) if probabilities is None else probabilities
        of_domains = probabilities[:, :, None] * projected[:, None, :]
        return np.concatenate([similarity, of_domains.reshape(len(x), -1)], axis=1)

    def gradient(self, x: Floats, weights: Floats) -> Floats:
        """(clips, dims) gradient of `self(x) @ weights` for (columns,) weights, at each clip."""
        projected = x if self.axes is None else x @ self.axes
        count = len(self.landmarks)
        weighted = self._similarity(projected) * weights[:count]
        gradient = 2 * self.width * (weighted @ self.landmarks - weighted.sum(axis=1, keepdims=True) * projected)
        if self.domains is not None:
            probabilities, of_domains = self.domains(x), weights[count:].reshape(-1, projected.shape[1])
            gradient = gradient + probabilities @ of_domains
        gradient = gradient if self.axes is None else gradient @ self.axes.T
        if self.domains is not None:
            gradient = gradient + self.domains.gradient(probabilities, projected @ of_domains.T)
        return np.asarray(gradient)

    def whitener(self) -> Floats:
        """(landmarks, landmarks) transform after which an L2 penalty on weights is one on the kernel's function."""
        values, vectors = np.linalg.eigh(self._similarity(self.landmarks))
        return np.asarray(vectors / np.sqrt(np.maximum(values, 1e-6 * values[-1])) @ vectors.T)

    def _similarity(self, x: Floats) -> Floats:
        squares = np.square(x).sum(axis=1)[:, None] + np.square(self.landmarks).sum(axis=1) - 2 * (x @ self.landmarks.T)
        return np.asarray(np.exp(-self.width * np.maximum(squares, 0)))


@dataclass(frozen=True)
class Affine:
    """(clips, dims) -> (clips, classes) scores: `clip((x - mean) / scale) @ weights + bias`.

    With a kernel: `kernel(clip((x - mean) / scale)) @ weights + bias`.

    Attributes:
        mean, scale: (dims,) of the training clips.
        weights: (dims, classes), or (columns of the kernel, classes).
        bias: (classes,).
        kernel: similarity to landmarks; None in a model that is linear in its features.
        sharpness: (domains,) factor on the scores of clips of each of the kernel's domains; None: 1.
    """

    mean: Floats
    scale: Floats
    weights: Floats
    bias: Floats
    kernel: Kernel | None = None
    sharpness: Floats | None = None

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
        scores = (x if self.kernel is None else self.kernel(x)) @ self.weights + self.bias
        if self.sharpness is None or self.kernel is None or self.kernel.domains is None:
            return np.asarray(scores)
        return np.asarray(scores * (self.kernel.domains(x) @ self.sharpness)[:, None])

    def domains(self, values: NDArray[np.float32]) -> Floats:
        """(clips, domains) probability of each domain; one column of ones in a model without domains."""
        if self.kernel is None or self.kernel.domains is None:
            return np.ones((len(values), 1))
        return self.kernel.domains(self.standardise(values, self.mean, self.scale))

    def gradient(self, x: Floats, direction: Floats) -> Floats:
        """(clips, dims) gradient of `scores @ direction` at standardised clips."""
        weights = self.weights @ direction
        if self.kernel is None:
            return np.tile(weights, (len(x), 1))
        gradient = self.kernel.gradient(x, weights)
        if self.sharpness is None or self.kernel.domains is None:
            return gradient
        probabilities = self.kernel.domains(x)
        scores = self.kernel(x) @ weights + self.bias @ direction
        factors = np.broadcast_to(self.sharpness, probabilities.shape)
        of_factor = self.kernel.domains.gradient(probabilities, factors)
        return gradient * (probabilities @ self.sharpness)[:, None] + scores[:, None] * of_factor

    def log_probabilities(self, values: NDArray[np.float32]) -> Floats:
        """(clips, classes), each row summing to one after exp."""
        return np.asarray(log_softmax(self.scores(values), axis=1))

    def arrays(self) -> dict[str, Floats]:
        """Everything by name, the kernel's parts under `kernel.`; `of_arrays` reads it again."""
        arrays = {name: value for name, value in vars(self).items() if name != "kernel" and value is not None}
        if self.kernel is None:
            return arrays
        kernel = self.kernel
        parts = {"places": kernel.landmarks, "axes": kernel.axes, "width": np.atleast_1d(kernel.width)}
        if kernel.domains is not None:
            parts |= {f"sides.{name}": value for name, value in vars(kernel.domains).items()}
        return arrays | {f"kernel.{name}": part for name, part in parts.items() if part is not None}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Floats]) -> Affine:
        """The model that `arrays` was called on.

        Raises:
            KeyError: an array is missing.
        """
        kernel = domains = None
        if "kernel.sides.axes" in arrays:
            domains = DomainClassifier(arrays["kernel.sides.axes"], arrays["kernel.sides.offset"])
        if "kernel.places" in arrays:
            width = arrays["kernel.width"].item()
            kernel = Kernel(arrays["kernel.places"], arrays.get("kernel.axes"), width, domains)
        mean, scale, weights, bias = (arrays[name] for name in ("mean", "scale", "weights", "bias"))
        return cls(mean, scale, weights, bias, kernel, arrays.get("sharpness"))

    def sharpened(self, factors: Floats) -> Affine:
        """The same decisions with every score multiplied by (domains,) factors, or (1,): > 1 is more confident."""
        if len(factors) > 1:
            return replace(self, sharpness=factors)
        return replace(self, weights=self.weights * factors[0], bias=self.bias * factors[0])

    def shifted(self, offsets: Floats) -> Affine:
        """(classes,) offsets added to the scores: > 0 makes a class more likely."""
        return replace(self, bias=self.bias + offsets)

    @property
    def parameters(self) -> int:
        """Number of fitted parameters, without the scaling."""
        landmarks = 0 if self.kernel is None else self.kernel.landmarks.size
        domains = 0 if self.kernel is None or self.kernel.domains is None else self.kernel.domains.axes.size
        return self.weights.size + self.bias.size + landmarks + domains


def of_decision(coefficients: Floats, intercept: Floats) -> tuple[Floats, Floats]:
    """(dims, classes) weights and (classes,) bias from scikit-learn's, which have one row for two classes."""
    if coefficients.shape[0] == 1:
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercept = np.concatenate([-intercept, intercept]) / 2
    return coefficients.T.astype(np.float64), np.asarray(intercept, dtype=np.float64)


def domains_of(class_mask: Floats) -> NDArray[np.int64]:
    """(clips,) number of each clip's domain: clips with the same row of the (clips, classes) mask share one."""
    return np.asarray(np.unique(class_mask, axis=0, return_inverse=True)[1]).ravel()
