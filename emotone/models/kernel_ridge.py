"""Kernel ridge regression on +-1 targets, with so few landmarks that it stays small and fast."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.models._affine import Floats, Kernel
from emotone.models.ridge import Ridge

_SIDES_PENALTY = 3000.0


class KernelRidge(Ridge):
    """Ridge regression in how like each landmark a clip is: a Gaussian of their distance in standardised features.

    The landmarks are training clips drawn by chance; with as many as there are clips it is kernel ridge regression as
    it stands in books. Near clips decide: so one model can learn corpora that differ, each in its own way.

    Source: Saunders et al. 1998; landmarks of Williams & Seeger, NIPS 2001 (the Nystroem method).
    """

    penalty: float = Field(0.25, gt=0, description="Lambda: larger holds the weights closer to zero.")
    width: float = Field(0.25, gt=0, description="Likeness is exp(-width * mean squared difference of the features).")
    landmarks: int = Field(1600, ge=1, description="Training clips that others are compared with; all, where fewer.")
    components: int = Field(
        400, ge=0, description="Principal components in which they are compared, where there are more; 0: all features."
    )
    apart: float = Field(
        0.5,
        ge=0,
        description="Clips that sound as of different corpora are less alike, exp(-this) times as much; corpora "
        "are told apart by the classes they have (training.absent_classes).",
    )

    def kernel(self, x: Floats, counts: Floats) -> Kernel:
        sides = np.unique(counts, axis=0, return_inverse=True)[1]
        axes = _principal_axes(x, self.components) if 0 < self.components < x.shape[1] else None
        width = self.width / x.shape[1]
        if sides.max() and self.apart:
            between = _sides(x, sides) * np.sqrt(self.apart / (2 * width))  # two sides are sqrt(2) apart
            axes = np.concatenate([np.eye(x.shape[1]) if axes is None else axes, between], axis=1)
        axes = None if axes is None else _short(axes)
        places = x[_drawn(sides, self.landmarks)]
        return Kernel(_short(places if axes is None else places @ axes), axes, width)


def _drawn(sides: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Positions of landmarks: as many of each side as of the others, as far as it has them."""
    chance = np.random.default_rng(0)
    order = chance.permutation(len(sides))
    turn = np.empty(len(sides), dtype=np.int64)  # the how-manieth of its side each clip is
    for side in np.unique(sides):
        own = order[sides[order] == side]
        turn[own] = np.arange(len(own))
    return np.sort(np.lexsort((chance.permutation(len(sides)), turn))[:count])


def _sides(x: Floats, sides: NDArray[np.int64]) -> Floats:
    """(dims, sides) along which a clip of a side is about 1 and of others about 0: ridge regression, sides alike."""
    weights = 1 / np.bincount(sides)[sides]
    weights = weights / weights.mean()
    centred = x - np.average(x, axis=0, weights=weights)
    targets = np.eye(sides.max() + 1)[sides]
    targets = targets - np.average(targets, axis=0, weights=weights)
    gram = (centred * weights[:, None]).T @ centred
    gram[np.diag_indices_from(gram)] += _SIDES_PENALTY
    return np.asarray(np.linalg.solve(gram, (centred * weights[:, None]).T @ targets))


def _short(values: Floats) -> Floats:
    """As half precision holds them, so that a model file of half the size is the same model."""
    return values.astype(np.float16).astype(np.float64)


def _principal_axes(x: Floats, count: int) -> Floats:
    """(dims, count) directions in which the clips differ most."""
    centred = x - x.mean(axis=0)
    vectors = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :count]
    largest = np.abs(vectors).argmax(axis=0)  # eigenvectors have no sign of their own
    return np.asarray(vectors * np.sign(vectors[largest, np.arange(vectors.shape[1])]))
