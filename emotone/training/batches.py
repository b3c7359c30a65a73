"""Batches of an epoch: clips of similar length, or at most so many clips of each speaker."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from emotone.training.examples import Examples


_POOL = 50  # batches' worth of clips that are sorted together: enough for little padding, few enough for chance


class LengthBatches:
    """Positions of the clips of each batch; every clip once an epoch, decided by (seed, epoch).

    Clips are shuffled, sorted by length within pools, cut where a batch would grow too large, and the batches are
    shuffled.

    Args:
        lengths: (clips,) frames or samples.
        clips: the most in a batch.
        frames: the most in a batch, padding counted; a longer clip has a batch to itself.
        share: the number of batches is made a multiple of this, by using some twice (one per process).

    >>> batches = LengthBatches(np.array([5, 1, 5, 1, 5, 1]), clips=3, frames=10, seed=0)
    >>> sorted(len(batch) for batch in batches)
    [1, 2, 3]
    """

    def __init__(self, lengths: NDArray[np.int64], *, clips: int, frames: int, seed: int, share: int = 1) -> None:
        self.lengths, self.clips, self.frames, self.seed, self.share = lengths, clips, frames, seed, share
        self.epoch = 1

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._batches())

    def __len__(self) -> int:
        return len(self._batches())

    def _batches(self) -> list[list[int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        order = rng.permutation(len(self.lengths))
        pool = _POOL * min(self.clips, max(1, self.frames // max(1, int(self.lengths.max(initial=1)))))
        batches: list[list[int]] = []
        for first in range(0, len(order), pool):
            clips = order[first : first + pool]
            batch: list[int] = []
            for clip in clips[np.argsort(self.lengths[clips], kind="stable")].tolist():
                if batch and (len(batch) == self.clips or (len(batch) + 1) * self.lengths[clip] > self.frames):
                    batches.append(batch)
                    batch = []
                batch.append(clip)
            batches.append(batch)
        batches = [batches[place] for place in rng.permutation(len(batches))]
        return batches + [batches[place % len(batches)] for place in range(-len(batches) % self.share)]


class EpochSample:
    """Positions of an epoch's clips, shuffled: of each speaker at most so many, decided by (seed, epoch).

    Args:
        train: the clips.
        most: of one speaker; None: all, and then nothing is chosen here.
        seed: of what is chosen, and of its order.
    """

    def __init__(self, train: Examples, most: int | None, seed: int) -> None:
        self.epoch, self.seed = 1, seed
        self.groups: list[NDArray[np.int64]] = []
        self.most = len(train) if most is None else most
        if most is not None and train.speakers is not None:
            speakers = train.speakers[train.rows]
            self.groups = [np.flatnonzero(speakers == speaker) for speaker in np.unique(speakers)]

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng([self.seed, self.epoch])
        chosen = np.concatenate([rng.permutation(group)[: self.most] for group in self.groups])
        return iter(rng.permutation(chosen).tolist())

    def __len__(self) -> int:
        return sum(min(self.most, len(group)) for group in self.groups)
