"""Mean and standard deviation over time: the simplest fixed-length vector of a clip."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from emotone.features import Feature, Values
from emotone.features.log_mel import LogMel
from emotone.features.mfcc import Mfcc
from emotone.features.zero_crossing_rate import ZeroCrossingRate


class MeanStd(Feature):
    """(dims,) mean and standard deviation of waveform, MFCC, log-mel and zero-crossing rate.

    `matrix`: over all values of each, which gives eight numbers; `coefficient`: over time, for each coefficient. The
    log-mel is in dB relative to the clip's loudest cell, up to 8 kHz; the MFCC are librosa's defaults.

    >>> MeanStd(per="matrix").extract(np.ones(16000, dtype=np.float32), 16000).shape
    (8,)
    """

    kind = "vector"

    per: Literal["matrix", "coefficient"] = Field(
        "coefficient", description="What is averaged: all values of a feature, or each coefficient over time."
    )
    coefficients: int = Field(13, ge=1, description="MFCC per frame.")
    mels: int = Field(128, ge=1, description="Bands of the log-mel.")

    def _parts(self) -> dict[str, Feature]:
        return {
            "mfcc": Mfcc(coefficients=self.coefficients),
            "log_mel": LogMel(mels=self.mels, fmax_hz=8000.0, ref="max"),
            "zero_crossing_rate": ZeroCrossingRate(),
        }

    def extract(self, samples: Values, rate_hz: int) -> Values:
        parts = [samples[:, None], *(part.extract(samples, rate_hz) for part in self._parts().values())]
        axis = None if self.per == "matrix" else 0
        pairs = [np.atleast_1d(statistic(part, axis=axis)) for part in parts for statistic in (np.mean, np.std)]
        return np.concatenate(pairs).astype(np.float32)

    @property
    def names(self) -> list[str]:
        parts = {"waveform": ["waveform"], **{name: part.names for name, part in self._parts().items()}}
        return [
            f"{statistic}_{row}"
            for name, rows in parts.items()
            for statistic in ("mean", "std")
            for row in ([name] if self.per == "matrix" else rows)
        ]
