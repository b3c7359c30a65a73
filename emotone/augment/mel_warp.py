"""Random speed, pitch and vocal tract length: a log-mel spectrogram resampled along both axes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.augment import Augmentation, Domain


class MelWarp(Augmentation):
    """The spectrogram at a random speed, its bands shifted and stretched; edge values are repeated.

    On a mel scale a shift approximates another pitch together with another vocal tract, a stretch another vocal tract
    alone. One bilinear interpolation does all three.

    >>> frames = np.arange(60, dtype=np.float32).reshape(20, 3)
    >>> MelWarp()(frames, np.random.default_rng(0), 0).shape
    (20, 3)
    """

    domains: ClassVar[tuple[Domain, ...]] = ("spectrogram",)

    speed: float = Field(
        0.15, ge=0, lt=1, description="Largest absolute logarithm of the speed factor; 0.15 is 14 to 16 %."
    )
    shift: float = Field(2.0, ge=0, description="Largest shift, up or down, in bands.")
    stretch: float = Field(
        0.06, ge=0, lt=1, description="Largest absolute logarithm of the stretch factor of the bands."
    )

    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        speed, stretch = np.exp(rng.uniform(-1, 1, 2) * (self.speed, self.stretch))
        shift = rng.uniform(-self.shift, self.shift)
        frames, bands = values.shape
        middle = (frames - 1) / 2
        read = _read(values, (np.arange(frames) - middle) * speed + middle, 0)
        return _read(read, np.arange(bands) * stretch + shift, 1)


def _read(values: NDArray[np.float32], places: NDArray[np.float64], axis: int) -> NDArray[np.float32]:
    """Linear interpolation at fractional places along one axis."""
    last = values.shape[axis] - 1
    places = places.clip(0, last)
    low = np.minimum(places.astype(np.int64), max(last - 1, 0))
    share = np.expand_dims((places - low).astype(np.float32), 1 - axis)
    return np.asarray(
        values.take(low, axis=axis) * (1 - share) + values.take(np.minimum(low + 1, last), axis=axis) * share
    )
