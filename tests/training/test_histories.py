"""Histories of speakers in training batches: never the clip itself, weighted by length, of one emotion or several."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from emotone import models
from emotone.errors import ModelError, RecipeError
from emotone.runs import recipe as recipes
from emotone.training.examples import Epoch, Examples
from emotone.training.fit import FittedNetwork, fit
from emotone.training.histories import draw_histories
from emotone.training.settings import TrainingSettings
from tests.helpers.arrays import SETTINGS, Arrays, spectrograms

GROUPS, SIZE = 6, 8
MODEL = models.make("attentive_statistics", heads=2, dims=8, embedding=6)
KNOWN = TrainingSettings(batch=48, speaker_groups=SIZE, histories=1.0)
GROUPED = SETTINGS.model_copy(
    update={
        "speaker_groups": 4,
        "histories": 0.7,
        "one_emotion_histories": 0.3,
        "absent_class_weight": 0.0,
        "label_smoothing": 0.1,
        "scheduler": "one_cycle",
    }
)


def drawn(seed: int, **settings: Any) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Histories of a batch of six speakers, its labels and its lengths."""
    rng = np.random.default_rng(seed)
    labels, lengths = rng.integers(0, 3, GROUPS * SIZE), rng.integers(50, 400, GROUPS * SIZE)
    known = KNOWN.model_copy(update=settings)
    return draw_histories(labels, np.arange(GROUPS * SIZE), lengths, known, rng), labels, lengths


@pytest.mark.parametrize("seed", range(5))
def test_a_history_has_other_clips_of_the_speaker_and_counts_by_its_length(seed: int) -> None:
    weights, _, lengths = drawn(seed)
    groups = np.arange(GROUPS * SIZE) // SIZE
    assert (weights[groups[:, None] != groups] == 0).all()
    assert (np.diag(weights) == 0).all()
    for row in weights:
        others = row > 0
        assert 1 <= others.sum() < SIZE
        frames = lengths[others].sum()
        assert row.sum() == pytest.approx(frames / (frames + 500), rel=1e-5)
        assert np.ptp(row[others]) == 0


def test_the_speaker_of_a_group_is_known_or_not() -> None:
    known = [drawn(seed, histories=0.3)[0].reshape(GROUPS, -1).any(axis=1) for seed in range(200)]
    assert 0.25 < np.mean(known) < 0.35
    for of_groups in (drawn(0, histories=0.0)[0], drawn(0, histories=0.5)[0]):
        rows = (of_groups.sum(axis=1) > 0).reshape(GROUPS, SIZE)
        assert set(rows.mean(axis=1).tolist()) <= {0.0, 1.0}


def test_a_history_of_one_emotion_has_one_label() -> None:
    for seed in range(20):
        weights, labels, _ = drawn(seed, one_emotion_histories=1.0)
        for group in range(GROUPS):
            rows = slice(group * SIZE, (group + 1) * SIZE)
            assert len(set(labels[weights[rows].any(axis=0)].tolist())) <= 1


def test_a_history_never_has_a_copy_of_its_own_clip() -> None:
    recordings = np.array([5, 5, 6, 6, 7, 7, 7, 7])
    for seed in range(50):
        weights = draw_histories(
            np.zeros(8, dtype=np.int64), recordings, np.full(8, 100), KNOWN, np.random.default_rng(seed)
        )
        assert (weights[recordings[:, None] == recordings] == 0).all()
        assert (weights.sum(axis=1) > 0).all()


def test_a_network_subtracts_the_mean_of_the_history_and_learns_nothing_from_it() -> None:
    module = MODEL.build((20, 16), 3).eval()
    values = torch.randn(4, 20, 16, generator=torch.Generator().manual_seed(0))
    history = torch.zeros(4, 4)
    history[0, 1:] = 0.2
    embedded = module.embed(values)
    expected = module.out(torch.cat([embedded[:1] - 0.2 * embedded[1:].sum(dim=0), embedded[1:]]))
    logits = module(values, None, history)
    torch.testing.assert_close(logits, expected)
    (grown,) = torch.autograd.grad(logits[0].sum(), module.embedding[0].bias)
    (plain,) = torch.autograd.grad(module(values)[0].sum(), module.embedding[0].bias)
    torch.testing.assert_close(grown, plain)


