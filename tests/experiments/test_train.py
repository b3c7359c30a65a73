"""What happens between a recipe and a run: balance, missing corpora, files that cannot be read."""

from __future__ import annotations

import csv
import errno
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotone import files
from emotone.data import splits
from emotone.errors import CorpusError, EmotoneError, RunError, SplitError
from emotone.experiments import train as experiment
from emotone.experiments.ensemble import ensemble
from emotone.features.extraction import extract as extraction
from emotone.features.extraction.feature_set import FeatureSet
from emotone.runs import recipe as recipes
from emotone.runs.dataset import read_data, rebuild
from emotone.runs.recipe import Recipe
from emotone.runs.run import Run, environment
from tests.conftest import REPOSITORY
from tests.helpers import corpus_names
from tests.helpers.cli import emotone


def recipe_of(corpora: list[Any], **data: Any) -> Recipe:
    return recipes.parse(
        {
            "title": "a linear model",
            "data": {"corpora": corpora, "folds": 3, **data},
            "augment": {"waveform": [{"name": "gaussian_noise", "amount": 0.01}]},
            "feature": {"name": "mean_std", "coefficients": 8, "mels": 16},
            "model": {"name": "ridge", "penalty": 10},
        }
    )


@pytest.fixture
def unbalanced(syllables: Path, tmp_path: Path) -> Path:
    """The tiny corpus with half of its angry clips left out of the table."""
    with syllables.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    kept = [row for row in rows if not (row["emotion"] == "angry" and row["file"].endswith(("_1.flac", "_2.flac")))]
    path = tmp_path / "unbalanced.csv"
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0])
        writer.writeheader()
        writer.writerows({**row, "file": str(syllables.parent / row["file"])} for row in kept)
    return path


