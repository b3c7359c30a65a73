"""Which training clips an epoch consists of: no speaker too often, and on demand in pairs of copies."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from emotone.training.examples import Examples


class EpochSample:
    """Positions of an epoch's clips, shuffled: of each speaker at most so many, decided by (seed, epoch).

    In pairs, one behind the other, they are two copies of one recording, each recording once; one that has no other
    copy is there twice.

    Args:
        train: the clips.
        most: of one speaker; None: all, and then only pairs are chosen here.
        seed: of what is chosen, and of its order.
        pairs: whether they come in pairs.
    """

    def __init__(self, train: Examples, most: int | None, seed: int, *, pairs: bool) -> None:
        self.epoch, self.seed, self.pairs = 1, seed, pairs
        self.groups: list[NDArray[np.int64]] = []
        self.recordings = train.recordings_of_rows
        if most is not None and train.speakers is not None:
            speakers = train.speakers[train.rows]
            self.groups = [np.flatnonzero(speakers == speaker) for speaker in np.unique(speakers)]
        elif pairs:
            self.groups = [np.arange(len(train))]
        self.most = 2 * len(train) if most is None else most

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng([self.seed, self.epoch])
        if not self.pairs:
            chosen = np.concatenate([rng.permutation(group)[: self.most] for group in self.groups])
            return iter(rng.permutation(chosen).tolist())
        pairs = np.concatenate([self._paired(group, rng)[: self.most // 2] for group in self.groups])
        return iter(rng.permutation(pairs).ravel().tolist())

    def __len__(self) -> int:
        if not self.pairs:
            return sum(min(self.most, len(group)) for group in self.groups)
        return sum(2 * min(self.most // 2, len(np.unique(self.recordings[group]))) for group in self.groups)

    def _paired(self, group: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """(recordings, 2) of all recordings of a group, in an order by chance, two copies of each."""
        mixed = rng.permutation(group)
        places, counts = np.unique(self.recordings[mixed], return_index=True, return_counts=True)[1:]
        together = mixed[np.argsort(self.recordings[mixed], kind="stable")]
        ends = np.cumsum(counts)
        pairs = np.stack([together[ends - counts], together[ends - 1]], axis=1)
        return pairs[np.argsort(places)]
