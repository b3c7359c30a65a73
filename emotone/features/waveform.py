"""Raw samples, for networks that take the waveform."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from emotone.features import Feature, Values


class Waveform(Feature):
    """(samples,) unchanged, or with mean 0 and standard deviation 1.

    An encoder inside a network normalises its input as its checkpoint requires; use `none` for it.

    >>> Waveform(normalise="clip").extract(np.array([1, 3] * 200, dtype=np.float32), 16000)[:2].tolist()
    [-1.0, 1.0]
    """

    kind = "waveform"

    normalise: Literal["none", "clip"] = Field("none", description="Samples unchanged, or standardised per clip.")
    least: int = Field(
        400, ge=1, description="Shorter clips are padded with zeros to this many samples: one frame of an encoder."
    )

    def extract(self, samples: Values, rate_hz: int) -> Values:
        if self.normalise == "clip":
            samples = samples - samples.mean(dtype=np.float64)
            samples = samples / np.maximum(samples.std(), 1e-5)
        return np.pad(samples, (0, max(0, self.least - samples.size))).astype(np.float32)
