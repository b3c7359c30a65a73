"""The predictor gives no emotion where there is no speech, and gives the reason."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from emotone.analysis.explain.explain import explain
from emotone.audio import synthetic
from emotone.audio.read import RATE_HZ, Samples
from emotone.cli import app
from emotone.errors import AudioError, EmotoneError
from emotone.experiments import train as experiment
from emotone.inference.batching import groups
from emotone.inference.prediction import Prediction
from emotone.inference.predictor import Predictor, load_model, predict
from emotone.runs import recipe as recipes
from scripts.speech_gate.sounds import sound
from tests.helpers.sounds import spoken


@pytest.fixture(scope="module")
def run(syllables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    content = {
        "title": "means",
        "data": {"corpora": [str(syllables)], "folds": 2, "run_folds": 1},
        "feature": {"name": "mean_std", "mels": 16, "coefficients": 6},
        "model": "ridge",
    }
    return experiment.train(recipes.parse(content), out=tmp_path_factory.mktemp("means") / "run").folder


@pytest.fixture(scope="module")
def predictor(run: Path) -> Predictor:
    return load_model(run)


def voice(seconds: float = 2.0, emotion: str = "angry", speaker: int = 0) -> Samples:
    return synthetic.syllables(emotion, speaker=speaker, seconds=seconds)


def tone(seconds: float = 2.0) -> Samples:
    return sound("signals", "tone", seconds=seconds)


def test_speech_has_an_emotion_and_a_tone_has_none(predictor: Predictor) -> None:
    prediction, refused = predictor.predict(voice(), RATE_HZ), predictor.predict(tone(), RATE_HZ)
    assert (prediction.label, prediction.reason) == (max(prediction.scores, key=prediction.scores.__getitem__), "")
    assert (refused.label, refused.reason) == ("unsure", "no_speech")
    for found in (prediction, refused):
        assert sum(found.scores.values()) == pytest.approx(1)
        assert found.confidence == max(found.scores.values())
        (only,) = found.segments
        assert (only.label, only.reason, only.scores) == (found.label, found.reason, found.scores)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [(voice(0.15), "too_short"), (voice() * np.float32(1e-4), "too_quiet"), (voice() * 0, "too_quiet")],
)
def test_too_short_and_too_quiet_sounds_get_their_reason(predictor: Predictor, samples: Samples, reason: str) -> None:
    found = predictor.predict(samples, RATE_HZ)
    assert (found.label, found.reason) == ("unsure", reason)


def test_without_the_gate_every_sound_gets_an_emotion(run: Path, predictor: Predictor) -> None:
    refused, named = predictor.predict(tone(), RATE_HZ), load_model(run, gate=False).predict(tone(), RATE_HZ)
    assert named.reason == named.segments[0].reason == ""
    assert named.label == max(named.scores, key=named.scores.__getitem__)
    assert named.scores == refused.scores
    assert predict(tone(), RATE_HZ, model=run, gate=False) == named
    assert predict(tone(), RATE_HZ, model=run) == refused


def test_of_a_long_recording_only_the_stretches_with_speech_count(run: Path, predictor: Predictor) -> None:
    noise, (speech, (phrase,)) = sound("noise", "pink", seconds=8), spoken(1, pause_s=1.0)
    both = np.concatenate([noise, 5 * speech, noise[: 4 * RATE_HZ]])
    found = predictor.predict(both, RATE_HZ)
    assert all(8 < part.start_s < part.end_s < 8.5 + phrase.end_s for part in found.segments)
    assert found.reason in ("", "low_confidence")
    silent = predictor.predict(np.tile(noise, 2), RATE_HZ)
    assert (silent.label, silent.reason, silent.segments) == ("unsure", "no_speech", ())
    everything = load_model(run, gate=False).predict(np.tile(noise, 2), RATE_HZ, min_confidence=0)
    assert (everything.label in everything.scores, everything.reason) == (True, "")


def test_the_gate_works_at_16_khz_whatever_the_rate_of_the_source(predictor: Predictor) -> None:
    sine = (0.3 * np.sin(2 * np.pi * 440 * np.arange(96_000) / 48_000)).astype(np.float32)
    assert predictor.predict(sine, 48_000).reason == "no_speech"


def test_the_command_prints_unsure_and_the_reason_in_every_format(run: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.wav", tone(), RATE_HZ)
    soundfile.write(tmp_path / "voice.wav", voice(), RATE_HZ)
    words = ["predict", str(tmp_path / "tone.wav"), str(tmp_path / "voice.wav"), "--model", str(run)]
    printed = CliRunner().invoke(app, words).stdout
    assert "unsure (no speech)" in printed
    assert printed.count("unsure (") == 1
    refused, prediction = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert (refused["label"], refused["reason"], refused["segments"][0]["reason"]) == ("unsure", *["no_speech"] * 2)
    assert prediction["reason"] == ""
    assert CliRunner().invoke(app, [*words, "-o", str(tmp_path / "out.csv")]).exit_code == 0
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as handle:
        first, second = csv.DictReader(handle)
    assert (first["label"], first["reason"]) == ("unsure", "no_speech")
    assert (second["label"], second["reason"]) == (prediction["label"], "")
    assert "unsure (" not in CliRunner().invoke(app, [*words, "--no-gate"]).stdout


def test_several_processes_give_the_predictions_of_one(
    run: Path, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        soundfile.write(tmp_path / f"{number}.wav", voice(1 + number / 4, speaker=number % 3), RATE_HZ)
    (tmp_path / "2.wav").write_bytes(b"")
    files = [str(tmp_path / f"{number}.wav") for number in (*range(5), 9, 1)]
    alone = list(predictor.predict_many(files, workers=1, labels="four"))
    assert [isinstance(one, AudioError) for one in alone] == [False, False, True, False, False, True, False]
    for prediction in (one for one in alone if isinstance(one, Prediction)):
        assert prediction.scores == pytest.approx(predictor.predict(prediction.file, labels="four").scores, abs=1e-6)
    monkeypatch.setattr("emotone.inference.parallel._FILES_PER_PROCESS", 1)
    monkeypatch.setattr("emotone.inference.batching._MAX_FILES", 2)
    shared = list(predictor.predict_many(files, workers=2, labels="four"))
    for ours, theirs in zip(shared, alone, strict=True):
        if isinstance(ours, Prediction) and isinstance(theirs, Prediction):
            assert (ours.file, ours.label, ours.reason) == (theirs.file, theirs.label, theirs.reason)
            assert ours.scores == pytest.approx(theirs.scores, abs=1e-6)
        else:
            assert str(ours) == str(theirs)
    with pytest.raises(EmotoneError, match="two labels"):
        list(predictor.predict_many(files, workers=2, labels=["sad"]))


def test_files_are_grouped_up_to_a_number_of_bytes(tmp_path: Path) -> None:
    sizes = [10, 10, 5_000_000, 10, 3_999_990, 1]
    files = [tmp_path / str(number) for number in range(len(sizes))]
    for file, size in zip(files, sizes, strict=True):
        with file.open("wb") as handle:
            handle.truncate(size)
    assert [len(group) for group in groups(files)] == [2, 1, 2, 1]
    assert [len(group) for group in groups(files[:1] * 40)] == [32, 8]
    assert [len(group) for group in groups([files[0], tone(), tone(), tmp_path / "none"])] == [1, 1, 1, 1]


def test_a_refused_recording_can_be_explained_and_the_page_states_the_reason(run: Path, tmp_path: Path) -> None:
    from emotone.analysis.explain.page import write_page

    found, prediction = (explain(run, samples, rate_hz=RATE_HZ) for samples in (tone(), voice()))
    assert (found.gate_reason, prediction.gate_reason) == ("no_speech", "")
    assert found.label in found.prediction.scores
    assert found.as_dict()["gate_reason"] == "no_speech"
    assert "Unsure (no speech):" in write_page(found, tmp_path / "a.html").read_text("utf-8")
    assert "Unsure (" not in write_page(prediction, tmp_path / "b.html").read_text("utf-8")
