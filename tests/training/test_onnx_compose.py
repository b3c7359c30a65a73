"""One graph from samples to scores: equal to the feature followed by the model, with padding, a shift and over time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from emotone import models
from emotone.audio.read import AudioSettings
from emotone.errors import ModelError
from emotone.inference.speech_model import SpeechModel, open_model
from emotone.models import Network
from emotone.training import onnx_export
from emotone.training.examples import Examples
from emotone.training.fit import FittedNetwork, fit
from emotone.training.onnx_compose import composed
from emotone.training.onnx_export import ModelMetadata, SpeakerAdaptation
from tests.helpers.arrays import SETTINGS
from tests.helpers.waveform_frames import SIZE, WaveformFrames

CLASSES = 3
SMALL = {"heads": 2, "dims": 8, "embedding": 6}


class Clips:
    """Features of sounds of several lengths."""

    def __init__(self, feature: WaveformFrames) -> None:
        rng = np.random.default_rng(0)
        sizes = SIZE * rng.integers(40, 130, 24)  # whole frames, so that padding begins a frame
        self.sounds = [rng.normal(size=size).astype(np.float32) * (1 + n % CLASSES) for n, size in enumerate(sizes)]
        self.values = [feature.extract(sound, 16000) for sound in self.sounds]
        self.lengths = np.array([len(values) for values in self.values])
        self.shape = (int(self.lengths.max()), *self.values[0].shape[1:])

    def dense(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        return np.stack([self.values[row] for row in (np.arange(len(self.values)) if rows is None else rows)])

    def padded(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        batch = np.zeros((len(rows), self.lengths[rows].max(), *self.shape[1:]), dtype=np.float32)
        for place, row in enumerate(rows):
            batch[place, : self.lengths[row]] = self.values[row]
        return batch, self.lengths[rows]


def exported(folder: Path, name: str, pooling: str, **settings: Any) -> tuple[Clips, Any, Path]:
    """Clips, the model fitted to them, and its file."""
    feature, model = WaveformFrames(pooling=pooling), models.make(name, **settings)
    clips, labels = Clips(feature), np.arange(24) % CLASSES
    sides = [Examples(clips, labels, rows) for rows in (np.arange(18), np.arange(18, 24))]
    fitted = fit(model, *sides, CLASSES, SETTINGS, seed=0)
    adaptation = None
    if isinstance(model, Network) and model.takes_history:
        adaptation = SpeakerAdaptation.of(np.zeros(6), np.zeros((CLASSES, 6)))
    facts = ModelMetadata(
        title="x",
        classes=("a", "b", "c"),
        audio=AudioSettings(),
        feature={"name": "waveform_frames", "pooling": pooling},
        trained_on=("x",),
        protocol="speakers",
        feature_version=1,
        feature_identity=feature.identity,
        adaptation=adaptation,
    )
    file = folder / f"{name}.onnx"
    assert onnx_export.export(fitted, model, facts, file, clips, np.arange(8), feature.graph()) <= 1e-4
    return clips, fitted, file


def run(file: Path, sounds: list[NDArray[np.float32]], **more: Any) -> dict[str, NDArray[Any]]:
    """The outputs of the graph for a padded batch."""
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    lengths = np.array([len(sound) for sound in sounds])
    samples = np.zeros((len(sounds), lengths.max()), dtype=np.float32)
    for row, sound in zip(samples, sounds, strict=True):
        row[: len(sound)] = sound
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"samples": samples, "lengths": lengths, **more}), strict=True))


@pytest.mark.parametrize(
    ("name", "pooling", "settings"),
    [
        ("ridge", "mean", {}),
        ("mlp", "mean", {}),
        ("stacked_lstm", "none", {}),
        ("attentive_statistics", "none", SMALL),
    ],
)
def test_the_graph_of_samples_equals_the_feature_followed_by_the_model(
    name: str, pooling: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    clips, fitted, file = exported(tmp_path, name, pooling, **settings)
    rows = np.array([3, 20, 7])
    more = {"shift": np.zeros((3, 6), dtype=np.float32)} if name == "attentive_statistics" else {}
    outputs = run(file, [clips.sounds[row] for row in rows], **more)
    expected = np.concatenate([fitted.log_probabilities(clips, rows[place : place + 1]) for place in range(3)])
    np.testing.assert_allclose(outputs["log_probabilities"], expected, atol=1e-4)
    if name != "attentive_statistics":
        means = [values if pooling == "mean" else values.mean(axis=0) for values in (clips.values[r] for r in rows)]
        np.testing.assert_allclose(outputs["embedding"], means, atol=1e-5)


@pytest.fixture(scope="module")
def attentive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clips, FittedNetwork, Path]:
    return exported(tmp_path_factory.mktemp("attentive"), "attentive_statistics", "none", **SMALL)


def test_a_shift_is_subtracted_from_the_embedding(attentive: tuple[Clips, FittedNetwork, Path]) -> None:
    clips, fitted, file = attentive
    network: Any = fitted.module.network
    shift = np.random.default_rng(1).normal(size=(2, 6)).astype(np.float32)
    outputs = run(file, clips.sounds[:2], shift=shift)
    for row in range(2):
        with torch.inference_mode():
            embedding = network.embed(torch.as_tensor(clips.values[row])[None])
            logits = fitted.sharpness * network.out(embedding - torch.as_tensor(shift[row]))
            over_time = network.over_time(torch.as_tensor(clips.values[row])[None], None, torch.as_tensor(shift[[row]]))
        np.testing.assert_allclose(outputs["embedding"][row], embedding[0], atol=1e-4)
        np.testing.assert_allclose(outputs["log_probabilities"][row], logits.log_softmax(dim=1)[0], atol=1e-4)
        steps = len(clips.values[row]) // 5 + 1
        scores = (fitted.sharpness * over_time[0]).log_softmax(dim=1)
        np.testing.assert_allclose(outputs["frame_scores"][row, :steps], scores, atol=1e-4)


def test_the_metadata_name_the_waveform_and_the_encoder_behind_it(attentive: tuple[Clips, FittedNetwork, Path]) -> None:
    _, _, file = attentive
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    facts = json.loads(session.get_modelmeta().custom_metadata_map["emotone"])
    assert facts["format"] == 6
    assert facts["feature"]["name"] == "waveform"
    assert facts["encoder"] == {
        "name": "waveform_frames",
        "pooling": "none",
        "identity": "made by hand",
        "version": 1,
    }
    assert len(facts["adaptation"]["average"]) == 6


def test_inference_takes_the_file(attentive: tuple[Clips, FittedNetwork, Path]) -> None:
    clips, fitted, file = attentive
    model = open_model(file, 1)
    assert isinstance(model, SpeechModel)
    sound = clips.sounds[0]
    (piece,) = model.features(sound, [(0.0, len(sound) / 16000)])
    np.testing.assert_allclose(model.run([piece]).log_probs, fitted.log_probabilities(clips, np.array([0])), atol=1e-4)
    assert model.frame_scores(piece).shape == (len(clips.values[0]) // 5 + 1, CLASSES)


def test_without_the_graph_of_its_feature_a_network_is_not_adapted(tmp_path: Path) -> None:
    clips, fitted, _ = exported(tmp_path, "attentive_statistics", "none", **SMALL)
    facts = ModelMetadata(
        title="x",
        classes=("a", "b", "c"),
        audio=AudioSettings(),
        feature={"name": "waveform_frames"},
        trained_on=("x",),
        protocol="speakers",
        adaptation=SpeakerAdaptation.of(np.zeros(6), np.zeros((CLASSES, 6))),
        frame_step_s=0.1,
    )
    model = models.make("attentive_statistics", **SMALL)
    onnx_export.export(fitted, model, facts, tmp_path / "m.onnx", clips, np.arange(4))
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    kept = json.loads(session.get_modelmeta().custom_metadata_map["emotone"])
    assert (kept["adaptation"], kept["frame_step_s"]) == (None, 0.0)
    assert [item.name for item in session.get_inputs()] == ["values"]


def test_graphs_that_do_not_fit_are_one_clear_line() -> None:
    feature = WaveformFrames().graph()
    broken = WaveformFrames().graph()
    broken.graph.node[0].input[0] = "nothing"
    with pytest.raises(ModelError, match="do not fit together"):
        composed(broken, feature)


def test_statistics_are_mean_and_deviation_of_each_clip(tmp_path: Path) -> None:
    clips, _, file = exported(tmp_path, "attentive_statistics", "none", **SMALL)
    found = run(file, clips.sounds[:5], shift=np.zeros((5, 6), dtype=np.float32))["statistics"]
    expected = [np.concatenate([values.mean(axis=0), values.std(axis=0)]) for values in clips.values[:5]]
    np.testing.assert_allclose(found, np.stack(expected), atol=1e-3)
