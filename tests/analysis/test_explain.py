"""`emotone explain`: one recording and one run become a page; what cannot be explained is one line."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from emotone.analysis.explain.explain import explain
from emotone.analysis.explain.page import write_page
from emotone.analysis.explain.result import Explanation
from emotone.audio.read import AudioSettings, read
from emotone.cli import app
from emotone.errors import AudioError, ModelError, RunError, UnknownName
from emotone.experiments import train as experiment
from emotone.features import make
from emotone.inference.predictor import load_model
from emotone.reports.charts.attribution_bars import attribution_bars
from emotone.reports.charts.attribution_over_time import TimeMap, attribution_over_time
from emotone.reports.charts.probability_bars import probability_bars
from emotone.runs import recipe as recipes
from emotone.training import onnx_export as export
from tests.helpers.cli import a_clip
from tests.helpers.pages import Elements

TRAINING = {"epochs": 2, "batch": 16, "patience": 0, "learning_rate": 3e-3, "precision": "fp32"}
SYSTEMS: dict[str, dict[str, Any]] = {
    "functionals": {"audio": {"trim_db": 40}, "feature": "functionals", "model": {"name": "ridge", "penalty": 100}},
    "network": {
        "audio": {"trim_db": 40, "seconds": 1.3, "pad": "symmetric"},
        "feature": {"name": "log_mel", "mels": 32, "n_fft": 512, "hop": 160},
        "model": {"name": "cnn2d", "channels": [8, 8], "pools": [2, 2], "lstm": 8, "attention": 8},
        "training": TRAINING,
    },
    "frames": {
        "feature": {"name": "mfcc", "mels": 20, "coefficients": 8, "deltas": 1, "n_fft": 512, "hop": 160},
        "model": {"name": "bigru_attention", "layers": 1, "hidden": 8, "attention": 8},
        "training": TRAINING,
    },
    "picture": {
        "audio": {"rate_hz": 8000, "seconds": 0.6, "crop": "centre", "normalise": "rms"},
        "feature": {"name": "spectrogram_image", "size": 32, "mels": 32, "n_fft": 512, "hop": 128},
        "model": {"name": "mel_cnn", "channels": [4, 4], "hidden": 8},
        "training": TRAINING,
    },
    "dense": {"feature": {"name": "mean_std", "coefficients": 8, "mels": 16}, "model": "mlp", "training": TRAINING},
}


@pytest.fixture(scope="module")
def runs(syllables: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("explained")
    os.environ["EMOTONE_CACHE"] = str(folder / "cache")
    for name, system in SYSTEMS.items():
        data = {"corpora": [str(syllables)], "folds": 3, "run_folds": 1}
        experiment.train(recipes.parse({"title": f"the {name}", "data": data, **system}), out=folder / name)
    return {name: folder / name for name in SYSTEMS}


@pytest.fixture(scope="module")
def other_clip(syllables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that is in no training set, with silence around it."""
    sound, rate_hz = soundfile.read(a_clip(syllables))
    path = tmp_path_factory.mktemp("clip") / "other.wav"
    soundfile.write(path, np.concatenate([np.zeros(rate_hz // 4), sound, np.zeros(rate_hz // 5)]), rate_hz)
    return path


@pytest.fixture(scope="module")
def explanations(runs: dict[str, Path], other_clip: Path) -> dict[str, Explanation]:
    return {name: explain(folder, other_clip) for name, folder in runs.items()}


def page_of(found: Explanation, folder: Path) -> str:
    return write_page(found, folder / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_prediction_is_that_of_predict_and_the_contributions_sum_to_the_score(
    name: str, explanations: dict[str, Explanation], runs: dict[str, Path], other_clip: Path
) -> None:
    found = explanations[name]
    assert found.prediction == load_model(runs[name], gate=False).predict(other_clip)
    assert found.label == found.prediction.label
    logs = np.log(list(found.piece.scores.values()))
    place = [*found.piece.scores].index(found.label)
    assert found.attribution.score == pytest.approx(logs[place] - np.delete(logs, place).mean(), abs=1e-3)
    assert found.attribution.complete
    total = sum(row["contribution"] for row in found.features) if found.features else found.over_time.sum()
    assert total == pytest.approx(
        found.attribution.score - found.attribution.baseline, abs=0.01 * np.abs(found.attribution.values).sum()
    )
    assert found.attribution.values.shape == found.values.shape


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_page_contains_the_input_of_the_model_and_fetches_nothing(
    name: str, explanations: dict[str, Explanation], tmp_path: Path
) -> None:
    found = explanations[name]
    text = page_of(found, tmp_path)
    elements = Elements(text)
    assert elements.open == []
    ids = [attributes["id"] for _, attributes in elements.all if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert "default-src 'none'" in text
    assert not {"script", "link", "iframe"} & {tag for tag, _ in elements.all}
    (source,) = [attributes["src"] for tag, attributes in elements.all if tag == "audio"]
    kind, _, held = str(source).partition(",")
    assert kind == "data:audio/flac;base64"
    sound, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(held)))
    expected = found.samples / max(1, np.abs(found.samples).max())
    assert (rate_hz, len(sound)) == (found.rate_hz, len(expected))
    np.testing.assert_allclose(sound, expected, atol=1e-4)
    uar = found.run.scores["scores"]["uar"]
    for part in (f"{100 * uar['value']:.1f}", f"the {name}", "training mean", "The page contains the audio"):
        assert part in elements.text
    assert ("Grad-CAM" in elements.text) == (name in ("network", "picture"))
    assert ("Attention is" in elements.text) == (name in ("network", "frames"))
    assert ("Sums per feature group" in elements.text) == (name in ("functionals", "frames", "dense"))
    assert "This recording is a training clip" not in text


def test_the_same_recording_gives_the_same_page_twice(
    explanations: dict[str, Explanation], runs: dict[str, Path], other_clip: Path, tmp_path: Path
) -> None:
    again = page_of(explain(runs["network"], other_clip), tmp_path)
    assert again == page_of(explanations["network"], tmp_path)


def test_times_are_those_of_the_input_of_the_model(explanations: dict[str, Explanation], other_clip: Path) -> None:
    found = explanations["network"]
    recording, rate = read(other_clip), found.rate_hz
    first, last = (round(edge * rate) for edge in found.sound_s)
    start = round(found.offset_s * rate)
    assert first > 0  # zeros on both sides
    assert last < found.samples.size
    np.testing.assert_array_equal(found.samples[first:last], recording[start + first : start + last])
    assert not found.samples[:first].any()
    assert not found.samples[last:].any()
    assert found.offset_s + found.sound_s[0] > 0.24  # the silence before was trimmed, and nothing loud
    assert np.abs(recording[: start + first]).max() < 0.05 * np.abs(recording).max()
    assert found.attention is not None
    assert found.attention[0][0] == 0
    assert found.attention[0][-1] <= found.seconds
    assert found.attention[1].sum() == pytest.approx(1)


@pytest.mark.parametrize("trim_db", [None, 30])
@pytest.mark.parametrize("seconds", [None, 0.2, 2])
@pytest.mark.parametrize("pad", ["end", "symmetric"])
@pytest.mark.parametrize("crop", ["start", "centre"])
def test_the_place_of_the_kept_samples_is_where_they_came_from(
    trim_db: float | None, seconds: float | None, pad: Any, crop: Any
) -> None:
    settings = AudioSettings(rate_hz=8000, trim_db=trim_db, seconds=seconds, pad=pad, crop=crop)
    samples = np.random.default_rng(0).normal(size=7001).astype(np.float32) * np.hanning(7001).astype(np.float32) ** 4
    kept, (first, last, before) = settings(samples), settings.place(samples)
    np.testing.assert_array_equal(kept[before : before + last - first], samples[first:last])
    assert not kept[:before].any()
    assert not kept[before + last - first :].any()


def test_contributions_of_a_linear_model_are_exact_and_the_largest_comes_first(
    explanations: dict[str, Explanation],
) -> None:
    found = explanations["functionals"]
    assert found.attribution.steps == 0
    assert abs(found.attribution.gap) < 1e-9
    sizes = [abs(row["contribution"]) for row in found.features]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == len(found.names) == len(make("functionals").names)
    assert sum(found.groups.values()) == pytest.approx(found.attribution.values.sum())
    assert "pitch" in found.groups


def test_the_command_prints_the_score_and_writes_a_page(
    runs: dict[str, Path], other_clip: Path, tmp_path: Path
) -> None:
    page = tmp_path / "pages" / "one.html"
    words = ["explain", str(runs["network"] / "model"), str(other_clip), "--label", "sad", "--out", str(page)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert f"{page}  (contains the recording)" in done.stdout
    assert "score of sad" in done.stdout
    done = CliRunner().invoke(app, [*words, "--json"])
    printed = json.loads(done.stdout)
    assert printed["explained"]["label"] == "sad"
    assert printed["page"] == str(page)
    assert set(printed["uar"]) == {"value", "low", "high"}
    assert printed["speaker_independent"] is True
    parts = np.array(printed["contributions"])
    assert parts.shape == (131, 32)
    np.testing.assert_allclose(parts.sum(axis=1), printed["over_time"], atol=1e-4)
    difference = printed["explained"]["score"] - printed["explained"]["baseline"]
    assert parts.sum() - difference == pytest.approx(printed["explained"]["gap"], abs=5e-3)
    assert sum(printed["attention"]["weights"]) == pytest.approx(1)
    assert np.array(printed["grad_cam"]).shape == (32, 131)


def test_the_page_is_named_after_the_file(
    runs: dict[str, Path], other_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["explain", str(runs["functionals"]), str(other_clip)]).exit_code == 0
    assert (tmp_path / "other.explain.html").is_file()


@pytest.mark.skipif(os.name == "nt", reason="names are not bytes there")
def test_a_file_whose_name_is_not_utf_8_is_explained(runs: dict[str, Path], other_clip: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.wav")
    shutil.copy(other_clip, odd)
    words = ["explain", str(runs["functionals"]), str(odd), "--out", str(tmp_path / "page")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert r"caf\xe9.wav" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_training_clip_is_marked(runs: dict[str, Path], syllables: Path, tmp_path: Path) -> None:
    found = explain(runs["functionals"], a_clip(syllables))
    assert found.in_training
    assert "This recording is a training clip" in page_of(found, tmp_path)


def test_of_a_long_recording_a_piece_is_explained(runs: dict[str, Path], other_clip: Path, tmp_path: Path) -> None:
    samples = np.tile(read(other_clip), 4)
    first, later = (explain(runs["network"], samples, rate_hz=16_000, at_s=at_s) for at_s in (0, 3))
    assert len(first.prediction.segments) > 2
    assert first.piece == first.prediction.segments[0]
    assert later.piece.start_s <= 3 < later.piece.end_s
    assert later.prediction == first.prediction
    assert "classified in" in page_of(later, tmp_path)
    with pytest.raises(AudioError, match="has no moment at 99 s; it lasts"):
        explain(runs["network"], samples, rate_hz=16_000, at_s=99)


def test_a_score_that_is_not_speaker_independent_and_caveats_are_shown(
    explanations: dict[str, Explanation], runs: dict[str, Path], other_clip: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(runs["functionals"], tmp_path / "run"))
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    changed = {**scores, "speaker_independent": False, "caveats": ["made of <nothing>"]}
    (folder / "scores.json").write_text(json.dumps(changed), encoding="utf-8")
    text = page_of(explain(folder, other_clip), tmp_path)
    assert "Not speaker-independent" in text
    assert 'title="not speaker-independent">†' in text
    assert "made of &lt;nothing&gt;" in text
    plain = page_of(explanations["functionals"], tmp_path)
    assert "†" not in plain
    assert "Caveat:" not in plain


def test_what_cannot_be_explained_is_one_clear_line(runs: dict[str, Path], other_clip: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'sad'"):
        explain(runs["functionals"], other_clip, label="sat")
    with pytest.raises(RunError, match="nowhere is not a folder"):
        explain(tmp_path / "nowhere", other_clip)
    alone = Path(shutil.copytree(runs["functionals"], tmp_path / "alone"))
    (alone / "model" / "weights.safetensors").unlink()
    with pytest.raises(RunError, match="keeps no model"):
        explain(alone, other_clip)
    (alone / "scores.json").unlink()
    with pytest.raises(RunError, match="not finished"):
        explain(alone, other_clip)
    (tmp_path / "both").mkdir()
    (tmp_path / "both" / "ensemble.yaml").write_text("level: scores\nmembers: [runs/a, runs/b]\n", encoding="utf-8")
    with pytest.raises(RunError, match="an ensemble; explain one of its members: runs/a, runs/b"):
        explain(tmp_path / "both", other_clip)


def test_weights_that_predict_differently_from_the_exported_model_are_refused(
    runs: dict[str, Path], other_clip: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(runs["functionals"], tmp_path / "run"))
    weights = folder / "model" / "weights.safetensors"
    dims = len(make("functionals").names)
    fitted: Any = export.load_weights(weights, recipes.load(folder / "recipe.yaml").make_model(), (dims,), 3)
    fitted.affine = fitted.affine.sharpened(np.array([2.0]))
    export.save_weights(fitted, weights)
    with pytest.raises(ModelError, match="its weights and its exported model predict differently"):
        explain(folder, other_clip)


def test_hidden_states_without_names_or_time_are_refused(syllables: Path, other_clip: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    feature = {"name": "encoder", "checkpoint": "random:hubert"}
    data = {"corpora": [str(syllables)], "folds": 3, "run_folds": 1}
    content = {"title": "tiny", "data": data, "feature": feature, "model": "ridge", "audio": {"seconds": 0.3}}
    experiment.train(recipes.parse(content), out=tmp_path / "run")
    with pytest.raises(ModelError, match="neither names nor a time"):
        explain(tmp_path / "run", other_clip)


def test_a_network_on_waveforms_is_explained_over_time(syllables: Path, other_clip: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    model = {"name": "fine_tuned_encoder", "checkpoint": "random:hubert", "pooling": "attention"}
    data = {"corpora": [str(syllables)], "folds": 3, "run_folds": 1}
    content = {"title": "tiny", "data": data, "feature": "waveform", "model": model, "audio": {"seconds": 0.5}}
    experiment.train(recipes.parse({**content, "training": {**TRAINING, "epochs": 1}}), out=tmp_path / "run")
    found = explain(tmp_path / "run", other_clip)
    assert found.over_time.shape == (25,)
    assert found.over_time.sum() == pytest.approx(found.attribution.values.sum())
    assert found.attention is not None
    assert found.attention[1].sum() == pytest.approx(1, abs=1e-5)
    text = page_of(found, tmp_path)
    assert "untrained" in text
    assert "orange for" not in text


PICTURES = {
    "attribution_over_time": lambda: attribution_over_time(
        TimeMap(np.arange(12.0).reshape(3, 4), {1: "1000"}),
        np.array([1.0, -2.0, 0.5]),
        end_s=1.5,
        sound_s=(0.0, 1.0),
        label="sad",
        cells=TimeMap(np.array([[1.0, -2.0], [0.0, 0.5]])),
        grad_cam=TimeMap(np.array([[0.0, 1.0]])),
        attention=(np.array([0, 0.5, 1.0]), np.array([0.25, 0.75])),
    ),
    "probability_bars": lambda: probability_bars({"calm": 0.2, "sad": 0.8}),
    "attribution_bars": lambda: attribution_bars([("pitch", 1.0), ("energy", -0.5)], "sad", name="x"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_have_the_colours_of_the_page_and_words(name: str) -> None:
    drawn = PICTURES[name]()
    assert drawn == PICTURES[name]()
    assert set(re.findall(r"(?:fill|stroke): ([^;\"]+)", drawn)) <= {
        "none", "#ffffff", *(f"var(--{colour})" for colour in ("ink", "muted", "line", "accent", "for", "against"))
    }  # fmt: skip
    alt_text = re.search(r'aria-label="([^"]+)"', drawn)
    assert alt_text is not None
    for word in {
        "attribution_over_time": (
            "Spectrogram of 1.50 s",
            "largest contribution to sad at 0.25 s",
            "0.50 to 1.00 s, 75 %",
        ),
        "probability_bars": ("sad 80.0 %, calm 20.0 %",),
        "attribution_bars": ("pitch +1.00, energy -0.50",),
    }[name]:
        assert word in alt_text[1]


def test_a_clip_of_which_nothing_adds_anything_can_be_drawn() -> None:
    nothing = TimeMap(np.zeros((2, 3)))
    drawn = attribution_over_time(
        nothing, np.zeros(3), end_s=1, sound_s=(0, 1), label="sad", cells=nothing, grad_cam=nothing
    )
    assert drawn.startswith("<svg")
    assert attribution_bars([("pitch", 0.0)], "sad", name="x").startswith("<svg")
