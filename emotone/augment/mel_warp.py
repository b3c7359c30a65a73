"""Speech a little faster or slower, higher or lower: a log-mel spectrogram resampled once, along both axes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.augment import Augmentation, Domain


class MelWarp(Augmentation):
    """The spectrogram at another speed, its bands shifted and stretched; beyond an edge the edge is held.

    On a mel scale a shift is about what another pitch and another vocal tract do together, a stretch what a vocal tract
    alone does. One bilinear reading of the clip does all three.

    >>> frames = np.arange(60, dtype=np.float32).reshape(20, 3)
    >>> MelWarp()(frames, np.random.default_rng(0), 0).shape
    (20, 3)
    """

    domains: ClassVar[tuple[Domain, ...]] = ("spectrogram",)

    speed: float = Field(0.15, ge=0, lt=1, description="Largest logarithm of the change of speed; .15: 14 to 16 %.")
    shift: float = Field(2.0, ge=0, description="Largest shift, in bands.")
    stretch: float = Field(0.06, ge=0, lt=1, description="Largest logarithm of the stretch of the bands.")

    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        speed, stretch = np.exp(rng.uniform(-1, 1, 2) * (self.speed, self.stretch))
        shift = rng.uniform(-self.shift, self.shift)
        frames, bands = values.shape
        middle = (frames - 1) / 2
        read = _read(values, (np.arange(frames) - middle) * speed + middle, 0)
        return _read(read, np.arange(bands) * stretch + shift, 1)


def _read(values: NDArray[np.float32], places: NDArray[np.float64], axis: int) -> NDArray[np.float32]:
    """Values at places between the whole numbers of one axis."""
    last = values.shape[axis] - 1
    places = places.clip(0, last)
    low = np.minimum(places.astype(np.int64), max(last - 1, 0))
    share = np.expand_dims((places - low).astype(np.float32), 1 - axis)
    return np.asarray(
        values.take(low, axis=axis) * (1 - share) + values.take(np.minimum(low + 1, last), axis=axis) * share
    )
