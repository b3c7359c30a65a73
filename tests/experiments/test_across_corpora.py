"""Training without development clips, and on all labels of the training corpora; calibration on corpora left out."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotone.errors import ModelError, RecipeError
from emotone.evaluation.scores import Predictions
from emotone.experiments import train as experiment
from emotone.experiments.left_out_calibration import left_out_calibration, unsure_below
from emotone.runs import recipe as recipes
from emotone.runs.dataset import read_data


def content(*corpora: Path, **data: Any) -> dict[str, Any]:
    return {
        "title": "a linear model",
        "data": {"corpora": [str(path) for path in corpora], "folds": 3, **data},
        "feature": {"name": "mean_std", "coefficients": 8, "mels": 16},
        "model": {"name": "ridge"},
    }


@pytest.fixture(scope="module")
def two_corpora(syllables: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The tiny corpus as two: one with all three emotions, one without `neutral` and with `calm`."""
    with syllables.open(encoding="utf-8", newline="") as handle:
        rows = [{**row, "file": str(syllables.parent / row["file"])} for row in csv.DictReader(handle)]
    speakers = sorted({row["speaker"] for row in rows})
    folder = tmp_path_factory.mktemp("two")
    for name, own in (("one", speakers[:3]), ("two", speakers[3:])):
        kept = [{**row, "corpus": name} for row in rows if row["speaker"] in own]
        if name == "two":
            kept = [{**row, "emotion": row["emotion"].replace("neutral", "calm")} for row in kept]
            kept = [row for row in kept if row["emotion"] != "sad"]
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, kept[0])
            writer.writeheader()
            writer.writerows(kept)
    return folder / "one.csv", folder / "two.csv"


def test_all_training_labels_are_learned_though_the_tested_corpus_has_fewer(two_corpora: tuple[Path, Path]) -> None:
    def classes(**data: Any) -> tuple[str, ...]:
        settings = {"protocol": "cross-corpus", "test_on": ["two"], "folds": None, **data}
        recipe = recipes.parse(content(*two_corpora, **settings))
        dataset = read_data(recipe.data, two_corpora[0].parent)
        tested = dataset.table.column("corpus") == "two"
        assert set(np.array(dataset.map.classes)[dataset.labels[tested]].tolist()) == {"angry", "neutral"}
        return tuple(map(str, dataset.map.classes))

    assert classes() == ("angry", "neutral")
    assert classes(training_labels="all") == ("angry", "neutral", "sad")


def test_all_training_labels_need_a_tested_corpus(two_corpora: tuple[Path, Path]) -> None:
    with pytest.raises(RecipeError, match="test_on"):
        recipes.parse(content(*two_corpora, training_labels="all"))


@pytest.mark.parametrize("model", [{"name": "ridge"}, {"name": "mlp", "hidden": 4}])
def test_without_development_clips_all_other_speakers_are_trained_on(
    syllables: Path, tmp_path: Path, model: dict[str, Any]
) -> None:
    training = {"patience": 0, "epochs": 2, "scheduler": "one_cycle"}
    recipe = recipes.parse(content(syllables, development="none") | {"model": model, "training": training})
    run = experiment.train(recipe, out=tmp_path / "run")
    assert run.scores["clips"] == len(run.predictions)
    names = {fold: run.development(fold) for fold in np.unique(run.predictions.fold).tolist()}
    assert list(names.values()) == [None] * 3
    assert (run.folder / "report.html").is_file()


def test_what_needs_development_clips_is_refused_without_them(syllables: Path) -> None:
    with pytest.raises(RecipeError, match="patience"):
        recipes.parse(content(syllables, development="none") | {"model": "mlp"})


def predictions(right: float, confidence: float, clips: int = 100) -> Predictions:
    """Two classes; a share of the clips is right, all with one confidence."""
    truth = np.array(["angry", "sad"])[np.arange(clips) % 2]
    correct = np.arange(clips) < right * clips
    said = np.where(correct, truth, np.where(truth == "angry", "sad", "angry"))
    text = np.array([str(number) for number in range(clips)])
    log_probs = np.log(np.where(said[:, None] == np.array(["angry", "sad"]), confidence, 1 - confidence))
    return Predictions(("angry", "sad"), text, text, text, text, text, truth, log_probs)


def test_sharpness_makes_the_confidence_of_strangers_true() -> None:
    found = left_out_calibration([predictions(0.7, 0.95), predictions(0.7, 0.95)], "all")
    assert found is not None
    odds = found["sharpness"] * np.log(0.95 / 0.05)
    assert 1 / (1 + np.exp(-odds)) == pytest.approx(0.7, abs=0.01)
    assert found["unsure_below"] == 0.0


def test_unsure_below_holds_in_every_corpus() -> None:
    confidence = np.linspace(0.2, 1, 400)
    first, second = confidence > 0.4, confidence > 0.9
    threshold = unsure_below([confidence, confidence], [first, second])
    for right in (first, second):
        assert right[confidence >= threshold].mean() >= 0.5
    assert threshold > unsure_below([confidence], [first])


def test_a_calibration_without_corpora_or_labels_is_none_or_an_error() -> None:
    assert left_out_calibration([predictions(0.7, 0.9)], "seven") is not None
    with pytest.raises(ModelError, match="left out"):
        left_out_calibration([], "all")
