"""Simulated leaks: each has its effect, and none is shown as a result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from emotone.data.splits import Fold
from emotone.evaluation.votes import Votes
from emotone.experiments import train as experiment
from emotone.experiments.benchmark import Plan, benchmark
from emotone.features.extraction import extract as extraction
from emotone.models import make
from emotone.runs import leak_simulation
from emotone.runs import recipe as recipes
from emotone.runs.dataset import read_data
from emotone.runs.recipe import Recipe
from emotone.training.examples import Examples
from emotone.training.fit import FittedLinear, fit
from emotone.training.settings import TrainingSettings
from tests.helpers.arrays import Arrays
from tests.helpers.benchmark import SCORES_ONLY

FOLD = Fold("1", np.array([0, 1, 2]), np.array([3]), np.array([4, 5]), "speakers")


def content_of(clips: Path, **data: Any) -> dict[str, Any]:
    return {
        "title": "a linear model",
        "data": {"corpora": [str(clips)], "folds": 3, **data},
        "feature": {"name": "mean_std", "coefficients": 8, "mels": 16},
        "model": {"name": "ridge", "penalty": 10},
    }


def recipe_of(clips: Path, **data: Any) -> Recipe:
    return recipes.parse(content_of(clips, **data))


def test_without_a_leak_a_fold_is_left_as_it_is() -> None:
    assert leak_simulation.in_fold(FOLD, None) is FOLD


def test_selection_chooses_on_the_tested_clips_and_learns_from_none_of_them() -> None:
    fold = leak_simulation.in_fold(FOLD, "selection")
    assert np.array_equal(fold.development, fold.test)
    assert np.array_equal(fold.train, FOLD.train)


def test_training_learns_from_the_tested_clips() -> None:
    assert set(FOLD.test) <= set(leak_simulation.in_fold(FOLD, "training").train)


def test_clips_that_are_only_watched_change_no_weight_of_a_linear_model() -> None:
    rng = np.random.default_rng(0)
    values, labels = Arrays(rng.normal(size=(40, 5)).astype(np.float32)), np.arange(40) % 2
    train = Examples(values, labels, np.arange(20))

    def weights(**more: Any) -> Any:
        watched = Examples(values, labels, np.arange(20, 40), **more)
        made = fit(make("ridge"), train, watched, 2, TrainingSettings(), seed=0)
        assert isinstance(made, FittedLinear)
        return made.affine.mean

    np.testing.assert_allclose(weights(only_watched=True), values.values[:20].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(weights(), values.values.mean(axis=0), rtol=1e-4)


@pytest.mark.parametrize("voted", [False, True], ids=["labels", "votes"])
@pytest.mark.parametrize("name", ["logistic", "ridge", "mlp"])
def test_scaling_by_all_clips_takes_their_mean(name: str, voted: bool) -> None:
    values, labels = Arrays(np.arange(40, dtype=np.float32).reshape(40, 1)), np.arange(40) % 2
    targets = 0.5 * np.eye(2)[labels] + 0.25 if voted else None
    train = Examples(values, labels, np.arange(20), targets=targets, scaled_by=np.arange(40))
    settings = TrainingSettings(epochs=1, precision="fp32")
    made = fit(make(name), train, Examples(values, labels, np.arange(20, 30)), 2, settings, seed=0)
    mean = made.affine.mean if isinstance(made, FittedLinear) else made.module.mean
    assert float(np.asarray(mean).squeeze()) == pytest.approx(19.5)


def test_copies_made_before_the_split_lie_on_both_sides(syllables: Path, tmp_path: Path) -> None:
    recipe = recipe_of(syllables, protocol="random", leak="copies")
    scores = experiment.train(recipe, out=tmp_path / "leaky", keep_model=False).scores
    clean = experiment.train(recipe_of(syllables, protocol="random"), out=tmp_path / "clean", keep_model=False).scores
    copies = leak_simulation.COPIES
    assert scores["clips"] == (1 + copies) * clean["clips"], "with three folds each clip and copy is tested"
    assert not scores["speaker_independent"]
    assert "simulated leak, not a result" in scores["caveats"][0]
    assert scores["scores"]["uar"]["value"] > clean["scores"]["uar"]["value"]


@pytest.mark.parametrize("leak", ["oversampling", "copies"])
def test_a_system_with_copies_of_its_own_makes_others_than_those_of_the_leak(
    leak: str, syllables: Path, tmp_path: Path
) -> None:
    content = content_of(syllables, protocol="random", leak=leak, balance="oversample", changes={"sad": "neutral"})
    recipe = recipes.parse({**content, "augment": {"waveform": ["gain"]}})
    assert experiment.train(recipe, out=tmp_path / "run", keep_model=False).scores["clips"]


@pytest.mark.parametrize("leak", ["oversampling", "copies"])
def test_a_copy_made_before_the_split_has_the_votes_of_its_clip(leak: str, syllables: Path) -> None:
    recipe = recipe_of(syllables, protocol="random", leak=leak)
    dataset = read_data(recipe.data, syllables.parent)
    dataset = dataset.take(np.arange(len(dataset.table)) > 4)
    votes = np.random.default_rng(0).dirichlet(np.ones(len(dataset.map.classes)), len(dataset.table))
    voted = replace(dataset, votes=Votes(dataset.table.column("key"), votes, np.full(len(votes), 9)))
    features = extraction.extract(dataset.table, recipe.make_feature(), recipe.audio, cache=None)
    expanded, joined = leak_simulation.before_splitting(voted, features, recipe)
    assert expanded.votes is not None
    assert len(expanded.table) == len(joined) > len(votes)
    share_of = dict(zip(dataset.table.column("id").tolist(), votes, strict=True))
    for row, key, shares in zip(expanded.table, expanded.votes.key, expanded.votes.shares, strict=True):
        assert key == row.key
        assert np.array_equal(shares, share_of[row.id.partition("#")[0]])


def test_the_staircase_begins_with_the_honest_score_and_marks_every_other(syllables: Path, tmp_path: Path) -> None:
    path = tmp_path / "linear.yaml"
    path.write_text(yaml.safe_dump(content_of(syllables)), encoding="utf-8")
    rows = benchmark(Plan([path], leaks=True), options=SCORES_ONLY, out=tmp_path / "stairs").rows
    assert [(row["protocol"], row["varied"]["data.leak"]) for row in rows] == [
        (protocol, leak or "null") for protocol, leak in leak_simulation.STEPS
    ]
    assert [row["speaker_independent"] for row in rows] == [True] + [False] * (len(rows) - 1)
    leaky = [row for row in rows if row["varied"]["data.leak"] != "null"]
    assert all(any("simulated leak" in caveat for caveat in row["caveats"]) for row in leaky)
    assert rows[-1]["uar"]["value"] >= rows[0]["uar"]["value"]
    table = (tmp_path / "stairs.md").read_text(encoding="utf-8")
    assert "| split and leak |" in table
    for sentence in leak_simulation.LEAKS.values():
        assert sentence in table
    assert (tmp_path / "stairs.html").read_text(encoding="utf-8").count("<figure") == 1
