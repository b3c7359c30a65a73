"""A tape played slower or faster: pitch and speed change together."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import soxr
from numpy.typing import NDArray
from pydantic import Field

from emotone.augment import Augmentation, Domain


class Speed(Augmentation):
    """The clip resampled and played at its old rate: at 1.1 it is a tenth faster and higher.

    Source: Ko et al., Interspeech 2015.

    >>> tone = np.ones(1100, dtype=np.float32)
    >>> Speed(slowest=1.1, fastest=1.1)(tone, np.random.default_rng(0), 16000).size
    1000
    """

    domains: ClassVar[tuple[Domain, ...]] = ("waveform",)

    slowest: float = Field(0.9, gt=0, description="Lowest speed.")
    fastest: float = Field(1.1, gt=0, description="Highest speed.")

    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        speed = float(rng.uniform(self.slowest, self.fastest))
        return np.asarray(soxr.resample(values, rate_hz * speed, rate_hz), dtype=np.float32)
