"""Ensembles: averaged scores, models on joined features, refused members, and no influence of test clips."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emotone.data.splits import Fold
from emotone.errors import EmotoneError, ModelError, RunError, UnknownName
from emotone.evaluation.scores import Predictions
from emotone.experiments import train as experiment
from emotone.experiments.compare import compare
from emotone.experiments.ensemble import ensemble
from emotone.inference.pooling import likeliest_weights, pooled
from emotone.inference.predictor import load_model
from emotone.reports.run_page import write_report
from emotone.runs import recipe as recipes
from emotone.runs.dataset import Dataset, read_data
from emotone.runs.finished_run import FinishedRun
from emotone.runs.recipe import DataSettings
from emotone.runs.run import Run
from tests.helpers.cli import a_clip, emotone, heavy_imports
from tests.helpers.members import MEMBERS


@pytest.fixture(scope="module")
def runs(syllables: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A linear model and a network on the same clips and folds, of different sample rates."""
    folder = tmp_path_factory.mktemp("members")
    os.environ["EMOTONE_CACHE"] = str(folder / "cache")
    for name, settings in MEMBERS.items():
        content = {"title": f"the {name}", "data": {"corpora": [str(syllables)], "folds": 3}, **settings}
        experiment.train(recipes.parse(content), out=folder / name)
    return {name: folder / name for name in MEMBERS}


@pytest.fixture
def copies(runs: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """The same runs, to be changed."""
    return {name: Path(shutil.copytree(folder, tmp_path / name)) for name, folder in runs.items()}


def rewrite(path: Path, **columns: Any) -> None:
    """The predictions in a file with columns changed."""
    replace(Predictions.from_csv(path), **columns).to_csv(path)


def shuffle(path: Path, seed: int = 0) -> None:
    """Give each clip of a file the probabilities of another."""
    log_probs = Predictions.from_csv(path).log_probs
    rewrite(path, log_probs=np.random.default_rng(seed).permutation(log_probs))


def by_key(predictions: Predictions) -> np.ndarray:
    return predictions.log_probs[np.argsort(predictions.key)]


def test_a_run_keeps_development_predictions_and_embeddings_of_its_folds(runs: dict[str, Path]) -> None:
    for name, folder in runs.items():
        run = Run.open(folder)
        dataset = read_data(run.recipe.data, folder)
        assert run.utterances is not None
        assert [row.key for row in run.utterances] == [row.key for row in dataset.table]
        for fold in dataset.folds(run.recipe.data, run.recipe.seed):
            development = run.development(fold.name)
            assert development is not None
            assert development.key.tolist() == dataset.table.take(fold.development).column("key").tolist()
            embeddings = run.embeddings(fold.name)
            assert (embeddings is None) is (name == "ridge")
            assert embeddings is None or embeddings.shape == (len(dataset.table), 8)


def test_equal_weights_give_the_mean_of_the_log_probabilities(runs: dict[str, Path], tmp_path: Path) -> None:
    made = ensemble(list(runs.values()), out=tmp_path / "both")
    first, second = (Run.open(folder).predictions for folder in runs.values())
    product = np.exp(by_key(first)) ** 0.5 * np.exp(by_key(second)) ** 0.5
    np.testing.assert_allclose(np.exp(by_key(made.predictions)), product / product.sum(axis=1, keepdims=True))
    assert made.scores["speaker_independent"] is True
    assert made.scores["parameters"] == sum(Run.open(folder).scores["parameters"] for folder in runs.values())


def test_an_ensemble_of_a_run_with_itself_has_the_predictions_of_the_run(runs: dict[str, Path], tmp_path: Path) -> None:
    for weights in ("equal", "development"):
        made = ensemble([runs["ridge"], runs["ridge"]], out=tmp_path / weights, weights=weights)
        np.testing.assert_allclose(by_key(made.predictions), by_key(Run.open(runs["ridge"]).predictions), atol=1e-9)
        assert [member["weight"] for member in made.scores["ensemble"]["members"]] == pytest.approx([0.5, 0.5])


def test_chosen_weights_are_shares(runs: dict[str, Path], tmp_path: Path) -> None:
    members = [runs["ridge"], runs["network"]]
    made = ensemble(members, out=tmp_path / "out", weights=[3, 1])
    parts = [Run(member).predictions.log_probs for member in members]
    np.testing.assert_allclose(np.exp(made.predictions.log_probs), np.exp(pooled(parts, [0.75, 0.25])), atol=1e-5)
    for wrong in ([1.0], [1.0, -1.0], [0.0, 0.0]):
        with pytest.raises(EmotoneError, match="one for each"):
            ensemble(members, out=tmp_path / "wrong", weights=wrong)


def test_the_likeliest_weights_are_those_that_a_grid_finds() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 80)
    models = [np.log(rng.dirichlet(np.ones(3), 80) + strength * np.eye(3)[truth]) for strength in (0.3, 0.6)]
    models = [pooled([model], [1]) for model in models]
    grid = np.linspace(0, 1, 1001)
    losses = [-pooled(models, [share, 1 - share])[np.arange(80), truth].mean() for share in grid]
    found = likeliest_weights(models, truth)
    assert found.sum() == pytest.approx(1)
    assert found[0] == pytest.approx(grid[np.argmin(losses)], abs=2e-3)


