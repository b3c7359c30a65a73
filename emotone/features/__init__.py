"""Features: a waveform -> numbers. One file each; the name of the file is the name in a recipe."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from emotone.registry import Shelf

if TYPE_CHECKING:
    import onnx

shelf = Shelf("emotone.features", "feature")

Kind = Literal["vector", "sequence", "image", "waveform"]
Values = NDArray[np.float32]


class Feature(BaseModel, ABC):
    """Base class of the shelf: settings, the kind of array that is returned, and `extract`.

    The kinds: `vector` (dims,), `sequence` (frames, dims), `image` (channels, height, width), `waveform` (samples,).
    The settings are the fields; together with `version` they are the feature's part of the cache key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kind: ClassVar[Kind]
    version: ClassVar[int] = 1
    """Raised whenever the numbers change for the same settings."""

    @abstractmethod
    def extract(self, samples: NDArray[np.float32], rate_hz: int) -> Values:
        """float32 array of `kind`, finite, for any finite clip of one sample or more."""

    @property
    def source(self) -> Feature | None:
        """Another feature from which this one is computed with `of_source`; both together cost little more than one."""
        return None

    def of_source(self, values: Values) -> Values:
        """The result of `extract`, computed from the values of `source`."""
        raise NotImplementedError

    @property
    def names(self) -> list[str]:
        """One name per dimension of a vector or sequence."""
        raise NotImplementedError

    @property
    def identity(self) -> str:
        """What the numbers depend on besides settings and version, such as the weights of an encoder.

        Raises:
            EmotoneError: something it needs is missing; requested before any clip is read.
        """
        return ""

    @property
    def half_precision(self) -> bool:
        """Whether the cache stores it in half precision, which takes half the space and keeps three digits."""
        return False

    def graph(self) -> onnx.ModelProto | None:
        """The feature as an ONNX graph, with which a model's file takes samples; None where it has none.

        Inputs `samples` (batch, samples) float32 at 16 kHz, zeros after the end of a clip, and `lengths` (batch,)
        int64. Outputs `values`, (batch, dims) or (batch, frames, dims) with zeros after the end of a clip, and, for a
        sequence, `frames` (batch,) int64. A clip has the same values alone and in a batch.

        Raises:
            EmotoneError: something it needs is missing.
        """
        return None

    @property
    def caveats(self) -> list[str]:
        """Sentences that must accompany every score made with it."""
        return []

    @property
    def untrained(self) -> dict[str, Any]:
        """Settings that replace pretrained weights by random ones; empty where it has no pretrained weights."""
        return {}

    @property
    def processes(self) -> int | None:
        """The largest number of processes that may compute it in parallel; None: one per core."""
        return None


def make(name: str, **settings: Any) -> Feature:
    """The feature of this name with these settings.

    >>> make("log_mel", mels=40).mels
    40
    """
    feature: Feature = shelf.get(name)(**settings)
    return feature
