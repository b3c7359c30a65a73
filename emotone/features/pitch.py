"""Fundamental frequency over time, and strength of voicing."""

from __future__ import annotations

import numpy as np
from pydantic import Field, model_validator
from typing_extensions import Self

from emotone.features import Feature, Values
from emotone.features._pitch import track


class Pitch(Feature):
    """(frames, 2) fundamental frequency in Hz, 0 where unvoiced, and strength of voicing, 0 .. 1.

    Source: Boersma, Proc. Institute of Phonetic Sciences 17, 1993.

    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 200 * np.arange(8000) / 16000).astype(np.float32)
    >>> Pitch().extract(tone, 16000)[25].round().tolist()
    [200.0, 1.0]
    """

    kind = "sequence"

    fmin_hz: float = Field(60.0, gt=0, description="Lowest fundamental frequency.")
    fmax_hz: float = Field(600.0, gt=0, description="Highest fundamental frequency.")
    hop_s: float = Field(0.01, gt=0, description="Seconds from one frame to the next.")
    voicing: float = Field(0.45, ge=0, le=1, description="Lowest strength of a voiced frame.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.fmax_hz < 2 * self.fmin_hz:
            raise ValueError(f"fmax_hz {self.fmax_hz} must be an octave above fmin_hz {self.fmin_hz} or more")
        return self

    def extract(self, samples: Values, rate_hz: int) -> Values:
        hop = max(1, round(self.hop_s * rate_hz))
        f0_hz, strength = track(
            samples, rate_hz, fmin_hz=self.fmin_hz, fmax_hz=self.fmax_hz, hop=hop, voicing=self.voicing
        )
        return np.stack([f0_hz, strength], axis=1)

    @property
    def names(self) -> list[str]:
        return ["f0_hz", "voicing"]
