"""Kernel ridge regression on +-1 targets, with so few landmarks that it stays small and fast."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.linalg import block_diag

from emotone.models.linear.affine import Floats, Kernel, Sides, sides_of
from emotone.models.ridge import Ridge

_SIDES_PENALTY = 3000.0
_DECIDED = 6.0
"""A clip that is 1 of a side and 0 of another is held to be exp(6) times as much of the first."""


class KernelRidge(Ridge):
    """Ridge regression in how like each landmark a clip is: a Gaussian of their distance in standardised features.

    The landmarks are training clips drawn by chance; with as many as there are clips it is kernel ridge regression as
    it stands in books. Of several corpora, told apart by the classes they have (`training.absent_class_weight`), each is
    given a linear model of its own beside what all share, and a clip as much of each as it sounds of that corpus.

    Source: Saunders et al. 1998; landmarks of Williams & Seeger, NIPS 2001 (the Nystroem method); a shared part and
    parts of their own of Evgeniou & Pontil, KDD 2004.
    """

    penalty: float = Field(0.25, gt=0, description="Lambda: larger holds the weights closer to zero.")
    width: float = Field(0.25, gt=0, description="Likeness is exp(-width * mean squared difference of the features).")
    landmarks: int = Field(800, ge=1, description="Training clips that others are compared with; all, where fewer.")
    components: int = Field(
        400, ge=0, description="Principal components in which they are compared, where there are more; 0: all features."
    )
    own_penalty: float = Field(
        2000.0, ge=0, description="Lambda of what each of several corpora has of its own; 0: they share everything."
    )
    with_original: bool = Field(
        False,
        description="The first half of the features is compared, the second tells corpora apart: what "
        "data.speaker_views=with_original gives. Else all do both.",
    )

    def scaling(self, values: NDArray[np.float32], counts: Floats) -> tuple[Floats, Floats]:
        """Within corpora, each counting alike: by what they differ as a whole is no measure of a clip."""
        sides = sides_of(counts)
        each = [values[sides == side] for side in range(sides.max() + 1)]
        means = np.mean([one.mean(axis=0, dtype=np.float64) for one in each], axis=0)
        scale = np.sqrt(np.mean([one.var(axis=0, dtype=np.float64) for one in each], axis=0))
        return means, np.where(scale > 1e-9 * (1 + np.abs(means)), scale, 1.0)

    def kernel(self, x: Floats, counts: Floats) -> Kernel:
        sides = sides_of(counts)
        own = x[:, : x.shape[1] // 2] if self.with_original else x
        axes = _short(_principal_axes(own, self.components)) if 0 < self.components < own.shape[1] else None
        if own.shape[1] < x.shape[1]:
            axes = np.eye(own.shape[1]) if axes is None else axes
            axes = np.concatenate([axes, np.zeros((x.shape[1] - own.shape[1], axes.shape[1]))])
        places = x[_drawn(sides, self.landmarks)]
        telling = (
            x if own.shape[1] == x.shape[1] else np.concatenate([np.zeros_like(own), x[:, own.shape[1] :]], axis=1)
        )
        told = _told_apart(telling, sides) if sides.max() and self.own_penalty else None
        return Kernel(_short(places if axes is None else places @ axes), axes, self.width / own.shape[1], told)

    def whitener(self, kernel: Kernel) -> Floats:
        """Behind it one penalty is both that on the kernel's function and that on what corpora have of their own."""
        shared = super().whitener(kernel)
        if kernel.sides is None:
            return shared
        own = kernel.sides.axes.shape[1] * kernel.places.shape[1]
        return np.asarray(block_diag(shared, np.sqrt(self.penalty / self.own_penalty) * np.eye(own)))


def _drawn(sides: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Positions of landmarks: as many of each side as of the others, as far as it has them."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(sides))
    turn = np.empty(len(sides), dtype=np.int64)  # the how-manieth of its side each clip is
    for side in np.unique(sides):
        own = order[sides[order] == side]
        turn[own] = np.arange(len(own))
    return np.sort(np.lexsort((rng.permutation(len(sides)), turn))[:count])


def _told_apart(x: Floats, sides: NDArray[np.int64]) -> Sides:
    """Ridge regression that is about 1 for clips of a side and 0 for others, all sides alike; made decided."""
    weights = 1 / np.bincount(sides)[sides]
    weights = weights / weights.mean()
    targets = np.eye(sides.max() + 1)[sides]
    middle, often = np.average(x, axis=0, weights=weights), np.average(targets, axis=0, weights=weights)
    centred = x - middle
    gram = (centred * weights[:, None]).T @ centred
    gram[np.diag_indices_from(gram)] += _SIDES_PENALTY
    axes = np.linalg.solve(gram, (centred * weights[:, None]).T @ (targets - often))
    return Sides(_DECIDED * axes, _DECIDED * (often - middle @ axes))


def _short(values: Floats) -> Floats:
    """As half precision holds them, so that a model file of half the size is the same model."""
    return values.astype(np.float16).astype(np.float64)


def _principal_axes(x: Floats, count: int) -> Floats:
    """(dims, count) directions in which the clips differ most."""
    centred = x - x.mean(axis=0)
    vectors = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :count]
    largest = np.abs(vectors).argmax(axis=0)  # eigenvectors have no sign of their own
    return np.asarray(vectors * np.sign(vectors[largest, np.arange(vectors.shape[1])]))
