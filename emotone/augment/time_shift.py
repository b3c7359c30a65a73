"""Random shift along time, earlier or later."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.augment import Augmentation, Domain


class TimeShift(Augmentation):
    """A spectrogram or image shifted along time by a random part of its length; shape and pitch stay the same.

    >>> frames = np.arange(40, dtype=np.float32).reshape(20, 2)
    >>> moved = TimeShift(share=0.5)(frames, np.random.default_rng(0), 0)
    >>> sorted(moved[:, 0]) == sorted(frames[:, 0])
    True
    """

    domains: ClassVar[tuple[Domain, ...]] = ("spectrogram", "image")

    share: float = Field(0.1, gt=0, le=1, description="Longest shift, in either direction, as a share of the clip.")
    gap: Literal["wrap", "edge"] = Field(
        "wrap", description="Content of the gap: the part shifted out at the other end, or the edge value repeated."
    )

    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        axis = 0 if values.ndim == 2 else -1  # (frames, bands) or (channels, height, width)
        frames = values.shape[axis]
        longest = int(frames * self.share)
        places = np.arange(frames) - rng.integers(-longest, longest, endpoint=True)
        places = places % frames if self.gap == "wrap" else places.clip(0, frames - 1)
        return np.asarray(values.take(places, axis=axis))
