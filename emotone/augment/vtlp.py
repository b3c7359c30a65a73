"""Vocal tract length perturbation: the bands of a spectrogram are stretched."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.augment import Augmentation, Domain


class Vtlp(Augmentation):
    """Band b takes the value of band b * factor; the top band is fixed.

    On mel bands, the piecewise-linear warp of the paper is close to a stretch of the band axis whose upper end is
    pinned. Source: Jaitly & Hinton, ICML workshop on deep learning for audio, 2013.
    """

    domains: ClassVar[tuple[Domain, ...]] = ("spectrogram",)

    most: float = Field(0.1, gt=0, lt=0.5, description="Largest stretch, up or down; 0.1 is 10 %.")
    pinned: float = Field(
        0.8, gt=0, le=1, description="Share of the bands, from the lowest, over which the stretch is uniform."
    )

    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        factor = 1 + float(rng.uniform(-self.most, self.most))
        top = values.shape[1] - 1
        bend = min(self.pinned * top, self.pinned * top / factor)
        places = np.interp(np.arange(top + 1), [0, bend, top], [0, bend * factor, top])
        low = np.minimum(places.astype(np.int64), top - 1)
        share = (places - low).astype(np.float32)
        return np.asarray(values[:, low] * (1 - share) + values[:, low + 1] * share)
