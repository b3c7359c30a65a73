"""The features of some clips, in order, wherever they lie."""

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
    """A clip that could not be read, and why."""

    key: str
    file: Path
    reason: str


class FeatureSet(Sequence[Values]):
    """The features of some clips, in order; memory-mapped where they lie on disk.

    Attributes:
        table: the clips that could be read; row i of it has the features `self[i]`.
        failures: those that could not.
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
        """Features that lie anywhere: `values` is kept as it is and asked for what is needed.

        Args:
            lengths: (clips,) where they are known without looking at every clip.
        """
        if len(table) != len(values):
            raise LengthMismatch("the table", len(table), "the features", len(values))
        self.table = table
        self.failures = tuple(failures)
        known = np.array([len(one) for one in values], dtype=np.int64) if lengths is None else lengths
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
        return list(self._values[index]) if isinstance(index, slice) else self._values[index]

    def dense(self, rows: ArrayLike | None = None) -> Values:
        """(clips, *shape) features that all have the same length, of these rows or of all.

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
    """One set after the other, as of clips and the augmented copies of some."""

    def __init__(self, first: FeatureSet, second: FeatureSet) -> None:
        super().__init__(
            first.table + second.table,
            _Chain(first, second),
            [*first.failures, *second.failures],
            lengths=np.concatenate([first.lengths, second.lengths]),
        )


class OnDemand(Sequence[Values], ABC):
    """Values that are read or made when they are asked for, and not before."""

    @abstractmethod
    def at(self, place: int) -> Values:
        """The values at 0 .. length - 1."""

    @overload
    def __getitem__(self, index: int) -> Values: ...
    @overload
    def __getitem__(self, index: slice) -> list[Values]: ...
    def __getitem__(self, index: int | slice) -> Values | list[Values]:
        places = range(len(self))  # negative ones count from the end; what lies outside is an IndexError
        return [self.at(place) for place in places[index]] if isinstance(index, slice) else self.at(places[index])


class _Chain(OnDemand):
    """One sequence after the other."""

    def __init__(self, first: Sequence[Values], second: Sequence[Values]) -> None:
        self.first, self.second = first, second

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def at(self, place: int) -> Values:
        return self.first[place] if place < len(self.first) else self.second[place - len(self.first)]