def test_weights_come_from_development_clips_and_not_from_test_clips(copies: dict[str, Path], tmp_path: Path) -> None:
    worse = Path(shutil.copytree(copies["ridge"], tmp_path / "worse"))
    for path in worse.glob("folds/*/development.csv"):
        shuffle(path)
    made = ensemble([copies["ridge"], worse], out=tmp_path / "first", weights="development").scores["ensemble"]
    assert made["members"][0]["weight"] > 0.8
    for folder in (copies["ridge"], worse):
        shuffle(folder / "predictions.csv", seed=1)
    again = ensemble([copies["ridge"], worse], out=tmp_path / "second", weights="development").scores["ensemble"]
    assert again["weights_by_fold"] == made["weights_by_fold"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda rows: {"classes": ("angry", "neutral", "tired"), "truth": np.full(len(rows), "angry")},
            "other classes",
        ),
        (lambda rows: {"key": np.char.add(rows.key, "x")}, r"other clips than .* \(72 and 72, 0 in common\)"),
        (lambda rows: {"truth": rows.truth[::-1]}, "holds other labels"),
        (lambda rows: {"fold": rows.fold[::-1]}, "in another fold than"),
    ],
)
def test_a_run_that_differs_is_named_with_what_differs(
    copies: dict[str, Path], tmp_path: Path, change: Any, message: str
) -> None:
    path = copies["network"] / "predictions.csv"
    rewrite(path, **change(Predictions.from_csv(path)))
    with pytest.raises(RunError, match=message) as problem:
        ensemble([copies["ridge"], copies["network"]], out=tmp_path / "out")
    assert str(problem.value).startswith(str(copies["network"]))
    assert "\n" not in str(problem.value)
    assert not (tmp_path / "out").exists()


def test_another_protocol_and_unknown_choices_are_refused(copies: dict[str, Path], tmp_path: Path) -> None:
    members = list(copies.values())
    choices: list[dict[str, Any]] = [{"level": "sounds"}, {"weights": "test"}, {"level": "features", "model": "rigde"}]
    for choice in choices:
        with pytest.raises(UnknownName):
            ensemble(members, out=tmp_path / "out", **choice)
    with pytest.raises(ModelError, match=r"takes a linear model: .*ridge"):
        ensemble(members, out=tmp_path / "out", level="features", model="mlp")
    with pytest.raises(EmotoneError, match="are for level=scores"):
        ensemble(members, out=tmp_path / "out", level="features", weights="development")
    with pytest.raises(RunError, match="two runs or more, came 1"):
        ensemble(members[:1], out=tmp_path / "out")
    run = Run.open(copies["network"])
    run.write_json("scores.json", {**run.scores, "protocol": "random"})
    with pytest.raises(RunError, match=r"under protocol random, .* under speakers"):
        ensemble(members, out=tmp_path / "out")


def test_a_member_that_shares_voices_or_has_a_caveat_passes_it_on(copies: dict[str, Path], tmp_path: Path) -> None:
    run = Run.open(copies["network"])
    run.write_json("scores.json", {**run.scores, "speaker_independent": False, "caveats": ["a toy"]})
    made = ensemble(list(copies.values()), out=tmp_path / "out")
    assert made.scores["speaker_independent"] is False
    assert made.scores["caveats"] == ["a toy"]
    assert "Not speaker-independent" in (made.folder / "report.html").read_text(encoding="utf-8")


