"""Features: a waveform -> numbers. One file each; what a file is called is what a recipe asks for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from emotone.registry import Shelf

shelf = Shelf("emotone.features", "feature")

Kind = Literal["vector", "sequence", "image", "waveform"]
Values = NDArray[np.float32]


class Feature(BaseModel, ABC):
    """The contract of the shelf: settings, the kind of array that comes out, and `extract`.

    The kinds: `vector` (dims,), `sequence` (frames, dims), `image` (channels, height, width), `waveform` (samples,).
    The settings are the fields; together with `version` they are the feature's part of the cache key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: ClassVar[Kind]
    version: ClassVar[int] = 1
    """Raised whenever the numbers change for the same settings."""

    @abstractmethod
    def extract(self, samples: NDArray[np.float32], rate_hz: int) -> Values:
        """float32 array of `kind`, finite, for any finite clip of one sample or more."""

    @property
    def source(self) -> Feature | None:
        """Another feature that it is computed from with `of_source`, so that both together cost hardly more."""
        return None

    def of_source(self, values: Values) -> Values:
        """What `extract` gives, of the values of `source`."""
        raise NotImplementedError

    @property
    def names(self) -> list[str]:
        """One name per dimension of a vector or sequence."""
        raise NotImplementedError

    @property
    def identity(self) -> str:
        """What the numbers depend on beside settings and version, such as the weights of an encoder.

        Raises:
            EmotoneError: something it needs is not here; asked before any clip is read.
        """
        return ""

    @property
    def caveats(self) -> list[str]:
        """Sentences that must stand beside every score made with it."""
        return []

    @property
    def untrained(self) -> dict[str, Any]:
        """Settings under which random weights stand in for pretrained ones; empty where it needs none."""
        return {}

    @property
    def processes(self) -> int | None:
        """The most processes that may compute it at once; None: one per core."""
        return None


def make(name: str, **settings: Any) -> Feature:
    """The feature of this name with these settings.

    >>> make("log_mel", mels=40).mels
    40
    """
    feature: Feature = shelf.get(name)(**settings)
    return feature
