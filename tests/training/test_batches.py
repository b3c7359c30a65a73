"""Batches: complete, within bounds, of similar length or few clips of a speaker, decided by seed and epoch."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.training.batches import LengthBatches, SpeakerGroupSampler, SpeakerSampler

LENGTHS = np.random.default_rng(0).integers(20, 100, 500)


def test_every_clip_comes_once_and_no_batch_is_too_large() -> None:
    batches = list(LengthBatches(LENGTHS, clips=16, frames=640, seed=0))
    assert sorted(clip for batch in batches for clip in batch) == list(range(500))
    assert max(len(batch) * LENGTHS[batch].max() for batch in batches) <= 640
    assert max(len(batch) for batch in batches) <= 16


def test_little_is_padding() -> None:
    def padding(batches: list[list[int]]) -> float:
        return 1 - LENGTHS.sum() / sum(len(batch) * int(LENGTHS[batch].max()) for batch in batches)

    random = np.random.default_rng(0).permutation(500).reshape(-1, 10).tolist()
    assert padding(list(LengthBatches(LENGTHS, clips=16, frames=640, seed=0))) < 0.1 < 0.3 < padding(random)


def test_seed_and_epoch_decide() -> None:
    batches = LengthBatches(LENGTHS, clips=16, frames=640, seed=0)
    first = list(batches)
    assert list(batches) == first
    batches.epoch = 2
    assert list(batches) != first
    assert list(LengthBatches(LENGTHS, clips=16, frames=640, seed=1)) != first


@pytest.mark.parametrize("processes", [1, 2, 3, 8])
def test_processes_get_the_same_number(processes: int) -> None:
    assert len(LengthBatches(LENGTHS, clips=16, frames=640, seed=0, processes=processes)) % processes == 0


def test_a_clip_that_is_too_long_is_alone() -> None:
    batches = list(LengthBatches(np.array([5, 50, 5]), clips=16, frames=10, seed=0))
    assert sorted(map(sorted, batches)) == [[0, 2], [1]]


def test_an_epoch_has_at_most_so_many_clips_of_each_speaker() -> None:
    speakers = np.repeat([0, 1, 2], [3, 10, 20])
    sample = SpeakerSampler(speakers, 6, seed=0)
    drawn = list(sample)
    assert len(sample) == len(drawn) == len(set(drawn))
    assert np.bincount(speakers[drawn]).tolist() == [3, 6, 6]
    assert list(sample) == drawn
    sample.epoch = 2
    assert list(sample) != drawn


def test_every_group_is_of_one_speaker_who_has_at_most_so_many_clips() -> None:
    speakers = np.repeat([0, 1, 2, 3, 4], [1, 3, 9, 10, 40])
    sample = SpeakerGroupSampler(speakers, 4, 16, seed=0)
    drawn = np.array(list(sample))
    assert len(sample) == len(drawn)
    groups = speakers[drawn].reshape(-1, 4)
    assert (groups == groups[:, :1]).all()
    assert np.bincount(speakers[drawn]).tolist() == [0, 4, 12, 12, 16]
    assert all(len(set(group)) == 4 for group in drawn.reshape(-1, 4).tolist() if speakers[group[0]] != 1)
    assert {2, 3, 4} <= set(speakers[drawn].tolist())
    for speaker, clips in ((1, 3), (2, 9), (3, 10), (4, 16)):  # a clip comes again only if there is no other
        assert len(set(drawn[speakers[drawn] == speaker].tolist())) == clips
    assert list(sample) == drawn.tolist()
    sample.epoch = 2
    assert list(sample) != drawn.tolist()
