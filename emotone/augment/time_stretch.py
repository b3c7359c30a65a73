"""Slower or faster speech at the same pitch."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.augment import Augmentation, Domain
from emotone.augment._stretch import stretch


class TimeStretch(Augmentation):
    """The clip at a random speed; pitch stays. A rate of 1.2 is a fifth faster, hence shorter.

    Source: Signalsmith Stretch, a phase vocoder, through `python-stretch`.
    """

    domains: ClassVar[tuple[Domain, ...]] = ("waveform",)

    slowest: float = Field(0.8, gt=0, description="Lowest speed.")
    fastest: float = Field(1.2, gt=0, description="Highest speed.")

    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        return stretch(values, rate_hz, speed=float(rng.uniform(self.slowest, self.fastest)))