def test_copies_are_made_of_training_clips_alone(
    unbalanced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[set[str]] = []
    plain = extraction.extract_copies

    def watched(table: Any, copies: Any, *rest: Any, **named: Any) -> FeatureSet:
        copied.append(set(table.column("speaker")[copies.rows].tolist()))
        assert set(table.column("emotion")[copies.rows].tolist()) == {"angry"}
        return plain(table, copies, *rest, **named)

    monkeypatch.setattr(extraction, "extract_copies", watched)
    recipe = recipe_of([str(unbalanced)], balance="oversample")
    run = experiment.train(recipe, out=tmp_path / "run")
    dataset = read_data(recipe.data, tmp_path)
    folds = splits.folds(dataset.table, dataset.labels, count=3)
    speaker = dataset.table.column("speaker")
    assert len(copied) == len(folds) + 1
    for fold, speakers in zip(folds, copied, strict=False):
        assert speakers <= set(speaker[fold.train].tolist())
        assert not speakers & set(speaker[np.concatenate([fold.test, fold.development])].tolist())
    assert run.scores["clips"] == len(dataset.table), "copies are never tested"


def test_a_clip_that_cannot_be_read_is_named_and_the_others_go_on(unbalanced: Path, tmp_path: Path) -> None:
    with unbalanced.open("a", encoding="utf-8") as handle:
        handle.write(f"{tmp_path / 'broken.wav'},s01,sad,male,Hello.,en\n")
    (tmp_path / "broken.wav").write_bytes(b"RIFF no sound")
    run = experiment.train(recipe_of([str(unbalanced)]), out=tmp_path / "run")
    (failure,) = run.scores["failures"]
    assert "broken.wav" in failure["reason"]
    assert run.scores["clips"] == 60


def test_some_unreadable_clips_are_named_and_counted_and_none_readable_is_an_error(
    unbalanced: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(recipe_of([str(unbalanced)]).to_yaml(), encoding="utf-8")
    with unbalanced.open("a", encoding="utf-8") as handle:
        for number in range(3):
            (tmp_path / f"broken-{number}.wav").write_bytes(b"RIFF no sound")
            handle.write(f"{tmp_path / f'broken-{number}.wav'},s01,sad,male,Hello.,en\n")
    done = emotone("train", str(recipe), "--out", str(tmp_path / "run"), check=1)
    lines = done.stderr.decode().splitlines()
    assert [f"broken-{number}.wav" in line for number, line in enumerate(lines[-4:-1])] == [True] * 3
    assert lines[-1] == "emotone: 3 clips left out, see above"
    head, *rows = unbalanced.read_text(encoding="utf-8").splitlines()
    broken = [*rows[-3:-1], rows[-1].replace(",sad,", ",angry,")]
    unbalanced.write_text("\n".join([head, *broken]) + "\n", encoding="utf-8")
    done = emotone("train", str(recipe), "--out", str(tmp_path / "other"), check=2)
    assert b"none of 3 clips can be read" in done.stderr
    assert b"Traceback" not in done.stderr


def full_disk(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", ["train", "ensemble"])
@pytest.mark.parametrize("place", ["a_file", "a_file/run", "/proc/run", "full"])
def test_a_folder_that_cannot_be_written_is_one_line_before_anything_is_read(
    call: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_file").write_bytes(b"mine")
    out = tmp_path / place
    if place == "full":
        monkeypatch.setattr(files, "TemporaryFile", full_disk)
    calls: dict[str, Callable[[], Run]] = {
        "train": lambda: experiment.train(recipe_of([str(tmp_path / "absent.csv")]), out=out),
        "ensemble": lambda: ensemble([tmp_path / "no", tmp_path / "run"], out=out),
    }
    with pytest.raises(EmotoneError) as caught:
        calls[call]()
    assert str(out) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "a_file").read_bytes() == b"mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_file"], "nothing is left behind"


def test_a_missing_corpus_is_stated_and_the_rest_is_used(unbalanced: Path, tmp_path: Path) -> None:
    run = experiment.train(recipe_of([str(unbalanced), "savee"]), data=tmp_path, out=tmp_path / "run")
    assert "form" in run.scores["missing"]["savee"] or "savee" in run.scores["missing"]["savee"]
    with pytest.raises(CorpusError, match="EMOTONE_DATA names it"):
        experiment.train(recipe_of(["savee"]), data=tmp_path, out=tmp_path / "other")


def test_labels_that_no_clip_has_are_left_out_and_stated(unbalanced: Path, tmp_path: Path) -> None:
    run = experiment.train(recipe_of([str(unbalanced)], labels="four"), out=tmp_path / "run")
    assert run.scores["classes"] == ["angry", "neutral", "sad"]
    assert run.scores["labels_note"] == "no clip is happy"


def test_a_run_states_how_it_was_made(unbalanced: Path, tmp_path: Path) -> None:
    run = experiment.train(recipe_of([str(unbalanced)]), out=tmp_path / "run")
    made = json.loads((run.folder / "environment.json").read_text(encoding="utf-8"))
    assert {"emotone", "python", "commit", "command", "hardware", "ended", "seconds", "parity"} <= set(made)
    assert made["parity"] <= 1e-4
    assert run.recipe == recipe_of([str(unbalanced)])


def test_the_command_of_a_run_can_be_typed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ["train", "my recipe.yaml", "--set", "data.corpora=[emodb, nemo]"]
    for name in ("/somewhere/bin/emotone", "/somewhere/emotone/__main__.py"):
        monkeypatch.setattr("sys.argv", [name, *typed])
        assert shlex.split(environment(0.0)["command"]) == ["emotone", *typed]


def test_a_folder_that_holds_something_else_is_left_alone(unbalanced: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(RunError, match="holds no run"):
        experiment.train(recipe_of([str(unbalanced)]), out=tmp_path / "mine")
    with pytest.raises(RunError, match="holds no run"):
        Run.open(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_an_emotion_of_one_speaker_alone_is_named_with_what_to_do(unbalanced: Path, tmp_path: Path) -> None:
    lines = unbalanced.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if ",sad," not in line or ",s01,sad," in line]
    unbalanced.write_text("\n".join(kept) + "\n", encoding="utf-8")
    with pytest.raises(SplitError, match="no training clip is sad"):
        experiment.train(recipe_of([str(unbalanced)]), out=tmp_path / "run")


@pytest.mark.parametrize(
    ("names", "data"),
    [
        (["crema_d"], {"labels": "four"}),
        (["ravdess", "ravdess_song", "savee"], {"labels": "six", "changes": {"surprise": "drop"}}),
        (["savee", "emodb"], {"protocol": "cross-corpus"}),
        (["tess", "jl"], {"protocol": "random", "folds": 4}),
    ],
)
def test_the_folds_of_a_run_are_made_again_from_its_clips(
    names: list[str], data: dict[str, Any], tmp_path: Path
) -> None:
    for name in names:
        corpus_names.write(tmp_path / name, corpus_names.some(name), seconds=0.01)
    content = {"title": "x", "data": {"corpora": names, **data}, "feature": "mean_std", "model": "ridge", "seed": 3}
    recipe = recipes.parse(content)
    dataset = read_data(recipe.data, tmp_path)
    run = Run(tmp_path / "run")
    run.folder.mkdir()
    run.write_utterances(dataset.table)
    assert run.utterances is not None
    again = rebuild(recipe.data, run.utterances, dataset.map.classes)
    np.testing.assert_array_equal(again.labels, dataset.labels)
    for fold, same in zip(dataset.folds(recipe.data, recipe.seed), again.folds(recipe.data, recipe.seed), strict=True):
        assert fold.name == same.name
        for side in ("train", "development", "test"):
            np.testing.assert_array_equal(getattr(fold, side), getattr(same, side))


@pytest.mark.real
def test_functionals_on_unseen_speakers_of_ravdess_and_a_random_split_with_higher_scores(
    real_data: Path, tmp_path: Path
) -> None:
    recipe = REPOSITORY / "recipes" / "classic" / "functionals-lda.yaml"
    only = "data.corpora=[ravdess]"
    honest = experiment.train(recipe, data=real_data, changes=[only], out=tmp_path / "honest").scores
    leaky = experiment.train(
        recipe, data=real_data, changes=[only, "data.protocol=random", "data.folds=5"], out=tmp_path / "leaky"
    ).scores
    assert honest["speaker_independent"]
    assert not leaky["speaker_independent"]
    assert (honest["clips"], honest["speakers"], honest["folds"]) == (1440, 24, 5)
    assert honest["scores"]["uar"]["value"] >= 0.62
    assert leaky["scores"]["uar"]["value"] > honest["scores"]["uar"]["high"]
