"""Augmentation: what every one promises in every domain it names."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from emotone import augment
from emotone.augment import Domain
from emotone.augment.gaussian_noise import GaussianNoise
from emotone.augment.time_shift import TimeShift
from emotone.made_up import syllables

CASES: list[tuple[str, Domain]] = [
    (name, domain) for name in augment.shelf.names() for domain in augment.shelf.get(name).domains
]


def values(domain: Domain) -> NDArray[np.float32]:
    if domain == "waveform":
        return syllables("angry", seconds=0.3)
    shape = (40, 24) if domain == "spectrogram" else (3, 32, 40)
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.mark.parametrize(("name", "domain"), CASES)
def test_a_change_is_of_the_promised_form_and_decided_by_its_chance(name: str, domain: Domain) -> None:
    change, clip = augment.make(name), values(domain)
    before = clip.copy()
    once, again, other = (change(clip, np.random.default_rng(seed), 16_000) for seed in (1, 1, 2))
    assert np.array_equal(clip, before), "what came is left as it is"
    assert np.array_equal(once, again)
    assert once.shape != other.shape or not np.array_equal(once, other)
    assert once.dtype == np.float32
    if domain != "waveform":
        assert once.shape == clip.shape
    if domain == "image":
        assert once.min() >= 0
        assert once.max() <= 1


@pytest.mark.parametrize(("shape", "axis"), [((40, 3), 0), ((3, 5, 40), 2)])
def test_a_time_shift_moves_along_time_alone_and_no_further_than_asked(shape: tuple[int, ...], axis: int) -> None:
    clip = np.random.default_rng(0).random(shape, dtype=np.float32)
    shifts = set()
    for seed in range(60):
        moved = TimeShift(share=0.1)(clip, np.random.default_rng(seed), 0)
        shifts |= {by for by in range(-20, 20) if np.array_equal(moved, np.roll(clip, by, axis=axis))}
    assert shifts == set(range(-4, 5))


def test_a_gap_may_repeat_the_edge() -> None:
    clip = np.arange(10, dtype=np.float32)[:, None]
    for seed in range(10):
        moved = TimeShift(share=0.5, gap="edge")(clip, np.random.default_rng(seed), 0)[:, 0]
        assert (np.diff(moved) >= 0).all(), "nothing comes round from the other side"


def test_noise_is_measured_in_the_unit_of_its_domain() -> None:
    chance = np.random.default_rng(0)
    spectrogram = 20 * chance.standard_normal((200, 40), dtype=np.float32)
    picture = np.full((3, 64, 64), 0.5, dtype=np.float32)
    for clip, unit in ((np.zeros(8000, dtype=np.float32), 1), (spectrogram, spectrogram.std()), (picture, 1)):
        noise = GaussianNoise(amount=0.02)(clip, chance, 16_000) - clip
        assert noise.std() == pytest.approx(0.02 * unit, rel=0.05)
