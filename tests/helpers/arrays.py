"""Features in memory and labels for tests of training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotone.training.examples import Examples
from emotone.training.settings import TrainingSettings

SETTINGS = TrainingSettings(epochs=4, batch=8, patience=0, precision="fp32")


class Arrays:
    """Features in memory, with the interface that training reads."""

    def __init__(self, values: NDArray[np.float32]) -> None:
        self.values = values

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.full(len(self.values), self.values.shape[1], dtype=np.int64)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape[1:]

    def dense(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        return self.values if rows is None else self.values[rows]

    def padded(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        return self.values[rows].copy(), self.lengths[rows]


def clouds(clips: int = 240, dims: int = 12, classes: int = 3) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Overlapping clouds of points with odd offsets and scales."""
    rng = np.random.default_rng(0)
    labels = np.arange(clips) % classes
    centres = rng.normal(size=(classes, dims))
    values = (centres[labels] + 1.2 * rng.normal(size=(clips, dims))) * 10.0 ** rng.integers(-2, 3, dims) + 7
    return values.astype(np.float32), labels.astype(np.int64)


def examples(values: NDArray[np.float32], labels: NDArray[np.int64], first: int, last: int) -> Examples:
    return Examples(Arrays(values), labels, np.arange(first, last))


def spectrograms() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(48, 20, 16) spectrograms whose class is a band."""
    rng = np.random.default_rng(0)
    labels = np.arange(48) % 3
    values = rng.normal(size=(48, 20, 16))
    for clip, label in enumerate(labels):
        values[clip, :, 4 * label : 4 * label + 4] += 1.5
    return values.astype(np.float32), labels.astype(np.int64)
