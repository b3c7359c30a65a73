"""Another room, another line, something else in the background: what the stress test tries, a little of it drawn."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.audio.disturbances import GROUPS
from emotone.augment import Augmentation, Domain

_BACKGROUND = "background"


class Disturb(Augmentation):
    """The clip after one disturbance of each kind that is drawn; what lies in its background at a level of its own.

    What learns from it has met the kinds of change that `emotone stress` tries, though none of its sounds twice: say
    so beside what that test gives.

    >>> clip = np.sin(np.arange(16000) / 9).astype(np.float32)
    >>> Disturb(telephone=1)(clip, np.random.default_rng(0), 16000).size
    16000
    """

    domains: ClassVar[tuple[Domain, ...]] = ("waveform",)

    small_changes: float = Field(0.3, ge=0, le=1, description="Chance of a small change: gain, cut, filter, hiss.")
    background: float = Field(0.5, ge=0, le=1, description="Chance of noise, voices, music or a cough behind it.")
    telephone: float = Field(0.25, ge=0, le=1, description="Chance of a narrow band, a compressor or a codec.")
    recording: float = Field(0.25, ge=0, le=1, description="Chance of a room or another place of the microphone.")
    spectral_tilt: float = Field(0.3, ge=0, le=1, description="Chance of a brighter or duller sound.")
    background_db: tuple[float, float] = Field(
        (-12.0, 8.0), description="Least and most level of what is in the background, over that of the stress test."
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
