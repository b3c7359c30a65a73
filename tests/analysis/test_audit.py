"""Audit: every simulated leak is named with its clips, a clean split passes, and what is not known is stated."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from emotone.analysis.audit import leak_checks as leaks
from emotone.analysis.audit import split_table
from emotone.analysis.audit.audit import audit, write_page
from emotone.analysis.audit.findings import AuditInput, Finding
from emotone.cli import app
from emotone.data.cells import is_missing
from emotone.data.splits import Fold
from emotone.data.utterance import Table, Utterance
from emotone.errors import RunError, TableError
from emotone.experiments.train import train
from emotone.runs.recipe import Recipe, parse
from tests.helpers.splits import clean_rows, found, ravdess_rows, table, twenty_clips


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return twenty_clips(tmp_path_factory.mktemp("sounds"))


def test_a_clean_split_passes(sounds: Path) -> None:
    (result,) = audit(table(sounds, clean_rows()))
    assert (result.verdict, result.ok, result.clips, result.compared) == ("clean", True, 20, 20)
    assert {finding.severity for finding in result.findings} == {"note"}
    assert "clean" in result.as_text()


def test_a_speaker_on_both_sides_is_a_leak_with_their_clips(sounds: Path) -> None:
    rows = clean_rows()
    rows[0]["split"] = "test"
    leak = found(table(sounds, rows))["speakers"]
    assert leak.affected == {"0.wav"}
    assert leak.proof == [
        {"speaker": "s0", "fold": "split", "tested": ["0.wav"], "training": ["1.wav", "2.wav", "3.wav"]}
    ]


def test_a_development_speaker_counts_as_a_training_speaker(sounds: Path) -> None:
    rows = clean_rows()
    rows[15]["split"] = "test"  # one of the development speaker's
    assert found(table(sounds, rows))["speakers"].affected == {"15.wav"}


def test_without_speakers_a_note_states_that_they_cannot_be_checked(sounds: Path) -> None:
    (result,) = audit(table(sounds, [{key: row[key] for key in ("file", "split")} for row in clean_rows()]))
    assert result.verdict == "clean"
    assert any("cannot be checked: no clip has one" in finding.message for finding in result.findings)


def test_files_that_cannot_be_read_are_named_and_fail_the_audit(sounds: Path, tmp_path: Path) -> None:
    (tmp_path / "torn.wav").write_bytes(b"RIFF")
    rows = [{**row, "file": str(sounds / row["file"])} for row in clean_rows()]
    rows += [{"file": name, "split": "train", "speaker": "s0", "text": ""} for name in ("torn.wav", "absent.wav")]
    (result,) = audit(table(tmp_path, rows))
    assert (result.verdict, result.ok, result.compared) == ("clean", False, 20)
    assert [Path(failure["file"]).name for failure in result.unreadable] == ["torn.wav", "absent.wav"]
    assert "absent.wav: no such file" in result.as_text()


def test_without_readable_audio_nothing_is_called_clean(tmp_path: Path) -> None:
    rows = [{"file": f"{side}.wav", "split": side} for side in ("train", "test")]
    (result,) = audit(table(tmp_path, rows))
    assert (result.verdict, result.ok) == ("unknown", False)
    assert [failure["reason"].rpartition(": ")[2] for failure in result.unreadable] == ["no such file"] * 2


# --- tables ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("file,speaker\na.wav,x\n", "no column 'split'"),
        ("file,split\na.wav,left\n", "line 2: split is 'left'"),
        ("file,split\n,test\n", "line 2: 'file' is empty"),
        ("file,split\na.wav,train\n", "there is no test clip"),
        ("file,split\na.wav,test\n", "there is no training clip"),
        ("file,split,start,end\na.wav,test,2,1\n", "the stretch 2.0 .. 1.0 s is empty"),
        ("file,split\na.wav,test,x\n", "3 cells under 2 columns"),
    ],
)
def test_a_table_without_a_split_is_refused_in_one_line(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(TableError, match=complaint):
        split_table.read(tmp_path / "t.csv")


_letters = st.characters(codec="utf-8", exclude_characters="#@", exclude_categories=("C", "Z"))
_names = st.text(_letters, min_size=1, max_size=40).filter(lambda name: not is_missing(name))
_sides = st.sampled_from(("train", "Training", "dev", "VAL", "validation", "development", "test", "Testing"))


@given(st.lists(st.tuples(_names, _sides), min_size=1), st.sampled_from(",;\t"))
def test_every_row_is_on_the_side_that_the_table_states(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], separator: str
) -> None:
    path = tmp_path_factory.mktemp("tables") / "t.csv"
    rows = [*rows, ("first", "train"), ("last", "test")]
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, delimiter=separator)
        writer.writerow(("path", "split"))
        writer.writerows(rows)
    read = split_table.read(path)
    side_of = {"tr": "train", "te": "test", "de": "development", "va": "development"}
    expected = [side_of[name[:2].lower()] for _, name in rows]
    came = np.full(len(rows), "nowhere     ")
    for name in ("train", "development", "test"):
        came[getattr(read.fold, name)] = name
    assert came.tolist() == expected
    assert [row.id.partition("#")[0] for row in read.table] == [file for file, _ in rows]


# --- settings, encoders, scores ---------------------------------------------------------------------------------


def case(recipe: Recipe | None = None, corpus: str = "ravdess", **more: Any) -> AuditInput:
    clips = Table(Utterance(corpus, str(i), Path(f"{i}.wav"), "sad", f"{corpus}/{i}") for i in range(3))
    fold = Fold("1", np.array([0]), np.array([1]), np.array([2]), "speakers")
    return AuditInput(clips, [fold], ["a", "b", "c"], recipe=recipe, **more)


def recipe(**changes: Any) -> Recipe:
    plain = {"title": "x", "data": {"corpora": ["ravdess"]}, "feature": "functionals", "model": "lda"}
    return parse({**plain, **changes})


def encoded(checkpoint: str) -> Recipe:
    return recipe(feature={"name": "encoder", "checkpoint": checkpoint, "pooling": "mean_std"})


def test_an_encoder_fine_tuned_on_the_tested_corpus_is_a_leak_and_on_another_is_not() -> None:
    ours = encoded("xlsr-english-ravdess")
    (leak,) = leaks.encoder(case(ours))
    assert (leak.severity, leak.affected) == ("leak", {"c"})
    assert list(leaks.encoder(case(ours, corpus="emodb"))) == []
    assert list(leaks.encoder(case(encoded("audeering-msp-dim")))) == []
    (note,) = leaks.encoder(case(encoded("openai/whisper-small")))
    assert "not recorded" in note.message


def test_statistics_of_test_speakers_are_called_transductive() -> None:
    class Normalised(Recipe):
        normalise: str = "speaker"

    content = recipe().model_dump(exclude={"source"})
    (finding,) = leaks.test_statistics(case(Normalised.model_validate(content)))
    assert finding.severity == "transductive"
    assert list(leaks.test_statistics(case(recipe()))) == []


@pytest.mark.parametrize(("accuracy", "independent", "found"), [(0.93, True, 1), (0.93, False, 0), (0.8, True, 0)])
def test_only_a_speaker_independent_score_can_be_implausible(accuracy: float, independent: bool, found: int) -> None:
    scores = {
        "speaker_independent": independent,
        "classes": list("abcdefgh"),
        "per_corpus": {"ravdess": {"scores": {"accuracy": {"value": accuracy}}}},
    }
    findings = list(leaks.plausible(case(scores=scores)))
    assert [finding.severity for finding in findings] == ["note"] * found


# --- runs -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(syllables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for protocol in ("speakers", "random"):
        settings = recipe(data={"corpora": [str(syllables)], "folds": 3, "protocol": protocol})
        train(settings, out=folder / protocol, keep_model=False)
    return folder


def test_a_run_keeps_its_audit_and_its_page_opens_with_the_verdict(runs: Path) -> None:
    for protocol, verdict in (("speakers", "clean"), ("random", "leak")):
        kept = json.loads((runs / protocol / "audit.json").read_text(encoding="utf-8"))
        assert kept["verdict"] == verdict
        assert kept["compared"] == kept["clips"] == 72
        page = (runs / protocol / "report.html").read_text(encoding="utf-8")
        assert page.index("<strong>Audit:</strong> " + verdict) < page.index('class="headline"')


def test_a_random_run_names_its_speakers_and_states_that_the_effect_cannot_be_measured(runs: Path) -> None:
    leak = found(runs / "random")["speakers"]
    assert "6 of 6 tested speakers" in leak.message
    assert "protocol random" in leak.message
    assert "effect on the score cannot be measured" in leak.effect["message"]


def test_the_effect_of_a_leak_is_the_score_of_affected_clips_next_to_that_of_the_others(runs: Path) -> None:
    from emotone.analysis.audit.audit import _with_effect
    from emotone.runs.run import Run

    predictions = Run(runs / "speakers").predictions
    leak = Finding("x", "leak", "", "", affected=frozenset(predictions.key[:36].tolist()))
    effect = _with_effect(leak, predictions).effect
    half = predictions.take(np.arange(36))
    recalls = [np.mean(half.prediction[half.truth == label] == label) for label in sorted(set(half.truth.tolist()))]
    assert effect["affected"]["value"] == pytest.approx(np.mean(recalls))
    assert "on the 36 affected clips" in effect["message"]


def test_a_folder_of_runs_is_audited_run_by_run_and_the_page_shows_each(runs: Path, tmp_path: Path) -> None:
    audits = audit(runs, read_audio=False)
    assert [result.verdict for result in audits] == ["leak", "unknown"]
    page = write_page(audits, tmp_path / "audit.html").read_text(encoding="utf-8")
    assert page.count("<section id=") == 2
    with pytest.raises(RunError, match="no finished run"):
        audit(tmp_path)


def test_a_broken_run_in_a_folder_of_runs_is_named_and_the_others_are_audited(runs: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(runs, tmp_path / "runs"))
    (folder / "random" / "scores.json").write_text("{", encoding="utf-8")
    broken, whole = audit(folder, read_audio=False)
    assert (broken.verdict, broken.ok, broken.clips) == ("unknown", False, 0)
    assert "scores.json" in broken.unreadable[0]["reason"]
    assert whole.clips == 72
    assert "could not be read: 1" in broken.as_text()
    write_page([broken, whole], tmp_path / "audit.html")


@pytest.mark.skipif(os.name == "nt", reason="names are not bytes there")
def test_names_that_are_not_utf_8_are_escaped(sounds: Path, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    shutil.copytree(sounds, folder)
    rows = [*clean_rows(), {"file": "gone.wav", "split": "train", "speaker": "s0", "text": ""}]
    audits = audit(table(folder, rows))
    assert r"caf\xe9" in audits[0].what
    assert r"caf\xe9" in audits[0].unreadable[0]["file"]
    assert r"caf\xe9" in write_page(audits, folder / "audit.html").read_text(encoding="utf-8")


def test_the_command_prints_exits_and_writes_a_page(sounds: Path, tmp_path: Path) -> None:
    rows = clean_rows()
    clean = CliRunner().invoke(app, ["audit", str(table(sounds, rows))])
    assert clean.exit_code == 0
    rows[0]["split"] = "test"
    page = tmp_path / "audit.html"
    leak = CliRunner().invoke(app, ["audit", str(table(sounds, rows)), "--json", "--html", str(page)])
    assert leak.exit_code == 1
    assert json.loads(leak.stdout)["findings"][0]["affected"] == ["0.wav"]
    assert "http:" not in page.read_text(encoding="utf-8")


# --- on real corpora -----------------------------------------------------------------------------------------


@pytest.mark.real
def test_ravdess_with_separate_speakers_is_clean_and_a_random_split_names_its_speakers(
    real_data: Path, tmp_path: Path
) -> None:
    apart = table(tmp_path, ravdess_rows(real_data, by_speaker=True), "apart.csv")
    assert CliRunner().invoke(app, ["audit", str(apart)]).exit_code == 0
    mixed = CliRunner().invoke(
        app, ["audit", str(table(tmp_path, ravdess_rows(real_data, by_speaker=False), "mixed.csv"))]
    )
    assert mixed.exit_code == 1
    assert "24 of 24 tested speakers" in mixed.stdout
    assert "ravdess/01" in mixed.stdout
