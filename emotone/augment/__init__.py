"""Data augmentation: changes of training clips that keep the emotion. One file per augmentation."""

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
    """The contract of the shelf: settings, the domains it works on, and a call with a random generator.

    `waveform`: (samples,) at a rate -> (samples,), possibly of another length.
    `spectrogram`: (frames, bands) -> the same shape.
    `image`: (channels, height, width), 0 .. 1, time along the width -> the same shape and range.
    Evaluation never applies an augmentation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    domains: ClassVar[tuple[Domain, ...]]

    @abstractmethod
    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        """A changed copy; the argument stays unchanged."""


def make(name: str, **settings: Any) -> Augmentation:
    """The augmentation of this name with these settings."""
    augmentation: Augmentation = shelf.get(name)(**settings)
    return augmentation