def test_a_run_without_some_files_is_used_where_they_are_not_needed(copies: dict[str, Path], tmp_path: Path) -> None:
    members = list(copies.values())
    for path in [*copies["network"].glob("folds/*/embeddings.npy")]:
        path.unlink()
    with pytest.raises(RunError, match="network has no embeddings"):
        ensemble(members, out=tmp_path / "out", level="features")
    for folder in members:
        (folder / "utterances.csv").unlink()
        for path in folder.glob("folds/*/development.csv"):
            path.unlink()
    with pytest.raises(RunError, match=r"has no utterances\.csv"):
        ensemble(members, out=tmp_path / "out", level="features")
    with pytest.raises(RunError, match=r"development\.csv.*weights=equal"):
        ensemble(members, out=tmp_path / "out", weights="development")
    made = ensemble(members, out=tmp_path / "out")
    assert made.development("1") is None
    assert compare([*members, made.folder])["runs"][2]["clips"] == 72
    assert write_report(members[0]).is_file()


def test_the_same_call_again_finds_the_ensemble_and_other_members_are_refused(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    made = ensemble(list(runs.values()), out=tmp_path / "out")
    before = (made.folder / "scores.json").stat().st_mtime_ns
    assert ensemble(list(runs.values()), out=tmp_path / "out").scores == made.scores
    assert (made.folder / "scores.json").stat().st_mtime_ns == before
    with pytest.raises(RunError, match="of a recipe or of other members; choose another folder"):
        ensemble([runs["ridge"], runs["ridge"]], out=tmp_path / "out")
    with pytest.raises(RunError, match="choose another folder"):
        ensemble(list(runs.values()), out=runs["ridge"])
    with pytest.raises(RunError, match="holds a run of another recipe"):
        experiment.train(Run.open(runs["ridge"]).recipe, out=tmp_path / "out")


def test_an_ensemble_of_ensembles_weighs_what_each_brings(
    runs: dict[str, Path], syllables: Path, tmp_path: Path
) -> None:
    ridge, network = runs.values()
    inner = ensemble([ridge, network], out=tmp_path / "inner", weights="development")
    outer = ensemble([inner.folder, ridge], out=tmp_path / "outer", weights="development")
    shares = inner.read_json("model/ensemble.json")["members"]
    weights = [member["weight"] for member in outer.scores["ensemble"]["members"]]
    kept = outer.read_json("model/ensemble.json")["members"]
    assert [member["weight"] for member in kept] == pytest.approx(
        [weights[0] * shares[0]["weight"], weights[0] * shares[1]["weight"], weights[1]]
    )
    with pytest.raises(RunError, match="is itself an ensemble"):
        ensemble([inner.folder, ridge], out=tmp_path / "features", level="features")


def test_an_ensemble_predicts_the_mean_of_its_members(runs: dict[str, Path], syllables: Path, tmp_path: Path) -> None:
    made = ensemble(list(runs.values()), out=tmp_path / "both")
    clip = a_clip(syllables)
    predictions = [load_model(folder).predict(clip) for folder in runs.values()]
    product = np.prod([list(one.scores.values()) for one in predictions], axis=0) ** 0.5
    both = load_model(made.folder)
    np.testing.assert_allclose(list(both.predict(clip).scores.values()), product / product.sum(), atol=1e-6)
    with clip.open("rb") as file:  # can be read only once, though the members want two sample rates
        assert both.predict(file).scores == both.predict(clip).scores
    long = np.random.default_rng(0).normal(size=16000 * 5) * 0.1
    soundfile.write(tmp_path / "long.wav", long, 16000)
    alone = load_model(runs["network"]).predict(tmp_path / "long.wav")
    spans = [(part.start_s, part.end_s) for part in both.predict(tmp_path / "long.wav").segments]
    assert spans == [(part.start_s, part.end_s) for part in alone.segments]
    assert len(spans) == 5


def test_an_ensemble_whose_member_has_no_model_says_so(copies: dict[str, Path], tmp_path: Path) -> None:
    (copies["network"] / "model" / "model.onnx").unlink()
    run = Run.open(copies["network"])
    run.write_json("scores.json", {**run.scores, "not_exported": "too large"})
    made = ensemble(list(copies.values()), out=tmp_path / "out")
    assert "has no exported model (too large)" in made.scores["not_exported"]
    with pytest.raises(ModelError, match="too large"):
        load_model(made.folder)


def test_a_fold_has_one_model_only_where_its_members_hear_at_one_rate(copies: dict[str, Path], tmp_path: Path) -> None:
    for folder in copies.values():
        for fold in (folder / "folds").glob("*/predictions.csv"):
            shutil.copyfile(folder / "model" / "model.onnx", fold.with_name("model.onnx"))
    ensemble([copies["ridge"], copies["ridge"]], out=tmp_path / "alike")
    ensemble(list(copies.values()), out=tmp_path / "different")
    assert len(list((tmp_path / "alike" / "folds").glob("*/model.onnx"))) == 3
    assert not list((tmp_path / "different" / "folds").glob("*/model.onnx"))


def test_features_joined_are_learned_the_same_way_twice_and_without_test_clips(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = list(runs.values())
    made = ensemble(members, out=tmp_path / "one", level="features")
    again = ensemble(members, out=tmp_path / "two", level="features")
    np.testing.assert_array_equal(made.predictions.log_probs, again.predictions.log_probs)
    assert made.scores["scores"]["uar"]["value"] > 0.45  # guessing gives a third
    assert "by scores does" in made.scores["not_exported"]

    plain = FinishedRun.features

    def with_wild_test_clips(member: FinishedRun, fold: str) -> Any:
        values = plain(member, fold).copy()
        (rows,) = [one.test for one in member.folds if one.name == fold]
        values[rows] = 1000 * values[rows] + 7
        return values

    monkeypatch.setattr(FinishedRun, "features", with_wild_test_clips)
    wild = ensemble(members, out=tmp_path / "wild", level="features")
    for fold in ("1", "2", "3"):
        calm, beside_wild = made.development(fold), wild.development(fold)
        assert calm is not None
        assert beside_wild is not None
        np.testing.assert_array_equal(calm.log_probs, beside_wild.log_probs)
    assert (made.predictions.log_probs != wild.predictions.log_probs).any()


def test_features_of_other_training_clips_are_not_joined(
    copies: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Dataset.folds
    calls: list[int] = []

    def swapped(dataset: Dataset, settings: DataSettings, seed: int) -> list[Fold]:
        folds = plain(dataset, settings, seed)
        calls.append(seed)
        if len(calls) == 1:  # the first member
            return folds
        return [replace(fold, train=fold.development, development=fold.train) for fold in folds]

    with monkeypatch.context() as patch:
        patch.setattr(Dataset, "folds", swapped)
        with pytest.raises(RunError, match=r"was trained on other clips in fold 1 .* same seed"):
            ensemble(list(copies.values()), out=tmp_path / "out", level="features")
    recipe = copies["network"] / "recipe.yaml"
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("protocol: speakers", "protocol: random"))
    with pytest.raises(RunError, match="tested other clips in fold 1 than this version would"):
        ensemble(list(copies.values()), out=tmp_path / "out", level="features")


def test_from_typed_words_to_a_prediction(runs: dict[str, Path], syllables: Path, tmp_path: Path) -> None:
    folder = tmp_path / "both"
    words = ("ensemble", *runs.values(), "-o", folder, "--weights", "development")
    printed_text = emotone(*words).stdout.decode()
    for part in ("Ensemble of 2 by scores: the ridge; the network", "72 clips of 6 speakers", "emotone predict FILE"):
        assert part in printed_text
    printed = json.loads(emotone(*words, "--json").stdout)
    assert [Path(member["run"]).name for member in printed["ensemble"]["members"]] == ["ridge", "network"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert all(part in page for part in ("the ridge", "the network", "ensemble.yaml", str(runs["network"])))
    compared = json.loads(emotone("compare", runs["ridge"], folder, "--json").stdout)
    assert compared["differences"][0]["clips"] == 72
    clip = a_clip(syllables)
    prediction = json.loads(emotone("predict", clip, "--model", folder, "--json").stdout)
    assert sum(prediction["scores"].values()) == pytest.approx(1, abs=1e-3)
    assert not heavy_imports(["predict", str(clip), "--model", str(folder)])
    refused = emotone("ensemble", runs["ridge"], runs["ridge"], "--out", folder, check=2)
    assert len(refused.stderr.splitlines()) == 1
    features = emotone("ensemble", *runs.values(), "--out", tmp_path / "features", "--level", "features")
    assert b"no exported model" in features.stdout
