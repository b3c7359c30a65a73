"""Copies of a clip that are to be heard alike: by ridge regression, kernel machines, networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from torch.nn.functional import kl_div

from emotone import models
from emotone.models import LinearModel
from emotone.models.linear.affine import Affine
from emotone.training.batches import EpochSample
from emotone.training.examples import Examples
from emotone.training.fit import FittedLinear, fit
from emotone.training.loss import Objective
from emotone.training.settings import TrainingSettings
from tests.helpers.arrays import Arrays, clouds


def copied(clips: int = 60, dims: int = 6) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Clips, then two copies of each whose first feature, which tells the classes, is blurred; labels; recordings."""
    values, labels = clouds(clips, dims)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    values[:, 0] += labels
    rng, recordings = np.random.default_rng(1), np.tile(np.arange(clips), 3)
    values = values[recordings]
    values[clips:, 0] += rng.normal(scale=2, size=2 * clips)
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


@pytest.mark.parametrize("wrong", [{"batch": 7}, {"mixup": 0.2}, {"batch_frames": 900}, {"speaker_clips": 1}])
def test_pairs_need_batches_that_hold_them(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="consistency needs pairs"):
        TrainingSettings(consistency=1, **wrong)  # type: ignore[arg-type]


def sides() -> Examples:
    """Two speakers: ten recordings with two copies each, and four that have none."""
    values, labels = clouds(24, 6)
    recordings = np.concatenate([np.arange(14), np.arange(10)])
    return Examples(
        Arrays(values), labels[recordings], np.arange(24), speakers=(recordings > 9).astype(int), recordings=recordings
    )


@pytest.mark.parametrize(("most", "pairs"), [(None, [10, 4]), (6, [3, 3])])
def test_an_epoch_is_of_pairs_of_copies_each_recording_once(most: int | None, pairs: list[int]) -> None:
    clips = sides()
    sample = EpochSample(clips, most, 0, pairs=True)
    drawn = np.array(list(sample)).reshape(-1, 2)
    assert len(sample) == drawn.size
    of = clips.recordings_of_rows[drawn]
    assert (of[:, 0] == of[:, 1]).all()
    assert len(set(of[:, 0])) == len(of)
    assert np.bincount(of[:, 0] > 9).tolist() == pairs
    has_another = of[:, 0] < 10
    assert (drawn[has_another, 0] != drawn[has_another, 1]).all()
    sample.epoch = 2
    assert list(sample) != drawn.ravel().tolist()


def test_what_is_added_to_the_loss_is_torchs_divergence_both_ways() -> None:
    logits, rows = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)), np.arange(8)
    clips = replace(sides(), rows=rows)
    losses = [
        Objective(clips, 3, np.ones(3), TrainingSettings(consistency=share), torch.device("cpu"))(logits, rows, None)
        for share in (0.0, 2.0)
    ]
    one, other = logits[0::2].log_softmax(dim=1), logits[1::2].log_softmax(dim=1)
    both = [kl_div(a, b, reduction="batchmean", log_target=True) for a, b in ((one, other), (other, one))]
    torch.testing.assert_close(losses[1] - losses[0], 2.0 * (both[0] + both[1]) / 2)


def test_a_network_that_learns_in_pairs_hears_copies_more_alike() -> None:
    values, labels, recordings = copied()
    clips = Examples(Arrays(values), labels, np.arange(180), recordings=recordings)
    apart = []
    for consistency in (0.0, 8.0):
        settings = TrainingSettings(epochs=30, batch=20, patience=0, precision="fp32", consistency=consistency)
        made = fit(models.make("mlp"), clips, replace(clips, rows=np.arange(60)), 3, settings, seed=0)
        heard = np.exp(made.log_probabilities(Arrays(values), np.arange(180)))
        means = np.array([heard[recordings == one].mean(axis=0) for one in range(60)])
        apart.append(float((heard - means[recordings]).std() / means.std()))
    assert apart[0] > 1.2 * apart[1]
