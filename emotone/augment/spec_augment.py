"""SpecAugment: random time and frequency masks."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.augment import Augmentation, Domain


class SpecAugment(Augmentation):
    """Time and frequency masks filled with the clip's mean; no time warping.

    Source: Park et al., Interspeech 2019.
    """

    domains: ClassVar[tuple[Domain, ...]] = ("spectrogram",)

    time_masks: int = Field(2, ge=0, description="Number of time masks.")
    time_share: float = Field(0.12, ge=0, le=1, description="Longest time mask, as a share of the clip.")
    band_masks: int = Field(2, ge=0, description="Number of frequency masks.")
    band_share: float = Field(0.15, ge=0, le=1, description="Widest frequency mask, as a share of the bands.")

    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        changed: NDArray[np.float32] = values.copy()
        fill = values.mean()
        frames, bands = values.shape
        for _ in range(self.time_masks):
            first, last = _mask(frames, self.time_share, rng)
            changed[first:last] = fill
        for _ in range(self.band_masks):
            first, last = _mask(bands, self.band_share, rng)
            changed[:, first:last] = fill
        return changed


def _mask(size: int, largest_share: float, rng: np.random.Generator) -> tuple[int, int]:
    width = int(rng.integers(0, int(size * largest_share) + 1))
    first = int(rng.integers(0, size - width + 1))
    return first, first + width
