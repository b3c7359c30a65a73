"""White noise on a waveform or a spectrogram."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.augment import Augmentation, Domain


class GaussianNoise(Augmentation):
    """Gaussian noise of a fixed deviation: in full scale on a waveform, in deviations of the clip on a spectrogram.

    >>> quiet = np.zeros(4, dtype=np.float32)
    >>> bool(np.ptp(GaussianNoise(amount=0.1)(quiet, np.random.default_rng(0), 16000)) > 0)
    True
    """

    domains: ClassVar[tuple[Domain, ...]] = ("waveform", "spectrogram")

    amount: float = Field(0.005, gt=0, description="Deviation of the noise.")

    def __call__(self, values: NDArray[np.float32], chance: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        scale = float(values.std()) if values.ndim > 1 else 1.0
        noise = chance.standard_normal(values.shape, dtype=np.float32)
        return np.asarray(values + noise * np.float32(self.amount * scale))
