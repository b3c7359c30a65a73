"""Cross-corpus matrix: the recipes that fill it, the labels they share, and the table and page of its rows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from emotone.data.labels import shared_label_map
from emotone.errors import CorpusError, EmotoneError, RecipeError, UnknownName
from emotone.evaluation.scores import Predictions
from emotone.experiments import train as experiment
from emotone.experiments.benchmark import Plan, benchmark
from emotone.reports import markdown as tables
from emotone.runs import cross_corpus
from emotone.runs import recipe as recipes
from emotone.runs.dataset import read_data
from emotone.runs.recipe import Recipe
from tests.helpers import corpus_names

NAMES = ("ravdess", "savee", "emodb")
CONTENT: dict[str, Any] = {
    "title": "mean and deviation, ridge",
    "feature": {"name": "mean_std", "coefficients": 8, "mels": 16},
    "model": {"name": "ridge", "penalty": 10},
}
NETWORK: dict[str, Any] = {
    "title": "a very small cnn",
    "audio": {"seconds": 0.3},
    "feature": {"name": "log_mel", "mels": 16, "n_fft": 512, "hop": 256},
    "model": {"name": "cnn", "channels": [4], "dropout": [0.0]},
    "training": {"epochs": 1, "precision": "fp32"},
}


def recipe(*names: str, content: dict[str, Any] = CONTENT, **data: Any) -> Recipe:
    return recipes.parse({**content, "data": {"corpora": list(names), "protocol": "cross-corpus", **data}})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three corpora of hums under the names of real ones; the fourth that recipes name is not there."""
    root = tmp_path_factory.mktemp("corpora")
    for name in NAMES:
        corpus_names.write(root / name, corpus_names.some(name, 400), seconds=0.05)
    return root


def test_a_label_is_shared_when_each_side_has_it_or_what_is_nearest_to_it() -> None:
    chosen = shared_label_map("all", [["angry", "calm", "sad", "fear"], ["angry", "neutral", "sad", "boredom"]])
    assert chosen.classes == ("angry", "neutral", "sad")
    assert chosen.mapping == {
        "angry": "angry", "boredom": None, "calm": "neutral", "fear": None, "neutral": "neutral", "sad": "sad",
    }  # fmt: skip


def test_calm_stays_calm_where_both_have_it() -> None:
    assert shared_label_map("all", [["angry", "calm"], ["angry", "calm", "neutral"]]).classes == ("angry", "calm")


def test_a_change_counts_before_labels_are_compared_and_cannot_bring_back_what_is_not_shared() -> None:
    sides = [["angry", "boredom", "happy"], ["angry", "sad", "surprise"]]
    chosen = shared_label_map("all", sides, {"boredom": "sad", "surprise": "fear"})
    assert chosen.classes == ("angry", "sad")
    assert chosen("boredom") == "sad"
    assert chosen("surprise") is None


def test_corpora_without_two_labels_in_common_are_refused_by_name() -> None:
    with pytest.raises(EmotoneError, match=r"at least two labels that every domain has; shared: sad, of"):
        shared_label_map("all", [["angry", "sad"], ["happy", "sad"]])


def test_one_corpus_is_tested_by_a_model_of_the_other_on_the_labels_of_both(data: Path) -> None:
    given = recipe("ravdess", "emodb", test_on=["emodb"])
    dataset = read_data(given.data, data)
    (fold,) = dataset.folds(given.data, 0)
    corpus = dataset.table.column("corpus")
    assert fold.name == "emodb"
    assert set(corpus[fold.test]) == {"emodb"}
    assert set(corpus[fold.training_side]) == {"ravdess"}
    assert dataset.map.classes == ("angry", "disgust", "fear", "happy", "neutral", "sad")
    for rows in (fold.train, fold.test):
        assert set(dataset.labels[rows]) == set(range(6))
    assert dataset.map.describe() == "calm -> neutral; dropped: boredom, surprise"


def test_each_in_turn_keeps_the_labels_that_all_have(data: Path) -> None:
    dataset = read_data(recipe(*NAMES).data, data)
    assert "boredom" not in dataset.map.classes
    assert "surprise" not in dataset.map.classes
    assert [fold.name for fold in dataset.folds(recipe(*NAMES).data, 0)] == ["ravdess", "savee", "emodb"]


