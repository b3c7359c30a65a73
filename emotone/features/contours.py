"""Contours: how timbre, the shape of the spectrum, the voice, energy and pitch move while somebody speaks."""

from __future__ import annotations

from pydantic import Field

from emotone.features import Feature, Values
from emotone.features.descriptors import Descriptors


class Contours(Feature):
    """(frames, 70) descriptors as networks hear them: each mel band without its mean over the clip.

    What a microphone or a room does to all of a clip is then not in the bands.

    >>> import numpy as np
    >>> values = Contours().extract(np.random.default_rng(0).normal(size=8000).astype(np.float32), 16000)
    >>> values.shape[1] == len(Contours().names), bool(np.abs(values[:, :32].mean(axis=0)).max() < 1e-4)
    (True, True)
    """

    kind = "sequence"

    descriptors: Descriptors = Field(Descriptors(), description="What they are made of.")

    @property
    def source(self) -> Feature:
        return self.descriptors

    def of_source(self, values: Values) -> Values:
        heard: Values = values.copy()
        bands = heard[:, : self.descriptors.mels]
        bands -= bands.mean(axis=0)
        return heard

    def extract(self, samples: Values, rate_hz: int) -> Values:
        return self.of_source(self.descriptors.extract(samples, rate_hz))

    @property
    def names(self) -> list[str]:
        return self.descriptors.names
