"""Log-mel bands and MFCC of the same frames, concatenated."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from emotone.features import Feature, Values
from emotone.features.log_mel import LogMel
from emotone.features.mfcc import Mfcc


class LogMelMfcc(Feature):
    """(frames, mels + coefficients): log-mel in dB relative to the clip's loudest cell, and MFCC of the same frames.

    >>> LogMelMfcc().extract(np.ones(16000, dtype=np.float32), 16000).shape
    (32, 141)
    """

    kind = "sequence"

    mels: int = Field(128, ge=1, description="Bands of the log-mel.")
    coefficients: int = Field(13, ge=1, description="MFCC per frame.")
    fmax_hz: float | None = Field(8000.0, gt=0, description="Upper edge of the highest band; none: half the rate.")

    def _parts(self) -> tuple[LogMel, Mfcc]:
        return LogMel(mels=self.mels, fmax_hz=self.fmax_hz, ref="max"), Mfcc(coefficients=self.coefficients)

    def extract(self, samples: Values, rate_hz: int) -> Values:
        return np.concatenate([part.extract(samples, rate_hz) for part in self._parts()], axis=1)

    @property
    def names(self) -> list[str]:
        return [name for part in self._parts() for name in part.names]