@pytest.mark.parametrize(
    ("test_on", "error", "message"),
    [(["tess"], UnknownName, "corpus to test on"), (["ravdess", "savee"], CorpusError, "leave one to train on")],
)
def test_a_corpus_to_test_on_is_here_and_leaves_another(
    data: Path, test_on: list[str], error: type[EmotoneError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_data(recipe("ravdess", "savee", test_on=test_on).data, data)


def test_a_corpus_to_test_on_needs_the_protocol_for_it() -> None:
    with pytest.raises(RecipeError, match="test_on needs protocol cross-corpus, not speakers"):
        recipe("emodb", protocol="speakers", test_on=["emodb"])


def test_a_matrix_has_every_pair_the_rest_and_each_by_itself_on_the_same_labels(data: Path) -> None:
    made = cross_corpus.parts(recipe(*NAMES, "tess"), data)
    pairs = {(part.train_on, part.test_on) for part in made if part.kind == "pair"}
    assert pairs == {(one, other) for one in NAMES for other in NAMES if one != other}
    assert {part.test_on for part in made if part.kind == "rest"} == set(NAMES)
    within = [(part.test_on, part.labels) for part in made if part.kind == "within"]
    assert len(set(within)) == len(within)
    assert set(within) == {(part.test_on, part.labels) for part in made if part.kind != "within"}
    assert all(list(part.missing) == ["tess"] for part in made)
    assert len({part.name for part in made}) == len(made)
    for part in made:
        assert read_data(part.recipe.data, data).map.classes == part.labels, part.name


@pytest.mark.parametrize("content", [CONTENT, NETWORK], ids=["linear", "network"])
def test_a_run_from_corpus_to_corpus_says_what_it_learned_from(
    content: dict[str, Any], data: Path, tmp_path: Path
) -> None:
    given = recipe("savee", "emodb", content=content, test_on=["emodb"])
    run = experiment.train(given, data=data, out=tmp_path / "run", keep_model=False)
    assert run.scores["learned_from"] == ["savee"]
    assert run.scores["corpora"] == ["emodb"]
    assert run.scores["speaker_independent"]
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "trained on savee" in page
    assert "tested on emodb" in page


def test_a_benchmark_gives_the_matrix_and_goes_on_from_it(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "ours" / "ridge.yaml"
    path.parent.mkdir()
    path.write_text(json.dumps({**CONTENT, "data": {"corpora": [*NAMES, "tess"]}}), encoding="utf-8")

    def measured() -> list[str]:
        trained: list[str] = []
        found = benchmark(
            Plan([path], protocols=["cross-corpus"]),
            data=data,
            out=tmp_path / "table",
            on_cell=lambda cell, seed: trained.append(cell.corpora),
        )
        assert not found.failures
        return trained

    assert "savee → emodb" in measured()
    content = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    (matrix,) = content["matrices"]
    assert [line["train_on"] for line in matrix["lines"]] == [*NAMES, cross_corpus.REST]
    for number, line in enumerate(matrix["lines"]):
        for place, cell in enumerate(line["cells"]):
            assert cell["test_on"] == NAMES[place]
            assert (cell["kind"] == "within") == (number == place)
            assert cell["chance"] == 1 / len(cell["labels"])
            rows = Predictions.from_csv(Path(cell["run"]) / "predictions.csv")
            assert set(rows.corpus) == {NAMES[place]}
            assert rows.classes == tuple(cell["labels"])
            own = [row for row in content["rows"] if row["cross"]["kind"] == "within" and row["uar"] == cell["within"]]
            assert any(
                row["cross"]["test_on"] == NAMES[place] and row["cross"]["labels"] == cell["labels"] for row in own
            )
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "not available: tess" in text
    assert "calm -> neutral; dropped: boredom, surprise" in text
    page = (tmp_path / "table.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 1
    assert "Cross-corpus matrix" in page
    assert re.search(r'<a href="table/ours/ridge/[^"]*savee-to-emodb/seed-0/report.html">savee</a>', page)
    (tmp_path / "table" / "ours").rename(tmp_path / "elsewhere")
    assert measured() == []


def test_a_matrix_of_one_corpus_is_a_cell_that_failed_with_what_to_do(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "ridge.yaml"
    path.write_text(json.dumps({**CONTENT, "data": {"corpora": ["savee"]}}), encoding="utf-8")
    found = benchmark(Plan([path], protocols=["cross-corpus"]), data=data, out=tmp_path / "table")
    assert not found.rows
    assert "cross-corpus needs 2 corpora or more" in found.failures[0]["reason"]


def test_random_weights_in_place_of_pretrained_ones_are_no_part_of_a_matrix(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "frozen.yaml"
    encoder = {"name": "encoder", "checkpoint": "microsoft/wavlm-large", "layer": 12}
    path.write_text(json.dumps({**CONTENT, "feature": encoder, "data": {"corpora": [*NAMES]}}), encoding="utf-8")
    parts = list(Plan([path], protocols=["cross-corpus"]).cells(tmp_path / "table", data))
    assert parts
    for cell in parts:
        (untrained,) = cell.untrained()
        assert cell.cross is not None
        assert untrained.cross is None
        assert untrained.recipe.data.test_on == cell.recipe.data.test_on
        assert untrained.folders != cell.folders


def test_a_cell_shows_its_score_chance_and_the_own_system() -> None:
    cell: dict[str, Any] = {
        "uar": {"value": 0.4, "low": 0.3, "high": 0.5}, "chance": 0.25, "kind": "pair",
        "within": {"value": 0.7, "low": 0.6, "high": 0.8},
    }  # fmt: skip
    assert tables.matrix_cell(cell) == "**40.0** [30.0, 50.0] (chance 25.0; within-corpus 70.0)"
    assert tables.matrix_cell({**cell, "kind": "within"}) == "*within* 40.0 [30.0, 50.0] (chance 25.0)"
    assert tables.matrix_cell({**cell, "within": None}) == "**40.0** [30.0, 50.0] (chance 25.0; within-corpus -)"
    assert tables.matrix_cell(None) == "-"
