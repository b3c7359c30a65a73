"""Model cards: every kind of run has one, the Hub's library reads it, and scores that are not results are left out."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from emotone.data import corpora
from emotone.data.corpora._licences import allows, non_commercial
from emotone.errors import RunError
from emotone.experiments import train as experiment
from emotone.experiments.ensemble import ensemble
from emotone.reports.model_card import write_card
from emotone.runs import recipe as recipes
from emotone.runs.run import Run
from tests.helpers import corpus_names
from tests.helpers.members import MEMBERS
from tests.helpers.pages import interval, scores

MIXED = {"corpora": ["emodb", "jl"], "labels": "four", "changes": {"boredom": "drop"}, "folds": 2}


@pytest.fixture(scope="module")
def runs(syllables: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of every kind: linear, network, scores only, an ensemble, a simulated leak, two published corpora."""
    folder = tmp_path_factory.mktemp("cards")
    os.environ["EMOTONE_CACHE"] = str(folder / "cache")
    data: dict[str, Any] = {"corpora": [str(syllables)], "folds": 3}
    for name, settings in MEMBERS.items():
        experiment.train(recipes.parse({"title": f"the {name}", "data": data, **settings}), out=folder / name)
    linear = {"title": "the ridge", "seed": 5, **MEMBERS["ridge"]}
    experiment.train(recipes.parse({**linear, "data": data}), out=folder / "scores", keep_model=False)
    leak = {**data, "protocol": "random", "leak": "training"}
    experiment.train(recipes.parse({**linear, "data": leak}), out=folder / "leaky", keep_model=False)
    ensemble([folder / name for name in MEMBERS], out=folder / "ensemble")
    for name in MIXED["corpora"]:
        corpus_names.write(folder / "data" / name, corpus_names.some(name), seconds=0.05)
    experiment.train(recipes.parse({**linear, "data": MIXED}), data=folder / "data", out=folder / "mixed")
    return {path.parent.name: path.parent for path in folder.glob("*/scores.json")}


def card(folder: Path) -> ModelCard:
    return ModelCard((folder / "README.md").read_text(encoding="utf-8"))


def results(folder: Path) -> dict[tuple[str, str], float]:
    """(dataset, metric) -> value, as the Hub reads them."""
    return {
        (result.dataset_type, result.metric_type): result.metric_value
        for result in card(folder).data.eval_results or ()
    }


def by_hub(part: dict[str, Any]) -> dict[str, float]:
    found = part["scores"]
    names = {"recall": "uar", "accuracy": "accuracy", "f1": "macro_f1", "ece": "ece"}
    return {hub: found[ours]["value"] for hub, ours in names.items()}


def test_every_kind_of_run_has_a_card_that_the_hub_reads(runs: dict[str, Path]) -> None:
    assert set(runs) == {"ridge", "network", "scores", "leaky", "ensemble", "mixed"}
    for name, folder in runs.items():
        data = card(folder).data
        assert data.library_name == "emotone", name
        assert data.pipeline_tag == "audio-classification"
        assert {"audio-classification", "speech-emotion-recognition"} <= set(data.tags)
        assert not list(folder.glob("*.tmp"))


def test_the_hub_reads_the_scores_of_the_run(runs: dict[str, Path]) -> None:
    for name in ("ridge", "network", "scores", "ensemble"):
        measured = Run.open(runs[name]).scores
        assert results(runs[name]) == {(measured["corpora"][0], hub): value for hub, value in by_hub(measured).items()}
        assert card(runs[name]).data.model_name == measured["title"]


def test_of_several_corpora_the_mean_and_each_are_listed(runs: dict[str, Path]) -> None:
    measured, found = Run.open(runs["mixed"]).scores, results(runs["mixed"])
    parts = {"emodb+jl": measured, **measured["per_corpus"]}
    assert set(parts) == {"emodb+jl", "emodb", "jl"}
    assert found == {(name, hub): value for name, part in parts.items() for hub, value in by_hub(part).items()}


def test_a_simulated_leak_is_named_in_the_first_line_and_the_hub_gets_no_score(runs: dict[str, Path]) -> None:
    assert card(runs["leaky"]).text.strip().startswith("> **Not a result:** simulated leak")
    assert results(runs["leaky"]) == {}
    assert not card(runs["ridge"]).text.strip().startswith(">")


def test_the_folder_of_a_card_has_the_files_that_the_card_names(runs: dict[str, Path]) -> None:
    for name, folder in runs.items():
        text = card(folder).text
        card_predicts = "emotone predict call.wav --model RUN" in text
        assert card_predicts is any((folder / "model" / file).is_file() for file in ("model.onnx", "ensemble.json"))
        assert card_predicts is (name not in ("scores", "leaky")), name
        assert card_predicts is ("There are no weights" not in text)
        for link in re.findall(r"\]\(([^)]*)\)", text):
            assert (folder / link).is_file(), link


