"""Contours: how the shape of the spectrum, the voice, energy and pitch move while somebody speaks."""

from __future__ import annotations

from pydantic import Field

from emotone.features import Feature, Values
from emotone.features.descriptors import Descriptors


class Contours(Feature):
    """(frames, 38) the descriptors without the mel bands: what a small network tells emotions by, and voices less.

    >>> Contours().extract(np.zeros(8000, dtype=np.float32), 16000).shape[1] == len(Contours().names)
    True
    """

    kind = "sequence"

    descriptors: Descriptors = Field(Descriptors(), description="What they are taken from.")

    @property
    def source(self) -> Feature:
        return self.descriptors

    def of_source(self, values: Values) -> Values:
        return values[:, self.descriptors.mels :]

    def extract(self, samples: Values, rate_hz: int) -> Values:
        return self.of_source(self.descriptors.extract(samples, rate_hz)).copy()

    @property
    def names(self) -> list[str]:
        return self.descriptors.names[self.descriptors.mels :]