def test_members_learn_apart_and_are_averaged() -> None:
    model = models.make("attentive_statistics", members=2, heads=2, dims=8, embedding=6)
    network = model.build((20, 16), 3).eval()
    values = torch.randn(5, 20, 16, generator=torch.Generator().manual_seed(1))
    averaged = network(values)
    apart = network.train()(values)
    assert apart.shape == (5, 2, 3)
    for member in range(2):
        (grown,) = torch.autograd.grad(apart[:, member].sum(), network.out.weight, retain_graph=True)
        assert (grown[:, 6 * (1 - member) : 6 * (2 - member)] == 0).all()
    again = network.eval()(values)
    assert averaged.shape == again.shape == (5, 3)
    embedded = network.embed(values).unflatten(1, (2, 6))
    parts = [2 * embedded[:, m] @ network.out.weight[:, 6 * m : 6 * m + 6].T + network.out.bias for m in range(2)]
    torch.testing.assert_close(torch.stack(parts).mean(dim=0), again)


def sides() -> list[Examples]:
    """Training and development clips of twelve speakers of two corpora, of which one lacks a class."""
    values, labels = spectrograms()
    speakers = np.arange(48) // 4
    corpora = (speakers % 2).astype(np.int64)
    labels = np.where((corpora == 1) & (labels == 2), 1, labels)
    whole = Examples(Arrays(values), labels, np.arange(36), corpora=corpora, speakers=speakers)
    return [whole, replace(whole, rows=np.arange(36, 48))]


def trained(**more: Any) -> FittedNetwork:
    fitted = fit(MODEL, *sides(), 3, GROUPED, seed=0, **more)
    assert isinstance(fitted, FittedNetwork)
    return fitted


def test_a_resumed_training_with_histories_equals_an_unbroken_one(tmp_path: Path) -> None:
    def stop(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    unbroken = trained()
    assert not trained(checkpoint=tmp_path / "c.pt", on_epoch=stop).finished
    resumed = trained(checkpoint=tmp_path / "c.pt")
    assert [line.train_loss for line in resumed.curve] == [line.train_loss for line in unbroken.curve]
    for name, weight in unbroken.module.state_dict().items():
        torch.testing.assert_close(resumed.module.state_dict()[name], weight, rtol=0, atol=0)


def test_histories_change_what_is_learned() -> None:
    plain = fit(MODEL, *sides(), 3, GROUPED.model_copy(update={"histories": 0.0}), seed=0)
    assert plain.curve[0].train_loss != trained().curve[0].train_loss


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch": 30, "speaker_groups": 8}, "batch=30 is no multiple of speaker_groups=8; take 24"),
        ({"batch": 32, "speaker_groups": 8, "speaker_clips": 60}, "speaker_clips=60 is no multiple"),
        ({"histories": 0.5}, "needs speaker_groups"),
        ({"batch": 32, "speaker_groups": 8, "batch_frames": 900}, "cannot be combined"),
        ({"batch": 32, "speaker_groups": 8, "histories": 0.5, "mixup": 0.4}, "cannot be combined"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrainingSettings(**settings)


def test_only_a_network_that_takes_histories_gets_them() -> None:
    with pytest.raises(ModelError, match="Cnn takes no speaker histories; take attentive_statistics"):
        fit(models.make("cnn", channels=(8,), dropout=(0.1,)), *sides(), 3, GROUPED, seed=0)
    content: dict[str, Any] = {
        "title": "x",
        "data": {"corpora": ["emodb"]},
        "feature": "log_mel",
        "model": "cnn",
        "training": {"speaker_groups": 8, "histories": 0.5},
    }
    with pytest.raises(RecipeError, match=r"cnn takes no speaker histories; for training\.histories take attentive"):
        recipes.parse(content)
    assert recipes.parse({**content, "model": "attentive_statistics"}).training.histories == 0.5


def test_speakers_of_single_clips_make_no_groups() -> None:
    train, development = (replace(side, speakers=np.arange(48)) for side in sides())
    with pytest.raises(ModelError, match="two training clips of one speaker"):
        fit(MODEL, train, development, 3, GROUPED, seed=0)
