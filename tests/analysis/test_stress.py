"""`emotone stress`: command line to output on synthetic speech; which model classifies which clip; what is reported."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from emotone.analysis.stress import fairness
from emotone.analysis.stress import held_out_models as held_out
from emotone.analysis.stress.page import write
from emotone.analysis.stress.result import StressResult
from emotone.analysis.stress.stress import stress
from emotone.audio.disturbances import GROUPS
from emotone.cli import app
from emotone.data.utterance import Table, Utterance
from emotone.errors import CorpusError, EmotoneError, ModelError
from emotone.evaluation.scores import Predictions
from emotone.experiments import train as experiment
from emotone.inference.predictor import Predictor, load_model
from emotone.runs import recipe as recipes
from tests.helpers.pages import Elements
from tests.helpers.voices import CLASSES, predictions

SYSTEM: dict[str, Any] = {
    "title": "means and deviations",
    "feature": {"name": "mean_std", "mels": 20, "coefficients": 8},
    "model": {"name": "ridge", "penalty": 10},
}


@pytest.fixture(scope="module")
def run(syllables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stressed")
    os.environ["EMOTONE_CACHE"] = str(folder / "cache")
    recipe = recipes.parse({**SYSTEM, "data": {"corpora": [str(syllables)], "folds": 3}})
    return experiment.train(recipe, out=folder / "run").folder


@pytest.fixture(scope="module")
def folded(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run as if it had kept the models of its folds."""
    copy = tmp_path_factory.mktemp("folded") / "run"
    shutil.copytree(run, copy)
    for fold in copy.glob("folds/*/predictions.csv"):
        shutil.copy(copy / "model" / "model.onnx", fold.with_name("model.onnx"))
    return copy


@pytest.fixture(scope="module")
def found(run: Path, syllables: Path) -> StressResult:
    return stress(run, corpora=[str(syllables)], clips=6)


def typed(*words: object) -> Any:
    return CliRunner().invoke(app, ["stress", *map(str, words)])


def test_the_command_prints_a_table_and_writes_json_a_page_and_markdown(
    run: Path, syllables: Path, tmp_path: Path
) -> None:
    done = typed(run, "--corpora", syllables, "--clips", 3, "--out", tmp_path / "out", "--seed", 3)
    assert done.exit_code == 0, done.output
    assert "the model was trained on clips of these corpora" in done.output.lower()
    for group in GROUPS:
        assert group.name.upper() in done.output
    assert "fairness by sex" in done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"stress.json", "stress.html", "stress.md"}
    kept = json.loads((tmp_path / "out" / "stress.json").read_text(encoding="utf-8"))
    assert (kept["clips"], kept["seed"], kept["seen_corpora"]) == (3, 3, ["clips"])
    printed = json.loads(typed(run, "--corpora", syllables, "--clips", 3, "--seed", 3, "--json").stdout)
    assert without_time(printed) == without_time(kept), "the same seed gives the same numbers"


def without_time(plain: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in plain.items() if name != "environment"}


def test_every_disturbance_is_tested_on_every_clip(found: StressResult) -> None:
    assert [[result.name for result in group.outcomes] for group in found.groups] == [
        [result.name for result in group.disturbances] for group in GROUPS
    ]
    assert found.clips == 6
    assert found.speakers == 6
    assert found.uar.value > 0.5
    gain = found.groups[0].outcomes[0]
    assert 0 <= gain.unchanged.value <= 1
    for group in found.groups:
        assert group.verdict == ("pass" if all(result.verdict == "pass" for result in group.outcomes) else "fail")


