"""Coverage of confidence intervals, and the level of the permutation test."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from emotone.evaluation.intervals import Interval, intervals, speakers_for, swap_test
from emotone.evaluation.metrics import mean_recall, share_correct


def accuracy_and_uar(confusion: np.ndarray) -> np.ndarray:
    return np.stack([share_correct(confusion), mean_recall(confusion)], axis=-1)


def confusions(rng: np.random.Generator, speakers: int, recalls: np.ndarray) -> np.ndarray:
    """(speakers, 4, 4) of 40 unbalanced clips each; the recall of a speaker varies."""
    clips = np.array([16, 12, 8, 4])
    recall = rng.beta(6 * recalls, 6 * (1 - recalls), size=(speakers, 1)) + np.linspace(-0.1, 0.1, 4)
    hits = rng.binomial(clips, np.clip(recall, 0, 1))
    return np.eye(4) * hits[:, :, None] + np.roll(np.eye(4), 1, axis=1) * (clips - hits)[:, :, None]


@pytest.mark.parametrize(("speakers", "lowest"), [(4, 0.92), (10, 0.93), (24, 0.93)])
def test_ninety_five_percent_of_the_intervals_contain_the_true_score(speakers, lowest) -> None:
    rng = np.random.default_rng(3)
    true = accuracy_and_uar(confusions(rng, 100_000, np.array([0.55])).sum(axis=0))
    held = [
        [interval.low <= score <= interval.high for interval, score in zip(found, true, strict=True)]
        for found in (
            intervals(accuracy_and_uar, [confusions(rng, speakers, np.array([0.55]))], draws=400, seed=seed)
            for seed in range(1200)
        )
    ]
    share = np.mean(held, axis=0)
    assert (share >= lowest).all(), share
    assert (share <= 0.97).all(), share


def test_intervals_of_a_mean_over_corpora_contain_the_true_score() -> None:
    rng = np.random.default_rng(4)
    recalls, sizes = (np.array([0.45]), np.array([0.65])), (6, 20)
    true = np.mean([accuracy_and_uar(confusions(rng, 100_000, r).sum(axis=0)) for r in recalls], axis=0)
    held = []
    for seed in range(800):
        corpora = [confusions(rng, size, r) for size, r in zip(sizes, recalls, strict=True)]
        found = intervals(accuracy_and_uar, corpora, draws=400, seed=seed)
        held.append([interval.low <= score <= interval.high for interval, score in zip(found, true, strict=True)])
    share = np.mean(held, axis=0)
    assert (share >= 0.93).all(), share
    assert (share <= 0.98).all(), share


def test_the_value_is_the_score_and_lies_inside() -> None:
    sums = confusions(np.random.default_rng(0), 12, np.array([0.5]))
    for found, score in zip(intervals(accuracy_and_uar, [sums]), accuracy_and_uar(sums.sum(axis=0)), strict=True):
        assert found.value == score
        assert 0 < found.low < score < found.high < 1


def test_the_same_seed_gives_the_same_interval() -> None:
    sums = confusions(np.random.default_rng(0), 6, np.array([0.5]))
    assert intervals(accuracy_and_uar, [sums]) == intervals(accuracy_and_uar, [sums])
    assert intervals(accuracy_and_uar, [sums]) != intervals(accuracy_and_uar, [sums], seed=1)


def test_one_speaker_allows_no_interval() -> None:
    one, many = (confusions(np.random.default_rng(0), speakers, np.array([0.5])) for speakers in (1, 9))
    for corpora in ([one], [many, one]):
        found = intervals(accuracy_and_uar, corpora)[0]
        assert found.value > 0
        assert (found.low, found.high) == (None, None)


def test_scores_that_hardly_vary_have_an_interval_without_width() -> None:
    (found,) = intervals(lambda sums: 1e-90 * sums[..., :1], [np.arange(8.0)[:, None]], bounds=(0, 1))
    assert (found.low, found.high) == (found.value, found.value)


def test_an_interval_stays_within_its_bounds() -> None:
    sums = np.array([np.diag([8.0, 8.0]), [[1.0, 7.0], [7.0, 1.0]]])
    assert intervals(accuracy_and_uar, [sums])[0] == Interval(0.5625, 0.0, 1.0)


def test_a_score_that_no_corpus_defines_has_no_interval() -> None:
    absent, found = intervals(lambda sums: np.stack([sums * np.nan, sums], axis=-1), [np.ones(5) / 5])
    assert absent is None
    assert found == Interval(1.0, 1.0, 1.0)


def test_a_corpus_without_the_class_does_not_count() -> None:
    def per_class(sums: np.ndarray) -> np.ndarray:
        return np.where(sums > 0, sums, np.nan)

    rng = np.random.default_rng(0)
    has, absent = rng.uniform(0.1, 0.2, (5, 1)), np.zeros((5, 1))
    (alone,), (both,) = intervals(per_class, [has]), intervals(per_class, [has, absent])
    assert both.value == alone.value


def test_few_speakers_are_swapped_in_every_way() -> None:
    rng = np.random.default_rng(1)
    pair = np.stack([confusions(rng, 6, np.array([r])) for r in (0.45, 0.6)], axis=1)
    differences = []
    for swapped in product([False, True], repeat=6):
        sides = np.array([p[::-1] if swap else p for p, swap in zip(pair, swapped, strict=True)]).sum(axis=0)
        differences.append(mean_recall(sides[1]) - mean_recall(sides[0]))
    expected = np.mean(np.abs(differences) >= abs(differences[0]) - 1e-12)
    assert 0 < expected < 1
    assert swap_test(mean_recall, [pair]) == pytest.approx(expected)
    assert swap_test(mean_recall, [pair[:2], pair[2:]]) != pytest.approx(expected)


def test_random_swaps_approximate_all_swaps() -> None:
    rng = np.random.default_rng(2)
    pair = np.stack([confusions(rng, 10, np.array([r])) for r in (0.5, 0.55)], axis=1)
    exact = swap_test(mean_recall, [pair], swaps=2**10)
    assert swap_test(mean_recall, [pair], swaps=2**10 - 1) == pytest.approx(exact, abs=0.05)


def test_the_test_of_equal_systems_keeps_its_level() -> None:
    rng = np.random.default_rng(5)
    p_values = []
    for seed in range(400):
        recall = rng.uniform(0.3, 0.7, (12, 1, 1))  # a speaker who is hard for one is hard for both
        hits = rng.binomial(10, np.broadcast_to(recall, (12, 2, 4)))
        pair = np.eye(4) * hits[..., None] + np.roll(np.eye(4), 1, axis=1) * (10 - hits)[..., None]
        p_values.append(swap_test(mean_recall, [pair], swaps=400, seed=seed))
    assert np.mean(np.array(p_values) <= 0.05) < 0.08
    assert np.mean(np.array(p_values) <= 0.5) > 0.4


def test_the_computed_number_of_speakers_gives_the_target_half_width() -> None:
    rng = np.random.default_rng(6)

    def half(speakers: int) -> float:
        """The mean over some samples: one interval varies by a tenth or two."""
        found = [
            intervals(accuracy_and_uar, [confusions(rng, speakers, np.array([0.55]))], seed=seed)[1]
            for seed in range(30)
        ]
        return float(np.mean([(one.high - one.low) / 2 for one in found]))

    needed = speakers_for(half(20) / 2, 0.5, 0.5 + 2 * half(20), 20)
    assert needed == pytest.approx(80, rel=0.2)
    assert half(needed) == pytest.approx(half(20) / 2, rel=0.15)
