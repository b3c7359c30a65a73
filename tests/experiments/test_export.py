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
from emotone.errors import EmotoneError, ModelError, RunError, UnknownName
from emotone.evaluation.scores import Predictions
from emotone.experiments import export as deploy
from emotone.experiments import train as experiment
from emotone.experiments.ensemble import ensemble
from emotone.features.mean_std import MeanStd
from emotone.inference import voice_profile as voices
from emotone.inference.clip_windows import ClipWindows
from emotone.inference.prediction import Prediction
from emotone.inference.predictor import load_model
from emotone.inference.speaker_shift import one_sided, shifts_of_emotions, speaker_shift, variety
from emotone.inference.voice_profile import Voice
from emotone.runs import recipe as recipes
from emotone.runs.run import Run
from emotone.training.onnx_merge import Part, merge
from tests.helpers.cli import a_clip, emotone

KERNEL: dict[str, Any] = {
    "data": {"folds": 3},
    "feature": {"name": "mean_std", "coefficients": 8, "mels": 16},
    "augment": {"copies": 1, "waveform": ["speed", "disturb"]},
    "model": {"name": "kernel_ridge", "landmarks": 50},
}
KNOWN: dict[str, Any] = KERNEL | {
    "data": {"folds": 3, "speaker_seconds": 4, "speaker_views": "with_original"},
    "model": {"name": "kernel_ridge", "landmarks": 50, "with_original": True},
}
NETWORK: dict[str, Any] = {
    "data": {"folds": 3},
    "feature": {"name": "log_mel", "mels": 16, "n_fft": 512, "hop": 256, "normalise": "clip_mean"},
    "model": {"name": "residual_bigru", "stem": 4, "channels": [4, 8, 8], "dims": 8, "attention": 8, "window": 32},
    "training": {"epochs": 2, "batch": 8, "patience": 0, "precision": "fp32", "speaker_clips": 7},
}


