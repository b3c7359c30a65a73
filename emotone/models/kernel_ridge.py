"""Kernel ridge regression on +-1 targets, with so few landmarks that it stays small and fast."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from emotone.models._affine import Floats, Kernel
from emotone.models.ridge import Ridge


class KernelRidge(Ridge):
    """Ridge regression in how like each landmark a clip is: a Gaussian of their distance in standardised features.

    The landmarks are training clips drawn by chance; with as many as there are clips it is kernel ridge regression as
    it stands in books. Near clips decide: so one model can learn corpora that differ, each in its own way.

    Source: Saunders et al. 1998; landmarks of Williams & Seeger, NIPS 2001 (the Nystroem method).
    """

    penalty: float = Field(0.25, gt=0, description="Lambda: larger holds the weights closer to zero.")
    width: float = Field(0.3, gt=0, description="Likeness is exp(-width * mean squared difference of the features).")
    landmarks: int = Field(2000, ge=1, description="Training clips that others are compared with; all, where fewer.")
    components: int = Field(
        400, ge=0, description="Principal components in which they are compared, where there are more; 0: all features."
    )

    def kernel(self, x: Floats) -> Kernel:
        chosen = np.random.default_rng(0).permutation(len(x))[: self.landmarks]
        axes = _principal_axes(x, self.components) if 0 < self.components < x.shape[1] else None
        places = x[np.sort(chosen)]
        axes = None if axes is None else _short(axes)
        return Kernel(_short(places if axes is None else places @ axes), axes, self.width / x.shape[1])


def _short(values: Floats) -> Floats:
    """As half precision holds them, so that a model file of half the size is the same model."""
    return values.astype(np.float16).astype(np.float64)


def _principal_axes(x: Floats, count: int) -> Floats:
    """(dims, count) directions in which the clips differ most."""
    centred = x - x.mean(axis=0)
    vectors = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :count]
    largest = np.abs(vectors).argmax(axis=0)  # eigenvectors have no sign of their own
    return np.asarray(vectors * np.sign(vectors[largest, np.arange(vectors.shape[1])]))
