"""Augmentation: changes that keep the emotion, made on the training side only. One file each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from emotone.registry import Shelf

shelf = Shelf("emotone.augment", "augmentation")

Domain = Literal["waveform", "spectrogram", "image"]


class Augmentation(BaseModel, ABC):
    """The contract of the shelf: settings, what it works on, and a call with its own source of chance.

    `waveform`: (samples,) at a rate -> (samples,), perhaps of another length.
    `spectrogram`: (frames, bands) -> the same shape.
    `image`: (channels, height, width), 0 .. 1, time along the width -> the same shape and range.
    Evaluation code is never handed one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    domains: ClassVar[tuple[Domain, ...]]

    @abstractmethod
    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        """A changed copy; what came is left as it is."""


def make(name: str, **settings: Any) -> Augmentation:
    """The augmentation of this name with these settings."""
    augmentation: Augmentation = shelf.get(name)(**settings)
    return augmentation
