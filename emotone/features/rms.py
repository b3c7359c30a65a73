"""Root mean square of each frame: its loudness."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from emotone.audio.spectrum import frames
from emotone.features import Feature, Values


class Rms(Feature):
    """(frames, 1) root mean square of every frame, 0 for silence; equal to librosa's.

    >>> Rms().extract(np.full(4096, 0.5, dtype=np.float32), 16000)[4].tolist()
    [0.5]
    """

    kind = "sequence"

    frame: int = Field(2048, ge=1, description="Samples per frame.")
    hop: int = Field(512, ge=1, description="Samples from one frame to the next.")
    centre: bool = Field(True, description="Centre frames on their time, with zero padding at both ends.")

    def extract(self, samples: Values, rate_hz: int) -> Values:
        framed = frames(samples, self.frame, self.hop, centre=self.centre)
        power: Values = np.einsum("tn,tn->t", framed, framed) / np.float32(self.frame)
        return np.sqrt(power)[:, None]

    @property
    def names(self) -> list[str]:
        return ["rms"]
