"""Random speed at the same pitch."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.augment import Augmentation, Domain
from emotone.augment._stretch import stretch


class TimeStretch(Augmentation):
    """The clip at a random speed; its pitch stays the same. A speed of 1.2 is 20 % faster, hence shorter.

    Source: Signalsmith Stretch, a phase vocoder, through `python-stretch`.
    """

    domains: ClassVar[tuple[Domain, ...]] = ("waveform",)

    slowest: float = Field(0.8, gt=0, description="Lowest speed factor.")
    fastest: float = Field(1.2, gt=0, description="Highest speed factor.")

    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        return stretch(values, rate_hz, speed=float(rng.uniform(self.slowest, self.fastest)))
