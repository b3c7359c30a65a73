"""Balanced training sides hold nothing but training clips."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.errors import SplitError, UnknownName
from emotone.training.balance import BALANCES, class_weights, resample

LABELS = np.array(["sad"] * 7 + ["angry"] * 3 + ["fear"] * 2)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from("xyz"), min_size=1, max_size=60),
    st.sampled_from(BALANCES),
    st.integers(0, 5),
    st.data(),
)
def test_only_given_rows_are_picked_and_no_copy_twice(labels, how, seed, data) -> None:
    rows = data.draw(st.lists(st.integers(0, len(labels) - 1), unique=True, max_size=len(labels)))
    made, again = resample(labels, rows, how, seed), resample(labels, rows, how, seed)
    assert set(made.rows) <= set(rows)
    assert len(set(zip(made.rows.tolist(), made.copies.tolist(), strict=True))) == made.rows.size
    assert np.array_equal(made.rows, again.rows)
    assert np.array_equal(made.copies, again.copies)
    if how != "none" and rows:
        counts = [np.sum(np.array(labels)[made.rows] == label) for label in {labels[row] for row in rows}]
        assert len(set(counts)) == 1, "every class has as many"


def counts_of(rows: np.ndarray) -> dict[str, int]:
    names, counts = np.unique(LABELS[rows], return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def test_clips_stay_as_they_are_unless_asked_otherwise() -> None:
    made = resample(LABELS, [5, 1, 9])
    assert made.rows.tolist() == [5, 1, 9]
    assert made.copies.tolist() == [0, 0, 0]


def test_undersampling_cuts_every_class_to_the_smallest() -> None:
    made = resample(LABELS, np.arange(12), "undersample")
    assert counts_of(made.rows) == {"angry": 2, "fear": 2, "sad": 2}
    assert not made.copies.any()
    others = [resample(LABELS, np.arange(12), "undersample", seed).rows.tolist() for seed in range(5)]
    assert len({tuple(rows) for rows in others}) > 1


def test_oversampling_raises_every_class_to_the_largest_and_goes_round_its_clips() -> None:
    made = resample(LABELS, np.arange(12), "oversample")
    assert counts_of(made.rows) == {"angry": 7, "fear": 7, "sad": 7}
    shown = np.bincount(made.rows)
    assert shown[:7].tolist() == [1] * 7
    assert sorted(shown[7:10]) == [2, 2, 3]
    assert sorted(shown[10:]) == [3, 4]
    assert [made.copies[made.rows == row].tolist() for row in range(12)] == [list(range(n)) for n in shown]


def test_the_size_of_a_class_is_counted_on_the_training_side() -> None:
    assert counts_of(resample(LABELS, [0, 1, 7, 8, 9, 10], "oversample").rows) == {"angry": 3, "fear": 3, "sad": 3}


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_weights_have_mean_one_and_undo_frequency(power) -> None:
    labels = np.repeat([0, 1, 2], [40, 10, 5])
    weights = class_weights(np.bincount(labels), power)
    assert weights.mean() == pytest.approx(1)
    assert weights * np.array([40, 10, 5]) ** power == pytest.approx(weights[0] * 40**power)


def test_full_weights_are_proportional_to_scikit_learns_balanced_ones() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.repeat([0, 1, 2], [40, 10, 5])
    balanced = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert class_weights(np.bincount(labels)) == pytest.approx(balanced / balanced.mean())


def test_a_class_without_clips_has_no_weight() -> None:
    with pytest.raises(SplitError, match="class number 1 of 3 has no clip among these 2"):
        class_weights([1, 0, 1])


def test_an_unknown_way_to_balance_is_named() -> None:
    with pytest.raises(UnknownName, match="did you mean 'oversample'"):
        resample(LABELS, [0], "oversampling")  # type: ignore[arg-type]
