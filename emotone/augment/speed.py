"""Random speed by resampling: pitch and tempo change together, as on a tape."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import soxr
from numpy.typing import NDArray
from pydantic import Field

from emotone.augment import Augmentation, Domain


class Speed(Augmentation):
    """The clip resampled and used at its original rate; a speed of 1.1 is 10 % faster and higher.

    Source: Ko et al., Interspeech 2015.

    >>> tone = np.ones(1100, dtype=np.float32)
    >>> Speed(slowest=1.1, fastest=1.1)(tone, np.random.default_rng(0), 16000).size
    1000
    """

    domains: ClassVar[tuple[Domain, ...]] = ("waveform",)

    slowest: float = Field(0.9, gt=0, description="Lowest speed factor.")
    fastest: float = Field(1.1, gt=0, description="Highest speed factor.")

    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        speed = float(rng.uniform(self.slowest, self.fastest))
        return np.asarray(soxr.resample(values, rate_hz * speed, rate_hz), dtype=np.float32)
