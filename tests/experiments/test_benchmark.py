"""One table from many runs: a row per system, what is missing, what was done before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from emotone.errors import ModelError, RunError
from emotone.experiments import benchmark as module
from emotone.experiments.benchmark import Options, Plan, benchmark
from emotone.features.mean_std import MeanStd
from emotone.inference.predictor import load_model
from emotone.reports import wording
from emotone.runs.run import Run
from tests.helpers.benchmark import SCORES_ONLY, recipe_file, table_of


def test_a_system_with_a_claim_is_measured_both_ways_in_one_row(syllables: Path, tmp_path: Path) -> None:
    path = recipe_file(tmp_path, "linear", str(syllables))
    result = benchmark(Plan([path]), options=SCORES_ONLY, out=tmp_path / "table")
    assert [row["protocol"] for row in result.rows] == ["random", "speakers"]
    lines = [line for line in table_of(tmp_path / "table").splitlines() if "linear |" in line]
    assert len(lines) == 2, "a summary, and the settings with intervals"
    summary, scores = lines
    assert "| accuracy 90.0 |" in summary
    assert "accuracy 90.0 (other voices)" in scores
    for row in result.rows:
        assert wording.percent(row["accuracy"]) in scores
        assert f"| {100 * row['accuracy']['value']:.1f} ({100 * row['uar']['value']:.1f}) |" in summary


def test_a_run_for_its_scores_alone_has_the_same_scores_and_states_that_it_has_no_model(
    syllables: Path, tmp_path: Path
) -> None:
    path = recipe_file(tmp_path, "linear", str(syllables))
    (row,) = benchmark(Plan([path], protocols=["speakers"]), options=SCORES_ONLY, out=tmp_path / "a").rows
    (whole,) = benchmark(Plan([path], protocols=["speakers"]), out=tmp_path / "b").rows
    assert row["uar"] == whole["uar"]
    assert not Run.open(row["run"]).has_model
    with pytest.raises(ModelError, match="scores alone"):
        load_model(row["run"])
    (again,) = benchmark(Plan([path], protocols=["speakers"]), out=tmp_path / "a").rows
    assert Run.open(again["run"]).has_model, "asked for later, the model is made then"


def test_folds_that_were_left_out_are_stated(syllables: Path, tmp_path: Path) -> None:
    path = recipe_file(tmp_path, "linear", str(syllables))
    (row,) = benchmark(Plan([path], protocols=["speakers"], changes=["data.run_folds=2"]), out=tmp_path / "t").rows
    assert (row["folds"], row["folds_made"]) == (2, 3)
    assert "2 of 3 folds" in table_of(tmp_path / "t")


def test_a_cell_whose_row_is_there_is_not_run_again_on_another_machine(
    syllables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recipe_file(tmp_path, "linear", str(syllables))
    before = benchmark(Plan([path]), options=SCORES_ONLY, out=tmp_path / "table").rows
    shutil.rmtree(tmp_path / "table")  # the table was committed, the runs were not

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("trained again")

    with monkeypatch.context() as patch:
        patch.setattr(module, "train", never)
        after = benchmark(Plan([path]), options=SCORES_ONLY, out=tmp_path / "table").rows
    assert after == json.loads(json.dumps(before))
    changed = benchmark(Plan([path], changes=["model.penalty=20"]), options=SCORES_ONLY, out=tmp_path / "table").rows
    assert changed[0]["made_from"] != before[0]["made_from"], "other settings are another cell"


def test_a_row_of_older_features_is_measured_anew(
    syllables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recipe_file(tmp_path, "linear", str(syllables))
    benchmark(Plan([path], protocols=["speakers"]), options=SCORES_ONLY, out=tmp_path / "table")
    monkeypatch.setattr(MeanStd, "version", 2)
    refused = benchmark(Plan([path], protocols=["speakers"]), options=SCORES_ONLY, out=tmp_path / "table")
    assert not refused.rows
    assert "older features" in refused.failures[0]["reason"], "the run is there: nothing of it is overwritten"
    shutil.rmtree(tmp_path / "table")
    (row,) = benchmark(Plan([path], protocols=["speakers"]), options=SCORES_ONLY, out=tmp_path / "table").rows
    assert row["made_from"][0]["feature_version"] == 2


def test_a_table_measured_on_two_machines_names_both(syllables: Path, tmp_path: Path) -> None:
    paths = [recipe_file(tmp_path, name, str(syllables)) for name in ("a", "b")]
    benchmark(Plan(paths[:1], protocols=["speakers"]), options=SCORES_ONLY, out=tmp_path / "table")
    shutil.rmtree(tmp_path / "table")
    content = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    content["rows"][0]["hardware"] = "an abacus, 2 cores"
    (tmp_path / "table.json").write_text(json.dumps(content), encoding="utf-8")
    benchmark(Plan(paths, protocols=["speakers"]), options=SCORES_ONLY, out=tmp_path / "table")
    assert "on an abacus, 2 cores (1 row, commit " in table_of(tmp_path / "table")


def test_a_table_that_is_stopped_keeps_the_rows_it_had_not_come_to(
    syllables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [recipe_file(tmp_path, name, str(syllables)) for name in ("a", "b", "c")]
    benchmark(Plan(paths, protocols=["speakers"]), options=SCORES_ONLY, out=tmp_path / "table")
    shutil.rmtree(tmp_path / "table")
    paths[1] = recipe_file(tmp_path, "b", str(syllables), model={"name": "ridge", "penalty": 20})

    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        benchmark(Plan(paths, protocols=["speakers"]), options=SCORES_ONLY, out=tmp_path / "table")
    kept = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))["rows"]
    assert [Path(row["recipe"]).name for row in kept] == ["a", "b", "c"]


def test_the_table_of_what_is_finished_trains_nothing(syllables: Path, tmp_path: Path) -> None:
    paths = [recipe_file(tmp_path, name, str(syllables)) for name in ("first", "second")]
    benchmark(Plan(paths[:1], protocols=["speakers"]), options=SCORES_ONLY, out=tmp_path / "table")
    result = benchmark(Plan(paths, protocols=["speakers"]), options=Options(finished_only=True), out=tmp_path / "table")
    assert [row["recipe"].partition("/")[2] for row in result.rows] == ["first"]
    assert "not measured yet" in result.failures[0]["reason"]


def test_other_corpora_replace_missing_ones_and_the_table_states_it(syllables: Path, tmp_path: Path) -> None:
    path = recipe_file(tmp_path, "linear", "savee")
    absent = benchmark(Plan([path]), options=SCORES_ONLY, data=tmp_path, out=tmp_path / "a")
    assert not absent.rows
    assert "no folder D/savee" in absent.failures[0]["reason"], "where D lies is nobody's business"
    assert len(absent.failures) == 1, "one failure, not one per protocol"
    here = benchmark(Plan([path], instead=[str(syllables)]), options=SCORES_ONLY, data=tmp_path, out=tmp_path / "b")
    assert not here.failures
    assert here.rows[0]["instead_of"] == ["savee"]
    assert "(instead of savee)" in table_of(tmp_path / "b")


def test_missing_weights_are_named_and_random_ones_are_shown_apart(syllables: Path, tmp_path: Path) -> None:
    path = recipe_file(
        tmp_path,
        "frozen",
        str(syllables),
        feature={"name": "encoder", "checkpoint": "microsoft/wavlm-large", "layer": 12},
    )
    result = benchmark(Plan([path]), options=Options(plumbing=True, keep_models=False), out=tmp_path / "t")
    assert "wavlm-large" in result.failures[0]["reason"]
    assert result.rows
    assert all(wording.is_untrained(row) for row in result.rows)
    before, after = table_of(tmp_path / "t").split("Not results: random weights")
    assert "download it with `hf download microsoft/wavlm-large`" in before
    assert "frozen" in after
    assert "accuracy 90.0" not in after, "no claim next to what is not a result"


def test_a_setting_can_be_varied_within_one_table(syllables: Path, tmp_path: Path) -> None:
    path = recipe_file(tmp_path, "linear", str(syllables))
    vary = {"model.penalty": ["1", "100000"]}
    result = benchmark(Plan([path], protocols=["speakers"], vary=vary), options=SCORES_ONLY, out=tmp_path / "t")
    assert [row["varied"] for row in result.rows] == [{"model.penalty": "1"}, {"model.penalty": "100000"}]
    assert result.rows[0]["uar"] != result.rows[1]["uar"]
    assert "linear, model.penalty=100000" in table_of(tmp_path / "t")


@pytest.mark.parametrize(
    "content", [b"[]", b"{}", b'{"rows": 1, "failures": []}', b'{"rows": [{"key": []}], "failures": []}', b"\xff"]
)
def test_a_damaged_table_is_one_line_before_anything_runs(content: bytes, syllables: Path, tmp_path: Path) -> None:
    path = recipe_file(tmp_path, "linear", str(syllables))
    (tmp_path / "table.json").write_bytes(content)
    for options, out in ((Options(), "table"), (Options(tables=[tmp_path / "table.json"]), "other")):
        with pytest.raises(RunError, match=r"table\.json: not the \.json of a benchmark") as caught:
            benchmark(Plan([path]), options=options, out=tmp_path / out)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "other").exists()
