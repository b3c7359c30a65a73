"""Contours: timbre, spectral shape, voice quality, energy and pitch over time, for networks."""

from __future__ import annotations

from pydantic import Field

from emotone.features import Feature, Values
from emotone.features.descriptors import Descriptors


class Contours(Feature):
    """(frames, 70) descriptors over time, each mel band without its mean over the clip.

    Subtracting the mean removes the constant influence of microphone and room from the bands.

    >>> import numpy as np
    >>> values = Contours().extract(np.random.default_rng(0).normal(size=8000).astype(np.float32), 16000)
    >>> values.shape[1] == len(Contours().names), bool(np.abs(values[:, :32].mean(axis=0)).max() < 1e-4)
    (True, True)
    """

    kind = "sequence"

    descriptors: Descriptors = Field(Descriptors(), description="Settings of the descriptors.")

    @property
    def source(self) -> Feature:
        return self.descriptors

    def of_source(self, values: Values) -> Values:
        centred: Values = values.copy()
        bands = centred[:, : self.descriptors.mels]
        bands -= bands.mean(axis=0)
        return centred

    def extract(self, samples: Values, rate_hz: int) -> Values:
        return self.of_source(self.descriptors.extract(samples, rate_hz))

    @property
    def names(self) -> list[str]:
        return self.descriptors.names
