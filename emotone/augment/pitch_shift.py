"""Random pitch at the same speed."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.augment import Augmentation, Domain
from emotone.augment._stretch import stretch


class PitchShift(Augmentation):
    """The clip shifted by a random number of semitones; its length stays the same.

    Source: Signalsmith Stretch, a phase vocoder, through `python-stretch`.
    """

    domains: ClassVar[tuple[Domain, ...]] = ("waveform",)

    semitones: float = Field(2.0, gt=0, description="Largest shift, up or down, in semitones.")

    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        return stretch(values, rate_hz, semitones=float(rng.uniform(-self.semitones, self.semitones)))