def test_the_note_of_a_missing_model_disappears_once_the_model_is_trained(syllables: Path, tmp_path: Path) -> None:
    recipe = recipes.parse({"title": "x", "data": {"corpora": [str(syllables)], "folds": 2}, **MEMBERS["ridge"]})
    for keep in (False, True):
        run = experiment.train(recipe, out=tmp_path / "run", keep_model=keep)
        for page in ("README.md", "report.html"):
            text = (run.folder / page).read_text(encoding="utf-8")
            assert ("trained for its scores only" in text) is not keep, page


def test_licences_and_languages_are_those_of_the_corpora(runs: dict[str, Path]) -> None:
    mixed, table = card(runs["mixed"]), card(runs["ridge"])
    assert mixed.data.language == ["de", "en"]
    assert mixed.data.datasets == ["emodb", "jl"]
    for name in ("emodb", "jl"):
        facts = corpora.published(name)
        assert facts.licence in mixed.text
        assert facts.homepage in mixed.text
    assert "**Not for commercial use:** emodb may not be used commercially" in mixed.text
    assert "Licence unknown" not in mixed.text
    assert table.data.datasets is None
    assert "**Licence unknown:**" in table.text
    assert "Not for commercial use" not in table.text


@pytest.mark.parametrize("name", corpora.published_names())
def test_the_licence_of_every_corpus_is_understood(name: str) -> None:
    licence = corpora.published(name).licence
    assert allows(licence) != "see its terms"
    assert non_commercial(licence) is (name not in ("crema_d", "jl")), "ODbL and CC0 allow commercial use, no other"


def fold(folder: Path, **changes: Any) -> Path:
    """A folder with scores and a recipe only."""
    folder.mkdir(parents=True)
    more = {"seed": 0, "parameters": 9900, "train_seconds": 75.0, "clips_fingerprint": "0f", "missing": {}}
    (folder / "scores.json").write_text(json.dumps(scores(**{**more, **changes})), encoding="utf-8")
    (folder / "recipe.yaml").write_text("model: {name: cnn}\nfeature: {name: log_mel}\n", encoding="utf-8")
    return folder


def test_every_part_of_a_run_is_on_its_card(tmp_path: Path) -> None:
    missing = {"savee": "no folder data/savee"}
    path = write_card(fold(tmp_path / "run", missing=missing, caveats=["untrained: random weights"]))
    text = path.read_text(encoding="utf-8")
    for part in (
        "# A small network", "`cnn`, 9,900 parameters", "70.0 \\[65.0, 75.0\\]", "8.3 \\[3.3, 13.3\\]",
        "57.5 \\[52.5, 62.5\\]", "accuracy 91.2 (here 71.0)", "calm -> neutral", "12 clips dropped", "Without savee",
        "free for research", "Speaker-independent: no test speaker", "article 5(1)(f)", "Lie detection", "not audited",
        "chance level of UAR is 33.3", "Lowest recall: sad", "> **Not a result:** untrained: random weights.",
    ):  # fmt: skip
        assert part in text, part


def test_numbers_that_are_not_speaker_independent_are_marked(tmp_path: Path) -> None:
    text = write_card(fold(tmp_path / "run", speaker_independent=False, protocol="random")).read_text(encoding="utf-8")
    assert text.index("Not speaker-independent") < text.index("# A small network")
    measured = re.findall(r"\| (\d+\.\d)(†?)", text)
    assert len(measured) == 4 + 3 * 3
    assert all(mark for _, mark in measured)
    assert "not speaker-independent" in ModelCard(text).data.eval_results[0].dataset_name


def test_what_people_typed_cannot_become_markup_or_yaml(tmp_path: Path) -> None:
    nasty = '<script>x</script> | [a](b) `c` *d*\n---\n"e": # f'
    failures = [{"key": "emodb/x", "file": "x", "reason": nasty}]
    changes = {"title": nasty, "labels_note": nasty, "failures": failures, "not_exported": nasty}
    text = write_card(fold(tmp_path / "run", **changes)).read_text(encoding="utf-8")
    assert ModelCard(text).data.model_name == nasty
    body = ModelCard(text).text
    assert not re.search(r"(?<!\\)(</?script|\[a|`c`|\*d)", body)
    assert '\\<script>x\\</script> \\| \\[a\\](b) \\`c\\` \\*d\\* --- "e": # f' in body


def test_scores_without_an_interval_are_shown_without(tmp_path: Path) -> None:
    bare = {name: {**interval(0.5), "low": None, "high": None} for name in ("uar", "accuracy", "macro_f1", "brier")}
    bare["ece"] = {"value": None, "low": None, "high": None}
    text = write_card(fold(tmp_path / "run", scores=bare)).read_text(encoding="utf-8")
    assert "| accuracy | 50.0 |" in text
    assert "None" not in ModelCard(text).text
    assert {result.metric_type for result in ModelCard(text).data.eval_results} == {"recall", "accuracy", "f1"}


def test_the_same_run_gives_the_same_card(runs: dict[str, Path]) -> None:
    before = (runs["mixed"] / "README.md").read_bytes()
    assert write_card(runs["mixed"]).read_bytes() == before


def test_a_folder_without_a_run_is_an_error_that_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="emotone train"):
        write_card(tmp_path / "absent")
