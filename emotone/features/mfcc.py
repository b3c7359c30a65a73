"""Mel-frequency cepstral coefficients: the spectral envelope in a few numbers per frame."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.fft
from pydantic import Field, model_validator
from typing_extensions import Self

from emotone.features import Values
from emotone.features._delta import delta
from emotone.features._mel import MelFeature


class Mfcc(MelFeature):
    """(frames, coefficients * (1 + deltas)) orthonormal DCT of the log-mel spectrogram; equal to librosa's within 1e-4.

    Source: Davis & Mermelstein, IEEE TASSP 28(4), 1980.

    >>> import numpy as np
    >>> Mfcc(coefficients=13, deltas=2).extract(np.ones(16000, dtype=np.float32), 16000).shape
    (32, 39)
    """

    kind = "sequence"

    coefficients: int = Field(20, ge=1, description="Coefficients per frame; the first is the level.")
    deltas: Literal[0, 1, 2] = Field(0, description="Append first (1) and second (2) differences over time.")
    delta_width: int = Field(9, ge=3, description="Frames of the window for the differences; odd.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.coefficients > self.mels:
            raise ValueError(f"{self.coefficients} coefficients need as many mels, these are {self.mels}; raise mels")
        if self.delta_width % 2 == 0:
            raise ValueError(f"delta_width must be odd; came {self.delta_width}, try {self.delta_width + 1}")
        return self

    def extract(self, samples: Values, rate_hz: int) -> Values:
        spectrum = self.log_mel_spectrogram(samples, rate_hz)
        cepstrum = self.normalised(scipy.fft.dct(spectrum, norm="ortho")[:, : self.coefficients])
        changes = [delta(cepstrum, self.delta_width, order) for order in range(1, self.deltas + 1)]
        return np.concatenate([cepstrum, *changes], axis=1)

    @property
    def names(self) -> list[str]:
        return [
            f"{prefix}mfcc_{index}"
            for prefix in ("", "delta_", "delta_delta_")[: self.deltas + 1]
            for index in range(self.coefficients)
        ]
