"""Zero-crossing rate: how often the waveform changes its sign; high for hiss, low for hum."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from emotone.audio.spectrum import frames
from emotone.features import Feature, Values


class ZeroCrossingRate(Feature):
    """(frames, 1) share of neighbouring samples whose signs differ, 0 .. 1; equal to librosa's.

    >>> ZeroCrossingRate().extract(np.array([1, -1] * 4096, dtype=np.float32), 16000)[8].round(3).tolist()
    [1.0]
    """

    kind = "sequence"

    frame: int = Field(2048, ge=2, description="Samples per frame.")
    hop: int = Field(512, ge=1, description="Samples from one frame to the next.")
    centre: bool = Field(
        True, description="Centre frames on their time; the outermost samples are repeated as padding."
    )

    def extract(self, samples: Values, rate_hz: int) -> Values:
        return crossings(frames(samples, self.frame, self.hop, centre=self.centre, pad="edge"))[:, None]

    @property
    def names(self) -> list[str]:
        return ["zero_crossing_rate"]


def crossings(framed: Values) -> Values:
    """(frames,) sign changes within each frame per sample of it; values above -1e-10 count as positive."""
    negative = framed < -1e-10
    return np.asarray(np.mean(negative[:, 1:] != negative[:, :-1], axis=1) * (1 - 1 / framed.shape[1]), np.float32)
