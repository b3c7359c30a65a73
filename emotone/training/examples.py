"""Clips that a model is fitted to or selected on, and one epoch of its learning curve."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
UNKNOWN = -100
"""The level of a clip whose corpus does not state it."""


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
    """Clips with features and labels, and which of them are used.

    All arrays but `rows` and `scaled_by` have one entry per clip of `values`, whether it is used or not.

    Attributes:
        values: features.
        labels: (clips,) class numbers.
        rows: (rows,) positions of the clips that are used.
        levels: (clips,) numbers of an auxiliary target, `UNKNOWN` for a clip without one; None: no such target.
        targets: (clips, classes) distributions to learn in place of the labels, such as votes; None: the labels.
        scaled_by: positions of the clips whose mean and deviation standardise the features; None: `rows`.
        only_watched: development clips that select a model and are never trained on, not even in a refit.
        corpora, speakers: (clips,) number of the corpus and of the speaker; None where not needed.
        recordings: (clips,) number of the recording, the same for all copies of it; None: there are no copies.
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
    recordings: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, rows: NDArray[np.int64]) -> Examples:
        """The same clips with other rows in use."""
        return replace(self, rows=rows)

    def class_counts(self, classes: int) -> Floats:
        """(classes,) clips, or parts of clips, of each class."""
        return np.asarray(self.distributions(classes).sum(axis=0))

    def distributions(self, classes: int) -> Floats:
        """(rows, classes) target distribution of each clip in use, one-hot for a label."""
        return np.eye(classes)[self.labels[self.rows]] if self.targets is None else self.targets[self.rows]

    @property
    def level_count(self) -> int:
        """Number of levels of the auxiliary target."""
        return 0 if self.levels is None else int(self.levels.max()) + 1


@dataclass
class Epoch:
    """One line of the learning curve."""

    epoch: int
    train_loss: float
    development_loss: float
    development_uar: float
    learning_rate: float
    seconds: float