@pytest.fixture(scope="module")
def made(syllables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kernel machine, a network and their ensemble, with the models of their folds."""
    folder = tmp_path_factory.mktemp("deployed")
    os.environ["EMOTONE_CACHE"] = str(folder / "cache")
    for name, content in {"kernel": KERNEL, "known": KNOWN, "network": NETWORK}.items():
        content = {"title": name, **content, "data": {**content["data"], "corpora": [str(syllables)]}}
        experiment.train(recipes.parse(content), out=folder / name, keep_folds=True)
    ensemble([folder / "kernel", folder / "network"], out=folder / "both")
    ensemble([folder / "known", folder / "network"], out=folder / "both-known", speaker_seconds=4)
    deploy.export(folder / "both", folder / "both.onnx", known=folder / "both-known", title="both as one")
    return folder


def clips(made: Path) -> list[Path]:
    """Files that the models learned from."""
    table = Run(made / "kernel").utterances
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
    for model in (made / "kernel", made / "both.onnx"):
        with pytest.raises(ModelError, match="trained on version 1 of mean_std, this emotone computes version 2"):
            load_model(model)


def test_only_a_model_that_takes_samples_has_rounded_weights(made: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not take samples, so its weights stay as they are; take float32"):
        deploy.export(made / "kernel", tmp_path / "out.onnx", weights="int8")


@pytest.mark.parametrize("damage", ["node", "metadata", "input", "bytes"])
def test_a_damaged_model_is_named(made: Path, tmp_path: Path, damage: str) -> None:
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(made / "kernel" / "model" / "model.onnx")
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
        files = {row.key: row.file for row in Run(made / "kernel").utterances or []}
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


def of_speakers(corpus: str, speakers: int, exponent: float) -> Predictions:
    """Sixty clips of each speaker, whose scores are calibrated after multiplication by `exponent`."""
    rng = np.random.default_rng(speakers)
    count = 60 * speakers
    log_probs = np.log(rng.dirichlet([0.5, 0.5, 0.5], count))
    sharp = np.exp(exponent * log_probs)
    sharp /= sharp.sum(axis=1, keepdims=True)
    truth = np.array(["a", "b", "c"])[(sharp.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)]
    key = np.array([f"{corpus}/{number}" for number in range(count)])
    speaker = np.array([f"{corpus}/{number // 60}" for number in range(count)])
    same = np.full(count, "")
    return Predictions(("a", "b", "c"), key, np.full(count, corpus), speaker, same, same, truth, log_probs)


def test_a_corpus_of_few_speakers_is_held_to_be_as_the_others() -> None:
    own = {"many": (30, 0.5), "few": (1, 2.0)}
    parts = [of_speakers(name, speakers, exponent) for name, (speakers, exponent) in own.items()]
    alone = {
        name: deploy.calibration(part, "all", apart=True)["sharpness"][name]
        for name, part in zip(own, parts, strict=True)
    }
    assert alone == pytest.approx({"many": 0.5, "few": 2.0}, rel=0.3), "a corpus alone has its own"
    together = deploy.calibration(Predictions.concatenate(parts), "all", apart=True)["sharpness"]
    assert together["many"] == pytest.approx(alone["many"] ** (30 / 32) * alone["few"] ** (2 / 32), rel=1e-3)
    assert together["few"] == pytest.approx(alone["few"] ** (1 / 3) * alone["many"] ** (2 / 3), rel=1e-3)


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


def test_a_voice_is_kept_without_sound_and_changes_what_is_heard(made: Path, tmp_path: Path) -> None:
    model, files = load_model(made / "both.onnx"), clips(made)
    assert model.adapts
    mixed = files[:12:4]  # one clip of each emotion
    voice = model.enrol(mixed)
    one_sided = model.enrol(files[:4])
    assert model.predict(files[5], voice=one_sided).scores == pytest.approx(model.predict(files[5]).scores, abs=0.02)
    voice.to_json(tmp_path / "anna.json")
    assert (tmp_path / "anna.json").stat().st_size < 12_000
    again = Voice.from_json(tmp_path / "anna.json")
    assert model.predict(files[5], voice=again).scores == pytest.approx(model.predict(files[5], voice=voice).scores)
    assert model.predict(files[5], voice=again).scores != model.predict(files[5]).scores
    silent = replace(voice, seconds=0.0)
    assert model.predict(files[5], voice=silent).scores == pytest.approx(model.predict(files[5]).scores)
    long_one = np.concatenate([soundfile.read(file)[0] for file in files[:12]])  # of all emotions
    assert model.predict(long_one, 16_000, adapt=True).scores != model.predict(long_one, 16_000).scores
    long = replace(voice, seconds=60.0)
    alone = load_model(made / "both-known")
    assert model.predict(files[5], voice=long).scores == pytest.approx(
        alone.predict(files[5], voice=alone.enrol(mixed)).scores, abs=0.2
    ), "the model of known speakers predicts for a well-known speaker"
    with pytest.raises(ModelError, match="another model"):
        load_model(made / "known").predict(files[5], voice=voice)
    with pytest.raises(ModelError, match="cannot be adapted"):
        load_model(made / "network").enrol(files[:2])


def test_scores_are_centred_on_who_is_known(made: Path) -> None:
    """Shifting the network scores of a voice profile shifts the output by the weight of the network."""
    model, files = load_model(made / "both.onnx"), clips(made)
    voice = replace(model.enrol(files[:12:4]), seconds=60.0, variety=1.0)
    (name,) = [name for name, mean in voice.means.items() if "scores" in name]
    assert voice.means[name].shape == (len(model.classes),)
    moved = voice.means[name].copy()
    moved[0] += 2
    before, after = (
        np.log([*model.predict(files[5], voice=one, min_confidence=0).scores.values()])
        for one in (voice, replace(voice, means=voice.means | {name: moved}))
    )
    moves = (after - before) - (after - before)[1]
    content = json.loads((made / "both-known" / "model" / "ensemble.json").read_text(encoding="utf-8"))
    (weight,) = [one["weight"] for one in content["members"] if "centre" in one]
    sharpness = deploy.calibration(Run(made / "both").predictions, "all")["sharpness"]
    assert moves[0] == pytest.approx(-2 * 60 / 70 * weight * sharpness, rel=0.02)
    assert moves[2:] == pytest.approx(0, abs=1e-4)


def two_corpora(folder: Path) -> list[Path]:
    """Tables of two corpora: the second hisses, and is afraid where the first is sad."""
    found = []
    for name, last in (("clear", "sad"), ("hissing", "fear")):
        emotions = ("angry", "neutral", last)
        table = synthetic.write(
            folder / name, seed=1, speakers=4, emotions=emotions, sentences=synthetic.SENTENCES[:3], sound="syllables"
        )
        head, *rows = table.read_text(encoding="utf-8").splitlines()
        table.write_text("\n".join([f"{head},corpus", *(f"{row},{name}" for row in rows)]) + "\n", encoding="utf-8")
        for number, file in enumerate(sorted(folder.glob("hissing/**/*.flac"))):
            samples, rate_hz = soundfile.read(file)
            hiss = np.random.default_rng(number).normal(scale=0.05, size=samples.size)
            soundfile.write(file, np.clip(samples + hiss, -1, 1), rate_hz)
        found.append(table)
    return found


def test_weights_may_depend_on_the_estimated_corpus_of_a_clip(tmp_path: Path) -> None:
    """Two synthetic corpora with different classes and sound; in each, one model has all the weight."""
    os.environ["EMOTONE_CACHE"] = str(tmp_path / "cache")
    corpora = two_corpora(tmp_path)
    data = {"corpora": [str(path) for path in corpora], "folds": 2}
    for name, penalty in (("one", 0.1), ("other", 30.0)):
        content = KERNEL | {"title": name, "data": data, "model": KERNEL["model"] | {"penalty": penalty}}
        content = content | {"augment": {}, "training": {"absent_class_weight": 0.1}}
        experiment.train(recipes.parse(content), out=tmp_path / name, keep_folds=True)
    names = Run(tmp_path / "one").scores["corpora"]
    shares = {names[0]: [1.0, 0.0], names[1]: [0.0, 1.0]}
    run = ensemble([tmp_path / "one", tmp_path / "other"], out=tmp_path / "both", weights=shares)
    deploy.export(run.folder, tmp_path / "both.onnx")
    together = load_model(tmp_path / "both.onnx")
    alone = [load_model(tmp_path / name) for name in ("one", "other")]
    for row in list(Run(tmp_path / "one").utterances or [])[::7]:
        expected = alone[names.index(row.corpus)].probabilities(row.file)
        np.testing.assert_allclose(together.probabilities(row.file), expected, atol=0.1)
        np.testing.assert_allclose(load_model(run.folder).probabilities(row.file), expected, atol=0.1)
    content = deploy.calibration(run.predictions, "all", apart=True)
    assert sorted(content["sharpness"]) == sorted(names), "each corpus has a sharpness of its own"
    prediction = together.predict(row.file, labels=["angry", "neutral"], min_confidence=0)
    assert sum(prediction.scores.values()) == pytest.approx(1)
    with pytest.raises(RunError, match="weights by corpus"):
        ensemble([run.folder, tmp_path / "one"], out=tmp_path / "nested")
    with pytest.raises(EmotoneError, match="no weights for"):
        ensemble([tmp_path / "one", tmp_path / "other"], out=tmp_path / "no", weights={names[0]: [1.0, 0.0]})


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"form": 2}', '{"form": 1, "means": 3}', "\x00"])
def test_a_damaged_voice_profile_is_one_line(content: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=r"enrol (the speaker )?again"):
        Voice.from_json(tmp_path / "x.json")


@pytest.mark.parametrize("name", ["", "../x", "a/b", "..", "/etc/passwd", "a\x00", "x" * 200])
def test_the_name_of_a_voice_never_leads_out_of_its_folder(name: str) -> None:
    with pytest.raises(EmotoneError, match="cannot be the name of a voice"):
        voices.path_of(name)


def test_the_shift_of_a_speaker_grows_with_what_was_heard_and_knows_a_one_sided_history() -> None:
    mean, average, shifts = np.array([3.0, 0.0]), np.zeros(2), np.array([[2.0, 0.0], [-2.0, 0.0]])
    few, many = (speaker_shift(mean, seconds, average) for seconds in (1, 100))
    assert 0 < few[0] < many[0] < 3
    mixed, alone = (speaker_shift(mean, 100, average, [0.9, 0.1], shifts, varied) for varied in (0.5, 0.0))
    assert mixed == pytest.approx(many)
    assert alone[0] == pytest.approx((3 - 0.8 * 2) * 100 / 110)


def test_a_voice_that_always_sounds_a_little_sad_is_not_a_history_of_one_emotion() -> None:
    the_same = [[0.6, 0.3, 0.1]] * 20
    now_and_then = [[0.9, 0.05, 0.05], [0.3, 0.55, 0.15]] * 10
    assert np.mean(now_and_then, axis=0) == pytest.approx(the_same[0])
    shares = [one_sided(the_same[0], variety(history)) for history in (the_same, now_and_then)]
    assert shares == [1.0, 0.0]
    assert variety(now_and_then) == pytest.approx(variety(now_and_then[::-1]))
    assert variety(now_and_then[:2]) > variety(now_and_then), "few clips are allowed for"


def test_what_an_emotion_does_is_counted_within_speakers() -> None:
    labels, speakers = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    values = np.array([[1.0], [3.0], [11.0], [15.0]])
    assert shifts_of_emotions(values, labels, speakers, 3).tolist() == [[-1.5], [1.5], [0.0]]


def test_enrolled_on_the_command_line_a_speaker_is_known_by_name(
    made: Path, syllables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOTONE_VOICES", str(tmp_path / "voices"))
    file = a_clip(syllables)
    done = json.loads(emotone("enrol", "anna b", file, "-m", made / "both.onnx", "--json").stdout)
    assert Path(done["file"]).is_file()
    plain, known = (
        json.loads(emotone("predict", file, "-m", made / "both.onnx", "--json", *more).stdout)
        for more in ((), ("--speaker", "anna b"))
    )
    assert plain["segments"] != known["segments"] or plain["confidence"] == known["confidence"] == 1
    assert b"emotone enrol" in emotone("predict", file, "-m", made / "both.onnx", "--speaker", "bob", check=2).stderr
    both = emotone("predict", file, "-m", made / "both.onnx", "--speaker", "anna b", "--adapt", check=2)
    assert b"use one of them" in both.stderr


def test_silence_can_be_enrolled_without_harm(made: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(16000), 16000)
    model = load_model(made / "both.onnx")
    voice = model.enrol([tmp_path / "silence.wav"])
    assert np.isfinite(list(model.predict(clips(made)[0], voice=voice).scores.values())).all()
