"""Export of a run or an ensemble: predictions, calibration and enrolled speakers."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from safetensors.numpy import load_file

from emotone.audio import synthetic
from emotone.audio.read import RATE_HZ
from emotone.errors import EmotoneError, ModelError, UnknownName
from emotone.experiments import export as deploy
from emotone.experiments import train as experiment
from emotone.experiments.ensemble import ensemble
from emotone.features.mean_std import MeanStd
from emotone.inference import voice_profile as voices
from emotone.inference.clip_windows import ClipWindows
from emotone.inference.prediction import Prediction
from emotone.inference.predictor import load_model
from emotone.inference.speaker_shift import EMOTION_SHARE, shifts_of_emotions, speaker_shift
from emotone.inference.voice_profile import Voice
from emotone.runs import recipe as recipes
from emotone.runs.run import Run
from emotone.training.onnx_merge import Part, merge

RIDGE: dict[str, Any] = {
    "data": {"folds": 3},
    "feature": {"name": "mean_std", "coefficients": 8, "mels": 16},
    "augment": {"copies": 1, "waveform": ["speed", "disturb"]},
    "model": {"name": "ridge"},
}
NETWORK: dict[str, Any] = {
    "data": {"folds": 3},
    "feature": {"name": "log_mel", "mels": 16, "n_fft": 512, "hop": 256, "normalise": "clip_mean"},
    "model": {"name": "residual_bigru", "stem": 4, "channels": [4, 8, 8], "dims": 8, "attention": 8, "window": 32},
    "training": {"epochs": 2, "batch": 8, "patience": 0, "precision": "fp32", "speaker_clips": 7},
}


@pytest.fixture(scope="module")
def made(syllables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A linear model, a network and their ensemble, with the models of their folds."""
    folder = tmp_path_factory.mktemp("deployed")
    os.environ["EMOTONE_CACHE"] = str(folder / "cache")
    for name, content in {"linear": RIDGE, "network": NETWORK}.items():
        content = {"title": name, **content, "data": {**content["data"], "corpora": [str(syllables)]}}
        experiment.train(recipes.parse(content), out=folder / name, keep_folds=True)
    ensemble([folder / "linear", folder / "network"], out=folder / "both")
    deploy.export(folder / "both", folder / "both.onnx", title="both as one")
    return folder


def clips(made: Path) -> list[Path]:
    """Files that the models learned from."""
    table = Run(made / "linear").utterances
    assert table is not None
    return [row.file for row in table]


def test_one_file_hears_what_the_ensemble_hears(made: Path) -> None:
    apart, one = load_model(made / "both"), load_model(made / "both.onnx")
    assert one.title == "both as one"
    assert one.trained_on == apart.trained_on
    for file in clips(made)[:5]:
        np.testing.assert_allclose(one.probabilities(file), apart.probabilities(file), atol=1e-5)


def test_clips_of_any_length_go_through_the_graph_together(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / f"{number}.wav" for number in range(4)]
    for number, file in enumerate(files):
        soundfile.write(file, synthetic.syllables("sad", speaker=0, seconds=0.3 + 0.5 * number), RATE_HZ)
    model = load_model(made / "both.onnx", gate=False)
    uncut = load_model(made / "both.onnx", gate=False)
    uncut.ensemble.models[0].inputs = [replace(one, windows=None) for one in uncut.ensemble.models[0].inputs]
    (windows,) = (one.windows for one in model.ensemble.models[0].inputs if one.windows is not None)
    mean = load_file(made / "network" / "model" / "weights.safetensors")["mean"]
    assert windows == ClipWindows(count=3, frames=32, usual=tuple(float(str(number)) for number in mean))
    alone = [uncut.predict(file) for file in files]  # the shortest is shorter than a window
    session, batches = model.ensemble.models[0]._session, []

    def run(outputs: list[str], fed: dict[str, Any]) -> list[Any]:
        batches.append(len(fed["values_0"]))
        return list(session.run(outputs, fed))

    monkeypatch.setattr(model.ensemble.models[0], "_session", SimpleNamespace(run=run))
    for prediction, one in zip(model.predict_many(files, workers=1), alone, strict=True):
        assert isinstance(prediction, Prediction)
        assert prediction.scores == pytest.approx(one.scores, abs=1e-6)
    assert batches == [4]


def test_a_model_of_other_numbers_is_refused(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MeanStd, "version", 2)
    for model in (made / "linear", made / "both.onnx"):
        with pytest.raises(ModelError, match="trained on version 1 of mean_std, this emotone computes version 2"):
            load_model(model)


