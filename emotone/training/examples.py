"""What a fit is given and what it leaves behind: clips to learn from, and a line per epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
UNKNOWN = -100
"""The level of a clip whose corpus does not tell it."""


class Values(Protocol):
    """Features of some clips, read as they are needed."""

    @property
    def lengths(self) -> NDArray[np.int64]: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    def dense(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]: ...
    def padded(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]: ...


@dataclass(frozen=True)
class Examples:
    """Clips to learn from or to watch: their features, their class numbers, and which of them are meant.

    `levels` are the numbers of an auxiliary target, `UNKNOWN` where a clip has none; None without such a target.
    `targets` are (clips, classes) distributions to be learned in place of the labels, such as votes; or None.
    `scaled_by` are the clips whose mean and deviation scale the features, where they are not those of `rows`.
    `only_watched` clips choose, and are never learned from, not even once the choice is made.
    `corpora` and `speakers` are (clips,) numbers of the corpus and of the speaker; None where neither matters.
    """

    values: Values
    labels: NDArray[np.int64]
    rows: NDArray[np.int64]
    levels: NDArray[np.int64] | None = None
    targets: Floats | None = None
    scaled_by: NDArray[np.int64] | None = None
    only_watched: bool = False
    corpora: NDArray[np.int64] | None = None
    speakers: NDArray[np.int64] | None = None

    def shares(self, classes: int) -> Floats:
        """(rows, classes) the distribution that each clip meant should be given; a label is certain."""
        return np.eye(classes)[self.labels[self.rows]] if self.targets is None else self.targets[self.rows]

    @property
    def level_count(self) -> int:
        """How many levels the auxiliary target has."""
        return 0 if self.levels is None else int(self.levels.max()) + 1

    def __len__(self) -> int:
        return len(self.rows)


@dataclass
class Epoch:
    """One line of the learning curves."""

    epoch: int
    train_loss: float
    development_loss: float
    development_uar: float
    learning_rate: float
    seconds: float
