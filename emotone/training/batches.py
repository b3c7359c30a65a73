"""Batches of an epoch: random clips, clips of similar length, or at most so many clips of each speaker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from emotone.errors import ModelError
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


class SpeakerGroupSampler:
    """Positions of an epoch's clips in groups of clips of one speaker, decided by (seed, epoch).

    Of each speaker, random clips are drawn, at most so many. If they are no multiple of the size of a group, the last
    group is filled up with other clips of the speaker, or with the same ones again if there are no others. Speakers of
    a single clip are left out. With a number of clips per corpus, so many are drawn from the groups of each corpus, and
    drawn again where it has fewer. Groups are in random order.

    Args:
        speakers: (clips,) number of the speaker.
        size: clips of a group.
        most: maximum of one speaker, a multiple of `size`; None: all.
        corpora: (clips,) number of the corpus.
        of_corpus: clips of each corpus, a multiple of `size`; None: all.

    >>> order = list(SpeakerGroupSampler(np.array([7, 7, 7, 8, 9, 9]), 2, None, seed=0))
    >>> [sorted(order[first : first + 2]) for first in (0, 2, 4)]
    [[1, 2], [4, 5], [0, 2]]
    >>> len(SpeakerGroupSampler(np.array([1, 1, 2, 2]), 2, None, corpora=np.array([0, 0, 1, 1]), of_corpus=6, seed=0))
    12
    """

    def __init__(
        self,
        speakers: NDArray[np.int64],
        size: int,
        most: int | None,
        *,
        seed: int,
        corpora: NDArray[np.int64] | None = None,
        of_corpus: int | None = None,
    ) -> None:
        self.clips = [own for own in _places(speakers) if len(own) > 1]
        self.size, self.seed, self.epoch = size, seed, 1
        self.counts = [-(-min(most or len(own), len(own)) // size) * size for own in self.clips]
        self.corpora = None if corpora is None or of_corpus is None else corpora
        self.of_corpus = (of_corpus or 0) // size

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng([self.seed, self.epoch])
        drawn = [np.resize(rng.permutation(own), count) for own, count in zip(self.clips, self.counts, strict=True)]
        groups = np.concatenate(drawn).reshape(-1, self.size)
        if self.corpora is not None:
            corpora = self.corpora[groups[:, 0]]
            chosen = [np.resize(rng.permutation(own), self.of_corpus) for own in _places(corpora)]
            groups = groups[np.concatenate(chosen)]
        return iter(rng.permutation(groups).ravel().tolist())

    def __len__(self) -> int:
        if self.corpora is None:
            return sum(self.counts)
        return len({int(self.corpora[own[0]]) for own in self.clips}) * self.of_corpus * self.size


def _places(numbers: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The positions of each number."""
    return [np.flatnonzero(numbers == number) for number in np.unique(numbers)]


class EpochBatches:
    """The training rows in batches, as the settings ask; every epoch is decided by (seed, epoch) alone.

    Attributes:
        loader: gives (batch,) rows; one that was prepared for several processes may take its place.
    """

    def __init__(self, train: Examples, settings: TrainingSettings, seed: int, processes: int = 1) -> None:
        self.sampler: LengthBatches | SpeakerSampler | SpeakerGroupSampler | None = None
        self.generator = torch.Generator()
        rows = cast(Any, train.rows)
        if settings.batch_frames is not None:
            lengths = train.values.lengths[train.rows]
            self.sampler = LengthBatches(
                lengths, clips=settings.batch, frames=settings.batch_frames, seed=seed, processes=processes
            )
            self.loader: Any = DataLoader(rows, batch_sampler=self.sampler, generator=self.generator)
        elif settings.speaker_groups is not None:
            self.sampler = _groups(train, settings, seed)
            self.loader = DataLoader(
                rows,
                batch_size=settings.batch,
                sampler=self.sampler,
                generator=self.generator,
                drop_last=len(self.sampler) >= settings.batch,
            )
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


def _groups(train: Examples, settings: TrainingSettings, seed: int) -> SpeakerGroupSampler:
    """The sampler of groups of the training rows.

    Raises:
        ModelError: no speaker has two clips, or the speakers are unknown.
    """
    rows = train.rows
    sampler = SpeakerGroupSampler(
        np.arange(len(train)) if train.speakers is None else train.speakers[rows],
        settings.speaker_groups or 2,
        settings.speaker_clips,
        seed=seed,
        corpora=None if train.corpora is None else train.corpora[rows],
        of_corpus=settings.corpus_clips,
    )
    if not len(sampler):
        raise ModelError("training.speaker_groups needs two training clips of one speaker; leave it out")
    return sampler
