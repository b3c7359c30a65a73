"""Random disturbances of the stress test: rooms, telephone lines, background sounds."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.audio.disturbances import GROUPS
from emotone.augment import Augmentation, Domain

_BACKGROUND = "background"


class Disturb(Augmentation):
    """The clip after at most one random disturbance of each group; background sounds at a random level.

    A model trained with it has seen the kinds of change that `emotone stress` tests, though no sound twice: state that
    next to the results of the test.

    >>> clip = np.sin(np.arange(16000) / 9).astype(np.float32)
    >>> Disturb(telephone=1)(clip, np.random.default_rng(0), 16000).size
    16000
    """

    domains: ClassVar[tuple[Domain, ...]] = ("waveform",)

    small_changes: float = Field(
        0.3, ge=0, le=1, description="Probability of a small change: gain, cropping, filter, noise."
    )
    background: float = Field(
        0.5, ge=0, le=1, description="Probability of noise, voices, music or a cough in the background."
    )
    telephone: float = Field(0.25, ge=0, le=1, description="Probability of a narrow band, a compressor or a codec.")
    recording: float = Field(
        0.25, ge=0, le=1, description="Probability of a room or another position of the microphone."
    )
    spectral_tilt: float = Field(0.3, ge=0, le=1, description="Probability of a spectral tilt, upward or downward.")
    background_db: tuple[float, float] = Field(
        (-12.0, 8.0), description="Range of the background's level, in dB relative to the stress test."
    )

    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        for group in GROUPS:
            if rng.random() < getattr(self, group.name.replace(" ", "_")):
                disturbance = group.disturbances[rng.integers(len(group.disturbances))]
                changed = disturbance(values, rate_hz, rng)
                if group.name == _BACKGROUND:
                    level = np.float32(10 ** (rng.uniform(*self.background_db) / 20))
                    changed = values + level * (changed - values)
                values = changed
        return np.asarray(values, dtype=np.float32)
