"""The command line in processes of its own, on synthetic speech."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emotone.evaluation.scores import Predictions
from emotone.inference.predictor import load_model
from tests.helpers.cli import a_clip, emotone, heavy_imports, recipe_file
from tests.helpers.sounds import spoken

LINEAR: dict[str, Any] = {
    "title": "functionals and ridge",
    "source": {"report": "a test", "claimed": {"accuracy": 0.99}},
    "data": {"folds": 3},
    "feature": "functionals",
    "model": {"name": "ridge", "penalty": 100},
}
NETWORK: dict[str, Any] = {
    "title": "small cnn",
    "data": {"folds": 2},
    "audio": {"seconds": 1},
    "feature": {"name": "log_mel", "mels": 32, "n_fft": 512, "hop": 256},
    "augment": {"spectrogram": ["spec_augment"]},
    "model": {"name": "cnn", "channels": [8, 16], "dropout": [0.1, 0.1]},
    "training": {"epochs": 6, "batch": 8, "patience": 0, "learning_rate": 3e-3},
}


@pytest.fixture(scope="module")
def linear_run(syllables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("linear")
    os.environ["EMOTONE_CACHE"] = str(folder / "cache")
    emotone("train", recipe_file(folder, syllables, LINEAR), "--out", folder / "run", "--json")
    return folder / "run"


def test_a_run_holds_everything_and_its_scores_can_be_made_again_from_its_rows(linear_run: Path) -> None:
    names = {path.name for path in linear_run.iterdir()}
    assert {"recipe.yaml", "environment.json", "predictions.csv", "scores.json", "report.html", "model"} <= names
    assert not list(linear_run.rglob("*.tmp"))
    rows = Predictions.from_csv(linear_run / "predictions.csv")
    scores = json.loads((linear_run / "scores.json").read_text(encoding="utf-8"))
    recall = [np.mean(rows.prediction[rows.truth == label] == label) for label in rows.classes]
    assert scores["scores"]["uar"]["value"] == pytest.approx(np.mean(recall))
    assert scores["speaker_independent"] is True
    assert scores["clips"] == 72
    assert scores["scores"]["uar"]["value"] > 0.5


def test_no_speaker_of_the_run_was_tested_in_two_folds(linear_run: Path) -> None:
    rows = Predictions.from_csv(linear_run / "predictions.csv")
    pairs = set(zip(rows.speaker.tolist(), rows.fold.tolist(), strict=True))
    assert len(pairs) == len(set(rows.speaker.tolist())) == 6


def test_the_same_command_again_changes_nothing_and_another_recipe_is_refused(
    linear_run: Path, syllables: Path, tmp_path: Path
) -> None:
    before = (linear_run / "scores.json").stat().st_mtime_ns
    emotone("train", recipe_file(tmp_path, syllables, LINEAR), "--out", linear_run)
    assert (linear_run / "scores.json").stat().st_mtime_ns == before
    other = recipe_file(tmp_path, syllables, {**LINEAR, "seed": 5})
    refused = emotone("train", other, "--out", linear_run, check=2)
    assert b"holds a run of another recipe" in refused.stderr


def test_predict_prints_the_documented_form(linear_run: Path, syllables: Path) -> None:
    clip = a_clip(syllables)
    prediction = json.loads(emotone("predict", clip, "--model", linear_run, "--json").stdout)
    shared = {"label", "confidence", "scores", "arousal", "valence", "reason"}
    assert set(prediction) == {"file", "duration_s", "segments", "problem"} | shared
    assert prediction["file"] == str(clip)
    assert load_model(linear_run).predict(clip).file == str(clip)
    assert sum(prediction["scores"].values()) == pytest.approx(1, abs=1e-3)
    assert prediction["label"] == max(prediction["scores"], key=prediction["scores"].get)
    assert prediction["confidence"] == max(prediction["scores"].values())
    assert set(prediction["segments"][0]) == {"start_s", "end_s", "speaker", "channel"} | shared
    piped = json.loads(emotone("predict", "-", "--model", linear_run, "--json", stdin=clip.read_bytes()).stdout)
    assert piped["scores"] == prediction["scores"]


def test_a_long_recording_is_classified_over_time(linear_run: Path, tmp_path: Path) -> None:
    samples, phrases = spoken(5, pause_s=0.9)
    soundfile.write(tmp_path / "long.wav", samples, 16000)
    prediction = json.loads(emotone("predict", tmp_path / "long.wav", "--model", linear_run, "--json").stdout)
    edges = [(part["start_s"], part["end_s"]) for part in prediction["segments"]]
    assert len(edges) >= len(phrases)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(edges))
    assert all(any(start < phrase.end_s and end > phrase.start_s for start, end in edges) for phrase in phrases)


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_classified(
    linear_run: Path, syllables: Path, tmp_path: Path
) -> None:
    clip = a_clip(syllables)
    (tmp_path / "notes.wav").write_text("not sound", encoding="utf-8")
    done = emotone("predict", clip, tmp_path / "notes.wav", "--model", linear_run, "-o", tmp_path / "out.csv", check=1)
    assert b"notes.wav: not readable as sound" in done.stderr
    lines = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert "not readable" in lines[2]


def test_compare_finds_no_difference_between_a_run_and_itself(linear_run: Path) -> None:
    result = json.loads(emotone("compare", linear_run, linear_run, "--json").stdout)
    assert result["differences"][0]["p_value"] == 1
    assert result["differences"][0]["uar"]["value"] == 0
    assert b"Holm" not in emotone("compare", linear_run, linear_run).stdout


def test_of_several_runs_both_p_values_are_printed_and_the_speakers_an_interval_needs(
    linear_run: Path, syllables: Path, tmp_path: Path
) -> None:
    weaker = []
    for mels in (8, 12):
        content = {**LINEAR, "feature": {"name": "mean_std", "mels": mels, "coefficients": 2}}
        weaker.append(tmp_path / str(mels))
        emotone("train", recipe_file(tmp_path, syllables, content), "--out", weaker[-1])
    result = json.loads(emotone("compare", linear_run, *weaker, "--half-width", 5, "--json").stdout)
    p, corrected = ([one[name] for one in result["differences"]] for name in ("p_value", "p_holm"))
    assert min(corrected) == pytest.approx(min(1, 2 * min(p)))
    for one in [*result["differences"], *(row | row["scores"] for row in result["runs"])]:
        half = (one["uar"]["high"] - one["uar"]["low"]) / 2
        assert one["speakers_needed"] == pytest.approx(6 * (half / 0.05) ** 2, abs=2)
    printed = emotone("compare", linear_run, *weaker, "--half-width", 5).stdout.decode()
    assert "p (Holm)" in printed
    assert f"difference of {weaker[0]}: {result['differences'][0]['speakers_needed']} (there are 6)" in printed
    assert b"is out of range" in emotone("compare", linear_run, *weaker, "--half-width", 0, check=2).stderr


def test_a_random_split_is_marked_wherever_its_number_is_shown(syllables: Path, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, syllables, LINEAR)
    done = emotone("benchmark", recipe, "--out", tmp_path / "table", "--protocol", "random,speakers")
    assert b"not speaker-independent" in done.stdout
    assert "not speaker-independent" in (tmp_path / "table.md").read_text(encoding="utf-8")
    for page in tmp_path.rglob("*.html"):
        marked = "ot speaker-independent" in page.read_text(encoding="utf-8")
        assert marked is ("-speakers" not in str(page)), page
    row, honest = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))["rows"]
    assert honest["speaker_independent"] is True
    assert row["speaker_independent"] is False
    assert row["claimed"] == {"accuracy": 0.99}


def test_a_killed_training_goes_on_and_ends_as_an_unbroken_one(syllables: Path, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, syllables, NETWORK)
    emotone("train", recipe, "--out", tmp_path / "unbroken")
    words = [sys.executable, "-m", "emotone", "train", str(recipe), "--out", str(tmp_path / "killed")]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    checkpoint = tmp_path / "killed" / "folds"
    patience = time.monotonic() + 120
    while not list(checkpoint.glob("*/checkpoint.pt")) and time.monotonic() < patience and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(checkpoint.glob("*/checkpoint.pt")), "killed before the first epoch had ended"
    assert not (tmp_path / "killed" / "scores.json").exists(), "killed after the end"
    emotone("train", recipe, "--out", tmp_path / "killed")
    first, second = (Predictions.from_csv(tmp_path / name / "predictions.csv") for name in ("unbroken", "killed"))
    np.testing.assert_array_equal(first.log_probs, second.log_probs)
    curves = [(tmp_path / name / "curves.csv").read_text(encoding="utf-8") for name in ("unbroken", "killed")]
    without_seconds = [[line.rpartition(",")[0] for line in curve.splitlines()] for curve in curves]
    assert without_seconds[0] == without_seconds[1]


def test_ctrl_c_keeps_the_best_so_far(syllables: Path, tmp_path: Path) -> None:
    long = {**NETWORK, "training": {**NETWORK["training"], "epochs": 2000}}
    words = [
        sys.executable,
        "-m",
        "emotone",
        "train",
        str(recipe_file(tmp_path, syllables, long)),
        "--out",
        str(tmp_path / "run"),
    ]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    patience = time.monotonic() + 120
    while not list((tmp_path / "run").glob("folds/*/checkpoint.pt")) and time.monotonic() < patience:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr.decode()
    assert b"the best model so far is in" in stderr
    clip = a_clip(syllables)
    done = emotone("predict", clip, "--model", tmp_path / "run", "--json")
    assert b"this model is unfinished" in done.stderr
    assert not list((tmp_path / "run").rglob("*.tmp"))


@pytest.mark.parametrize("words", [["--help"], ["predict", "--help"], ["corpora", "--help"]])
def test_help_imports_neither_torch_nor_sklearn_nor_pandas(words: list[str]) -> None:
    assert not heavy_imports(words)


def test_predict_imports_neither_torch_nor_sklearn_nor_pandas(linear_run: Path, syllables: Path) -> None:
    clip = a_clip(syllables)
    assert not heavy_imports(["predict", str(clip), "--model", str(linear_run)])


@pytest.mark.parametrize("ending", ["json", "csv", "TextGrid", "srt", "vtt", "rttm", "txt", "audformat"])
def test_writing_predictions_imports_nothing_heavy(
    linear_run: Path, syllables: Path, tmp_path: Path, ending: str
) -> None:
    words = ["predict", str(a_clip(syllables)), "--model", str(linear_run), "-o", str(tmp_path / f"a.{ending}")]
    assert not heavy_imports(words)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["predict", "x.wav", "--speaker", "a", "--adapt"], b"use one of them"),
        (["predict", "x.wav", "--model", "nowhere"], b"no model at nowhere"),
        (["train", "nowhere.yaml"], b"no recipe nowhere.yaml"),
        (["corpora", "check", "ravdes", "."], b"did you mean 'ravdess'"),
        (["compare", "nowhere", "nowhere"], b"nowhere is not a folder"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_2(words: list[str], expected: bytes) -> None:
    done = emotone(*words, check=2)
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("verb", [["stress", "model.onnx"], ["demo"]])
def test_a_negative_seed_is_refused_before_the_work(verb: list[str]) -> None:
    refused = emotone(*verb, "--seed", "-1", check=2).stderr.decode()
    assert "--seed" in refused
    assert "Traceback" not in refused