def test_unchanged_counts_predictions_for_the_disturbed_samples(
    run: Path, syllables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that predicts `sad` for every changed clip: `sad` stays the same, other predictions do not."""
    plain, once = load_model(run, gate=False).predict, set()

    def predict(self: Predictor, samples: Any, rate_hz: int, **how: Any) -> Any:
        first = samples[100:101].tobytes() + samples[700:710].tobytes()
        label = plain(samples, rate_hz).label
        if first in once or label == "sad":
            return SimpleNamespace(label="sad")
        once.add(first)
        return SimpleNamespace(label=label)

    monkeypatch.setattr(Predictor, "predict", predict)
    found = stress(run, corpora=[str(syllables)], clips=6)
    zeros_after = found.groups[0].outcomes[2]
    assert zeros_after.name == "zeros after"
    assert zeros_after.unchanged.value < 1
    assert zeros_after.verdict == "fail"


def test_each_speaker_is_classified_by_the_model_of_the_fold_that_tested_them(
    folded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        held_out, "load_model", lambda path, **how: SimpleNamespace(path=Path(path), classes=(), unfinished="")
    )
    models = held_out.held_out_models(folded)
    assert len(models.of_folds) == 6
    for fold in folded.glob("folds/*/predictions.csv"):
        for speaker in set(Predictions.from_csv(fold).speaker.tolist()):
            clip = Utterance("clips", "1", Path("1.wav"), "sad", speaker)
            assert models.model_for(clip).path == fold.with_name("model.onnx")  # type: ignore[attr-defined]
            assert models.is_unseen(clip)
    stranger = Utterance("other", "1", Path("1.wav"), "sad", "other/1")
    assert models.model_for(stranger).path == folded  # type: ignore[attr-defined]
    assert models.is_unseen(stranger)
    assert models.by_corpus(Table([stranger])) == {"other": held_out.UNSEEN}


def test_with_models_of_folds_all_speakers_are_unseen(folded: Path, syllables: Path) -> None:
    found = stress(folded, corpora=[str(syllables)], clips=3)
    assert found.seen_corpora == []
    assert found.speakers_note == "Unseen speakers: each speaker by the model of the fold that tested them (clips)."
    assert any("its folds, which were trained on fewer" in note for note in found.notes())


def test_speakers_of_folds_whose_model_was_not_kept_are_not_sampled(
    folded: Path, syllables: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(folded, copy)
    gone = sorted(copy.glob("folds/*/model.onnx"))[0]
    untested = set(Predictions.from_csv(gone.with_name("predictions.csv")).speaker.tolist())
    gone.unlink()
    found = stress(copy, corpora=[str(syllables)], clips=4)
    assert found.left_out == 12 * len(untested)
    assert found.speakers == 6 - len(untested)
    assert found.seen_corpora == []


def test_models_of_folds_that_were_trained_on_the_speakers_are_not_used(folded: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(folded, copy)
    scores = json.loads((copy / "scores.json").read_text(encoding="utf-8"))
    (copy / "scores.json").write_text(json.dumps({**scores, "speaker_independent": False}), encoding="utf-8")
    assert held_out.held_out_models(copy).of_folds == {}


def test_of_an_exported_file_only_the_corpora_are_known(run: Path) -> None:
    models = held_out.held_out_models(run / "model" / "model.onnx")
    assert models.speakers is None
    clips = [Utterance(name, "1", Path("1.wav"), "sad", f"{name}/1") for name in ("clips", "other")]
    assert [models.is_unseen(clip) for clip in clips] == [False, True]


@pytest.mark.parametrize(("trained", "tested"), [("ravdess", "ravdess_song"), ("ravdess_song", "ravdess")])
def test_a_speaker_is_known_in_the_corpus_of_songs(trained: str, tested: str) -> None:
    model: Any = SimpleNamespace(trained_on=frozenset([trained]))
    models = held_out.HeldOutModels(model)
    assert models.trained_on(Utterance(tested, "1", Path("1.wav"), "sad", "ravdess/01"))
    assert not models.trained_on(Utterance("tess", "1", Path("1.wav"), "sad", "tess/OAF"))


@pytest.mark.parametrize("seen", [True, False])
def test_the_page_shows_all_scores_and_fetches_nothing(seen: bool, found: StressResult, tmp_path: Path) -> None:
    clips, predicted, sex = predictions(0, unfair=0.4)
    compared = fairness.compare("sex", sex, ("female", "male"), clips, predicted, CLASSES)
    shown = replace(found, seen_corpora=["clips"] if seen else [], fairness=[compared, *found.fairness[1:]])
    text = write(shown, tmp_path).read_text(encoding="utf-8")
    elements = Elements(text)
    assert elements.open == []
    ids = [attributes["id"] for _, attributes in elements.all if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert "default-src 'none'" in text
    assert not {"script", "link", "iframe"} & {tag for tag, _ in elements.all}
    assert ("Training speakers" in text) is seen
    for group in compared.groups:
        assert f"{100 * group.uar.value:.1f}" in elements.text
    assert compared.verdict == "fail"
    assert "Nothing to compare" in text, "by pitch"
    markdown = (tmp_path / "stress.md").read_text(encoding="utf-8")
    assert ("†" in markdown) is seen
    for group in shown.groups:
        for result in group.outcomes:
            assert result.name in elements.text
            assert f"| {result.name} | {100 * result.unchanged.value:.1f}" in markdown
    assert "Fairness by sex: **fail**" in markdown
    assert not list(tmp_path.glob("*.tmp"))


def test_emotions_without_a_class_are_dropped_and_reported(run: Path, syllables: Path, tmp_path: Path) -> None:
    rows = syllables.read_text(encoding="utf-8").replace(",neutral,", ",puzzled,", 3)
    table = tmp_path / "puzzled.csv"
    table.write_text(rows.replace("\ns0", f"\n{syllables.parent}/s0"), encoding="utf-8")
    found = stress(run, corpora=[str(table)], clips=2)
    assert found.dropped == {"puzzled": 3}
    assert any("puzzled 3" in note for note in found.notes())


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_tested(
    run: Path, syllables: Path, tmp_path: Path
) -> None:
    rows = syllables.read_text(encoding="utf-8").splitlines()
    table, broken = tmp_path / "some.csv", tmp_path / "broken.flac"
    broken.write_bytes(b"no sound")
    some = [row.replace("s0", f"{syllables.parent}/s0", 1) for row in rows[1::24]]
    table.write_text("\n".join([rows[0], *some, "broken.flac,s01,sad,male,,en"]) + "\n", encoding="utf-8")
    done = typed(run, "--corpora", table, "--json")
    assert done.exit_code == 1
    assert f"{broken}: not readable" in done.stderr
    plain = json.loads(done.stdout)
    assert plain["clips"] == 3
    assert [failure["file"] for failure in plain["failures"]] == [str(broken)]


def test_ctrl_c_leaves_nothing(run: Path, syllables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predict = load_model(run).predict
    calls = []

    def stopped(self: Predictor, samples: Any, rate_hz: int, **how: Any) -> Any:
        calls.append(1)
        if len(calls) > 40:
            raise KeyboardInterrupt
        return predict(samples, rate_hz)

    monkeypatch.setattr(Predictor, "predict", stopped)
    done = typed(run, "--corpora", syllables, "--out", tmp_path / "out")
    assert done.exit_code == 130
    assert not (tmp_path / "out").exists()
    assert len(calls) < 100


def test_what_cannot_be_tested_is_one_line(run: Path, syllables: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model at"):
        stress(tmp_path / "none", corpora=[str(syllables)])
    with pytest.raises(CorpusError, match="no corpus with audio files"):
        stress(run, data=tmp_path)
    with pytest.raises(CorpusError, match="savee is expected there"):
        stress(run, data=tmp_path, corpora=["savee"])
    rows = syllables.read_text(encoding="utf-8").splitlines()
    table = tmp_path / "unknown.csv"
    only = [
        row.replace(",sad,", ",puzzled,").replace("s0", f"{syllables.parent}/s0", 1) for row in rows if ",sad," in row
    ]
    table.write_text("\n".join([rows[0], *only]) + "\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="cannot be tested on unknown"):
        stress(run, corpora=[str(table)])


def test_disturbances_of_a_clip_do_not_depend_on_other_clips() -> None:
    from emotone.analysis.stress.stress import _rng

    clip = Utterance("x", "1", Path("1.wav"), "sad", "x/1")
    first, again = (_rng(0, clip, "gain").random(3) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, _rng(0, clip, "tone").random(3))
    assert not np.array_equal(first, _rng(1, clip, "gain").random(3))
    assert not np.array_equal(first, _rng(0, replace(clip, id="2"), "gain").random(3))


def test_a_negative_seed_is_named() -> None:
    with pytest.raises(EmotoneError, match="seed is -1; give a whole number from 0 on"):
        stress("no model is opened", seed=-1)
