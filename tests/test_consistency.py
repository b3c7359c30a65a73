"""Copies of a clip that ridge regression and kernel machines are to hear alike."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from emotone import models
from emotone.examples import Examples
from emotone.models import LinearModel
from emotone.models._affine import Affine
from emotone.recipe import TrainingSettings
from emotone.training import FittedLinear, fit
from tests.test_training import Arrays, clouds


def copied(clips: int = 60, dims: int = 6) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Clips, then two copies of each whose first feature, which tells the classes, is blurred; labels; recordings."""
    values, labels = clouds(clips, dims)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    values[:, 0] += labels
    chance, recordings = np.random.default_rng(1), np.tile(np.arange(clips), 3)
    values = values[recordings]
    values[clips:, 0] += chance.normal(scale=2, size=2 * clips)
    return values, labels[recordings], recordings


def fitted(name: str, consistency: float, **settings: float) -> Affine:
    values, labels, recordings = copied()
    model = models.make(name, consistency=consistency, **settings)
    assert isinstance(model, LinearModel)
    return model.fit(values, np.eye(3)[labels], np.ones(3), recordings=recordings)


def unlike(model: Affine) -> float:
    """How far the scores of copies are apart, against how far those of clips are."""
    values, _, recordings = copied()
    scores = model.scores(values)
    means = np.array([scores[recordings == one].mean(axis=0) for one in range(60)])
    return float((scores - means[recordings]).std() / means.std())


def test_ridge_with_consistency_is_scikit_learns_with_a_row_more_for_every_copy() -> None:
    values, labels, recordings = copied()
    ours = fitted("ridge", 3.0, penalty=5.0)
    x = Affine.standardise(values, *Affine.standardiser(values))
    targets = 2.0 * np.eye(3)[labels] - 1
    apart = x - np.array([x[recordings == one].mean(axis=0) for one in range(60)])[recordings]
    rows = np.concatenate([x - x.mean(axis=0), np.sqrt(3.0) * apart])
    wanted = np.concatenate([targets - targets.mean(axis=0), np.zeros_like(targets)])
    theirs = Ridge(alpha=5.0, fit_intercept=False).fit(rows, wanted)
    np.testing.assert_allclose(ours.weights, theirs.coef_.T, atol=1e-9)


def test_it_is_the_same_whichever_side_is_solved() -> None:
    values, labels, recordings = copied(clips=10, dims=6)
    padded = np.concatenate([values, np.full((30, 80), 3.0, dtype=np.float32)], axis=1)  # constant: adds nothing
    model = models.make("ridge", penalty=5.0, consistency=2.0)
    assert isinstance(model, LinearModel)
    tall, wide = (
        model.fit(x, np.eye(3)[labels], np.ones(3), recordings=recordings).scores(x) for x in (values, padded)
    )
    np.testing.assert_allclose(tall, wide, atol=1e-8)


@pytest.mark.parametrize("name", ["ridge", "kernel_ridge"])
def test_the_more_consistency_the_more_alike_copies_are_heard(name: str) -> None:
    apart = [unlike(fitted(name, consistency)) for consistency in (0.0, 3.0, 30.0)]
    assert apart[0] > 1.2 * apart[1] > 1.2 * apart[2]


def test_training_knows_which_clips_are_copies() -> None:
    values, labels, recordings = copied()
    clips = Examples(Arrays(values), labels, np.arange(180), recordings=recordings)
    watched = Examples(Arrays(values), labels, np.arange(60), only_watched=True)
    made = fit(models.make("ridge", consistency=3.0), clips, watched, 3, TrainingSettings(), seed=0)
    assert isinstance(made, FittedLinear)
    ours, direct = made.affine.weights, fitted("ridge", 3.0).weights
    np.testing.assert_allclose(ours / ours[0, 0], direct / direct[0, 0])  # but for how sure it is
