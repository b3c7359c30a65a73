"""Features of clips, in order, in memory or on disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.data.utterance import Table
from emotone.errors import LengthMismatch, ModelError
from emotone.features import Values


class Failure(NamedTuple):
    """A clip without features, and the reason."""

    key: str
    file: Path
    reason: str


class FeatureSet(Sequence[Values]):
    """Features of clips, in order; memory-mapped where they are on disk, and float32 even where the disk has float16.

    Attributes:
        table: clips that could be read; row i has the features `self[i]`.
        failures: clips that could not be read.
        lengths: (clips,) frames of a sequence, samples of a waveform; the first axis, whatever the kind.
        shape: of the longest clip: (dims,), (frames, dims), (channels, height, width) or (samples,).
    """

    def __init__(
        self,
        table: Table,
        values: Sequence[Values],
        failures: Sequence[Failure] = (),
        *,
        lengths: NDArray[np.int64] | None = None,
    ) -> None:
        """Wrap any sequence of features; items are read when they are needed.

        Args:
            lengths: (clips,) if known; otherwise every item is read once.
        """
        if len(table) != len(values):
            raise LengthMismatch("the table", len(table), "the features", len(values))
        self.table = table
        self.failures = tuple(failures)
        known = np.array([len(value) for value in values], dtype=np.int64) if lengths is None else lengths
        self.lengths: NDArray[np.int64] = known
        self.shape: tuple[int, ...] = (int(self.lengths.max()), *values[0].shape[1:])
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, index: int) -> Values: ...
    @overload
    def __getitem__(self, index: slice) -> list[Values]: ...
    def __getitem__(self, index: int | slice) -> Values | list[Values]:
        if isinstance(index, slice):
            return [np.asarray(value, dtype=np.float32) for value in self._values[index]]
        return np.asarray(self._values[index], dtype=np.float32)

    def dense(self, rows: ArrayLike | None = None) -> Values:
        """(clips, *shape) features of these rows (default: all), which must have one length.

        Raises:
            ModelError: their lengths differ.
        """
        rows = np.arange(len(self)) if rows is None else np.asarray(rows)
        lengths = self.lengths[rows]
        if lengths.size and lengths.min() != lengths.max():
            raise ModelError(
                f"clips of {lengths.min()} to {lengths.max()} frames do not fit one array; set audio.seconds, or take "
                "a feature of one length, such as functionals"
            )
        return self.padded(rows)[0]

    def padded(self, rows: ArrayLike) -> tuple[Values, NDArray[np.int64]]:
        """(clips, longest, ...) features of these rows, zeros after the shorter ones, and (clips,) their lengths."""
        rows = np.asarray(rows)
        lengths = self.lengths[rows]
        batch = np.zeros((len(rows), lengths.max(initial=0), *self.shape[1:]), dtype=np.float32)
        for place, row in enumerate(rows):
            batch[place, : lengths[place]] = self._values[row]
        return batch, lengths


class Joined(FeatureSet):
    """Two sets, one after the other, such as clips and augmented copies."""

    def __init__(self, first: FeatureSet, second: FeatureSet) -> None:
        super().__init__(
            first.table + second.table,
            _Chain(first, second),
            [*first.failures, *second.failures],
            lengths=np.concatenate([first.lengths, second.lengths]),
        )


class OnDemand(Sequence[Values], ABC):
    """Sequence whose values are read or computed on access."""

    @abstractmethod
    def at(self, place: int) -> Values:
        """The values at 0 .. length - 1."""

    @overload
    def __getitem__(self, index: int) -> Values: ...
    @overload
    def __getitem__(self, index: slice) -> list[Values]: ...
    def __getitem__(self, index: int | slice) -> Values | list[Values]:
        places = range(len(self))  # handles negative positions and raises IndexError
        return [self.at(place) for place in places[index]] if isinstance(index, slice) else self.at(places[index])


class _Chain(OnDemand):
    """Two sequences, one after the other."""

    def __init__(self, first: Sequence[Values], second: Sequence[Values]) -> None:
        self.first, self.second = first, second

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def at(self, place: int) -> Values:
        return self.first[place] if place < len(self.first) else self.second[place - len(self.first)]
