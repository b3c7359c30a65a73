"""Gaussian noise on a waveform, a spectrogram or an image."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.augment import Augmentation, Domain


class GaussianNoise(Augmentation):
    """Gaussian noise of a fixed standard deviation.

    Its unit is full scale on a waveform, the clip's standard deviation on a spectrogram, and the range 0 .. 1 on an
    image, which is clipped to that range.

    >>> quiet = np.zeros(4, dtype=np.float32)
    >>> bool(np.ptp(GaussianNoise(amount=0.1)(quiet, np.random.default_rng(0), 16000)) > 0)
    True
    """

    domains: ClassVar[tuple[Domain, ...]] = ("waveform", "spectrogram", "image")

    amount: float = Field(0.005, gt=0, description="Standard deviation of the noise.")

    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        scale = float(values.std()) if values.ndim == 2 else 1.0
        noise = rng.standard_normal(values.shape, dtype=np.float32)
        noisy = values + noise * np.float32(self.amount * scale)
        return np.asarray(noisy.clip(0, 1) if values.ndim == 3 else noisy)
