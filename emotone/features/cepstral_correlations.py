"""Correlations of cepstral coefficients at several lags: the dynamics of timbre in one vector."""

from __future__ import annotations

import numpy as np
from pydantic import Field, model_validator
from typing_extensions import Self

from emotone.audio.fourier import cosines
from emotone.features import Feature, Values
from emotone.features.log_mel import LogMel

_LEAST_DB = 0.5
"""Added to the deviation of a coefficient, so that an almost constant one is not amplified."""


class CepstralCorrelations(Feature):
    """(dims,) the deviation of each coefficient, and the correlations of all of them at several lags.

    At lag 0 each pair counts once; at other lags coefficient i is compared with coefficient j that many frames later.
    A constant filter, such as a microphone, does not change the result.

    Source: McDermott & Simoncelli, Neuron 71(5) 2011, describe sound textures by such correlations.

    >>> clip = np.random.default_rng(0).normal(size=16000).astype(np.float32)
    >>> vector = CepstralCorrelations(coefficients=4, lags=(0, 2)).extract(clip, 16000)
    >>> len(vector), bool((np.abs(vector[4:]) < 1.1).all())
    (26, True)
    """

    kind = "vector"

    coefficients: int = Field(12, ge=2, description="Cepstral coefficients; the first is the level.")
    lags: tuple[int, ...] = Field((0, 1, 3, 8), min_length=1, description="Lags between the compared frames.")
    spectrogram: LogMel = Field(LogMel(mels=64), description="Settings of the log-mel spectrogram, in dB.")

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
            correlations = scaled[: len(scaled) - lag].T @ scaled[lag:] / (len(scaled) - lag)
            parts.append(correlations[np.triu_indices(self.coefficients, 1)] if lag == 0 else correlations.ravel())
        return np.concatenate(parts, dtype=np.float32)

    def extract(self, samples: Values, rate_hz: int) -> Values:
        return self.of_source(self.spectrogram.extract(samples, rate_hz))

    @property
    def names(self) -> list[str]:
        numbers = range(self.coefficients)
        names = [f"deviation.{i}" for i in numbers]
        for lag in self.lags:
            names += [f"lag_{lag}.{i}.{j}" for i in numbers for j in numbers if lag or j > i]
        return names
