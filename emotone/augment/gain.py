"""A random level, as from another distance to the microphone."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.augment import Augmentation, Domain


class Gain(Augmentation):
    """The clip multiplied by a random gain.

    >>> loud = Gain(most_db=6.0)(np.ones(3, dtype=np.float32), np.random.default_rng(0), 16000)
    >>> bool(0.5 < loud[0] < 2.0)
    True
    """

    domains: ClassVar[tuple[Domain, ...]] = ("waveform",)

    most_db: float = Field(6.0, gt=0, description="Largest change of level, up or down, in dB.")

    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        return np.asarray(values * np.float32(10 ** (rng.uniform(-self.most_db, self.most_db) / 20)))
