"""Another microphone: louder, softer, coloured, a little noise below the voice; on log-mel spectrograms."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.augment import Augmentation, Domain


class Equaliser(Augmentation):
    """A random level and a smooth random curve over the bands added to a spectrogram in dB; at times a noise floor.

    The floor adds, in power, noise of the clip's own mean spectrum at a random level under it.

    >>> flat = np.zeros((5, 8), dtype=np.float32)
    >>> bool(np.ptp(Equaliser()(flat, np.random.default_rng(0), 0), axis=1).max() > 0.5)
    True
    """

    domains: ClassVar[tuple[Domain, ...]] = ("spectrogram",)

    most_db: float = Field(3.0, ge=0, description="Largest change of level.")
    curve_db: float = Field(2.2, ge=0, description="Deviation of the curve at each of its points.")
    points: int = Field(4, ge=2, description="Points of the curve, evenly over the bands; straight lines between.")
    floor_share: float = Field(0.3, ge=0, le=1, description="Share of clips that are given a noise floor.")
    floor_db: tuple[float, float] = Field((-20.0, -5.0), description="Least and most level of it, under the mean.")

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
