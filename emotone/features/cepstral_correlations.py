"""How cepstral coefficients move together, at once and a moment later: the rhythm of timbre in one vector."""

from __future__ import annotations

import numpy as np
from pydantic import Field, model_validator
from typing_extensions import Self

from emotone.audio.fourier import cosines
from emotone.features import Feature, Values
from emotone.features.log_mel import LogMel

_LEAST_DB = 0.5
"""Added to a coefficient's deviation, so that one that hardly moves is not made to move."""


class CepstralCorrelations(Feature):
    """(dims,) the deviation of each coefficient, and the correlations of all of them at several lags.

    At lag 0 each pair counts once; at the others coefficient i now is compared with coefficient j so many frames later.
    A filter that does not change, such as a microphone, changes nothing.

    Source: the sound textures of McDermott & Simoncelli, Neuron 71(5) 2011, are told by such correlations.

    >>> clip = np.random.default_rng(0).normal(size=16000).astype(np.float32)
    >>> vector = CepstralCorrelations(coefficients=4, lags=(0, 2)).extract(clip, 16000)
    >>> len(vector), bool((np.abs(vector[4:]) < 1.1).all())
    (26, True)
    """

    kind = "vector"

    coefficients: int = Field(12, ge=2, description="Cepstral coefficients, from the first, which is the level.")
    lags: tuple[int, ...] = Field((0, 1, 3, 8), min_length=1, description="Frames between what is compared.")
    spectrogram: LogMel = Field(LogMel(mels=64), description="The log-mel spectrogram whose cepstrum it is, in dB.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.coefficients > self.spectrogram.mels:
            raise ValueError(f"{self.coefficients} coefficients need as many mels, not {self.spectrogram.mels}")
        if min(self.lags) < 0:
            raise ValueError(f"lags count frames from 0 on, not {min(self.lags)}")
        return self

    @property
    def source(self) -> Feature:
        return self.spectrogram

    def of_source(self, values: Values) -> Values:
        cepstrum = values @ cosines(values.shape[1], self.coefficients).T.astype(values.dtype)
        cepstrum = cepstrum - cepstrum.mean(axis=0)
        if (missing := max(self.lags) + 2 - len(cepstrum)) > 0:
            cepstrum = np.pad(cepstrum, ((0, missing), (0, 0)))
        deviation = cepstrum.std(axis=0) + np.float32(_LEAST_DB)
        scaled = cepstrum / deviation
        parts = [np.log(deviation)]
        for lag in self.lags:
            together = scaled[: len(scaled) - lag].T @ scaled[lag:] / (len(scaled) - lag)
            parts.append(together[np.triu_indices(self.coefficients, 1)] if lag == 0 else together.ravel())
        return np.concatenate(parts, dtype=np.float32)

    def extract(self, samples: Values, rate_hz: int) -> Values:
        return self.of_source(self.spectrogram.extract(samples, rate_hz))

    @property
    def names(self) -> list[str]:
        each = range(self.coefficients)
        found = [f"deviation.{one}" for one in each]
        for lag in self.lags:
            found += [f"lag_{lag}.{one}.{other}" for one in each for other in each if lag or other > one]
        return found