def test_only_a_model_that_takes_samples_has_rounded_weights(made: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not take samples, so its weights stay as they are; take float32"):
        deploy.export(made / "linear", tmp_path / "out.onnx", weights="int8")


@pytest.mark.parametrize("damage", ["node", "metadata", "input", "bytes"])
def test_a_damaged_model_is_named(made: Path, tmp_path: Path, damage: str) -> None:
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(made / "linear" / "model" / "model.onnx")
    if damage == "node":
        graph.graph.node[0].input[0] = "nothing"
    elif damage == "metadata":
        graph.metadata_props[0].value = "{}"
    elif damage == "input":
        facts = json.loads(graph.metadata_props[0].value)
        graph.metadata_props[0].value = json.dumps({**facts, "inputs": [{**facts, "name": "other"}]})
    content = graph.SerializeToString()
    (tmp_path / "model.onnx").write_bytes(content[: 200 if damage == "bytes" else None])
    with pytest.raises(ModelError, match=r"model\.onnx: .*(train the run again|no classes and features)"):
        merge([Part(tmp_path / "model.onnx", 1.0)], tmp_path / "out.onnx", title="x")


def test_models_of_folds_are_kept_as_one_and_hear_what_was_tested(made: Path) -> None:
    run = Run(made / "both")
    for fold in np.unique(run.predictions.fold).tolist():
        model = load_model(run.folder / "folds" / fold / "model.onnx")
        own = run.predictions.take(run.predictions.fold == fold)
        files = {row.key: row.file for row in Run(made / "linear").utterances or []}
        for key, log_probs in list(zip(own.key.tolist(), own.log_probs, strict=True))[:4]:
            np.testing.assert_allclose(model.probabilities(files[key]), np.exp(log_probs), atol=2e-4)


def test_the_calibration_and_the_threshold_are_those_of_tested_clips(made: Path) -> None:
    predictions = Run(made / "both").predictions
    calibration = deploy.calibration(predictions, "all")
    assert calibration["sharpness"] > 0
    probabilities, truth, kept = deploy.calibrated(predictions, "all")
    assert kept.all()
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert probabilities.shape == (len(truth), len(predictions.classes))


def test_a_run_without_fold_models_says_how_to_keep_them(made: Path) -> None:
    with pytest.raises(ModelError, match="keep the folds"):
        deploy.parts(Run(made / "both"), fold="99")


def test_labels_are_added_up_or_left_out(made: Path) -> None:
    model, file = load_model(made / "both.onnx"), clips(made)[0]
    every = model.predict(file).scores
    two = list(every)[:2]
    some = model.predict(file, labels=two).scores
    assert sorted(some) == sorted(two)
    assert sum(some.values()) == pytest.approx(1)
    assert some[two[0]] / some[two[1]] == pytest.approx(every[two[0]] / every[two[1]], rel=0.5)
    with pytest.raises(UnknownName, match="label set"):
        model.predict(file, labels="fourteen")
    with pytest.raises(EmotoneError, match="no label of this model"):
        model.predict(file, labels=["nostalgia", "awe"])


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"form": 2}', '{"form": 1, "means": 3}', "\x00"])
def test_a_damaged_voice_profile_is_one_line(content: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=r"enrol (the speaker )?again"):
        Voice.from_json(tmp_path / "x.json")


@pytest.mark.parametrize("name", ["", "../x", "a/b", "..", "/etc/passwd", "a\x00", "x" * 200])
def test_the_name_of_a_voice_never_leads_out_of_its_folder(name: str) -> None:
    with pytest.raises(EmotoneError, match="cannot be the name of a voice"):
        voices.path_of(name)


def test_the_shift_of_a_speaker_grows_with_the_seconds_and_a_part_of_the_emotions_is_subtracted() -> None:
    mean, average, shifts = np.array([3.0, 0.0]), np.zeros(2), np.array([[2.0, 0.0], [-2.0, 0.0]])
    few, many = (speaker_shift(mean, seconds, average) for seconds in (1, 100))
    assert 0 < few[0] < many[0] < 3
    mixed, angry = (speaker_shift(mean, 100, average, shares, shifts) for shares in ([0.5, 0.5], [0.9, 0.1]))
    assert mixed == pytest.approx(many)
    assert angry[0] == pytest.approx((3 - EMOTION_SHARE * 0.8 * 2) * 100 / 110)


def test_what_an_emotion_does_is_counted_within_speakers() -> None:
    labels, speakers = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    values = np.array([[1.0], [3.0], [11.0], [15.0]])
    assert shifts_of_emotions(values, labels, speakers, 3).tolist() == [[-1.5], [1.5], [0.0]]
