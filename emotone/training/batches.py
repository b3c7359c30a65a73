"""Which training clips an epoch consists of: no speaker too often."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from emotone.training.examples import Examples


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
