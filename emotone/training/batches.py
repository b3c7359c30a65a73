"""Batches of an epoch: random clips, clips of similar length, or at most so many clips of each speaker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from emotone.training.examples import Examples
from emotone.training.settings import TrainingSettings

_POOL = 50
"""Batches' worth of clips that are sorted by length together: enough for little padding, few enough to stay random."""


class LengthBatches:
    """Positions of the clips of each batch; every clip once an epoch, decided by (seed, epoch).

    Clips are shuffled, sorted by length within pools, cut where a batch would become too large, and the batches are
    shuffled.

    Args:
        lengths: (clips,) frames or samples.
        clips: maximum in a batch.
        frames: maximum in a batch, padding included; a longer clip gets a batch of its own.
        processes: the number of batches is made a multiple of this, by using some twice.

    >>> batches = LengthBatches(np.array([5, 1, 5, 1, 5, 1]), clips=3, frames=10, seed=0)
    >>> sorted(len(batch) for batch in batches)
    [1, 2, 3]
    """

    def __init__(self, lengths: NDArray[np.int64], *, clips: int, frames: int, seed: int, processes: int = 1) -> None:
        self.lengths, self.clips, self.frames, self.seed, self.processes = lengths, clips, frames, seed, processes
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
        return batches + [batches[place % len(batches)] for place in range(-len(batches) % self.processes)]


class SpeakerSampler:
    """Positions of an epoch's clips in random order, at most so many of each speaker, decided by (seed, epoch).

    Args:
        speakers: (clips,) number of the speaker.
        most: maximum of one speaker.

    >>> len(SpeakerSampler(np.array([7, 7, 7, 8]), 2, seed=0))
    3
    """

    def __init__(self, speakers: NDArray[np.int64], most: int, seed: int) -> None:
        self.groups = [np.flatnonzero(speakers == speaker) for speaker in np.unique(speakers)]
        self.most, self.seed, self.epoch = most, seed, 1

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng([self.seed, self.epoch])
        chosen = np.concatenate([rng.permutation(group)[: self.most] for group in self.groups])
        return iter(rng.permutation(chosen).tolist())

    def __len__(self) -> int:
        return sum(min(self.most, len(group)) for group in self.groups)


class EpochBatches:
    """The training rows in batches, as the settings ask; every epoch is decided by (seed, epoch) alone.

    Attributes:
        loader: gives (batch,) rows; one that was prepared for several processes may take its place.
    """

    def __init__(self, train: Examples, settings: TrainingSettings, seed: int, processes: int = 1) -> None:
        self.sampler: LengthBatches | SpeakerSampler | None = None
        self.generator = torch.Generator()
        rows = cast(Any, train.rows)
        if settings.batch_frames is not None:
            lengths = train.values.lengths[train.rows]
            self.sampler = LengthBatches(
                lengths, clips=settings.batch, frames=settings.batch_frames, seed=seed, processes=processes
            )
            self.loader: Any = DataLoader(rows, batch_sampler=self.sampler, generator=self.generator)
        elif settings.speaker_clips is not None and train.speakers is not None:
            self.sampler = SpeakerSampler(train.speakers[train.rows], settings.speaker_clips, seed)
            self.loader = DataLoader(
                rows, batch_size=settings.batch, sampler=self.sampler, generator=self.generator, drop_last=True
            )
        else:
            self.loader = DataLoader(rows, batch_size=settings.batch, shuffle=True, generator=self.generator)

    def start(self, epoch: int, torch_seed: int) -> None:
        """Make the batches of this epoch."""
        self.generator.manual_seed(torch_seed)
        if self.sampler is not None:
            self.sampler.epoch = epoch
