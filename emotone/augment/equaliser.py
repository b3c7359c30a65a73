"""Random level, frequency response and noise floor on log-mel spectrograms, as another microphone has them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.augment import Augmentation, Domain


class Equaliser(Augmentation):
    """A random level and a smooth random curve over the bands, added in dB; in some clips, a noise floor.

    The noise floor has the clip's mean spectrum at a random lower level; powers are added.

    >>> flat = np.zeros((5, 8), dtype=np.float32)
    >>> bool(np.ptp(Equaliser()(flat, np.random.default_rng(0), 0), axis=1).max() > 0.5)
    True
    """

    domains: ClassVar[tuple[Domain, ...]] = ("spectrogram",)

    most_db: float = Field(3.0, ge=0, description="Largest change of level, in dB.")
    curve_db: float = Field(2.2, ge=0, description="Standard deviation of the curve at each of its points, in dB.")
    points: int = Field(
        4, ge=2, description="Points of the curve, evenly spaced over the bands; linear interpolation between them."
    )
    floor_share: float = Field(0.3, ge=0, le=1, description="Probability of a noise floor.")
    floor_db: tuple[float, float] = Field(
        (-20.0, -5.0), description="Range of the noise floor's level, in dB relative to the mean spectrum."
    )

    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        bands = values.shape[1]
        level = rng.uniform(-self.most_db, self.most_db)
        corners = rng.normal(0, self.curve_db, self.points)
        floors, floor = rng.random() < self.floor_share, rng.uniform(*self.floor_db)
        if floors:
            noise = values.mean(axis=0, keepdims=True) + np.float32(floor)
            values = np.maximum(values, noise) + 10 * np.log10(1 + 10 ** (-np.abs(values - noise) / 10))
        curve = np.interp(np.linspace(0, self.points - 1, bands), np.arange(self.points), corners)
        return np.asarray(values + (level + curve).astype(np.float32), dtype=np.float32)
