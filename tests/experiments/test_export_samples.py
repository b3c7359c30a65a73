"""Export of a run whose model takes samples: one file with its calibration, adaptation and scores over time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest

from emotone import features
from emotone.audio.read import read
from emotone.errors import UnknownName
from emotone.experiments import export as deploy
from emotone.experiments import train as experiment
from emotone.inference.predictor import load_model
from emotone.inference.speech_model import SpeechModel, open_model
from emotone.runs import recipe as recipes
from emotone.runs.run import Run
from emotone.training import onnx_weights
from tests.helpers.waveform_frames import WaveformFrames

RECIPE: dict[str, Any] = {
    "title": "from samples",
    "feature": "waveform_frames",
    "model": {"name": "attentive_statistics", "heads": 2, "dims": 8, "embedding": 6},
    "training": {"epochs": 2, "batch": 8, "patience": 0, "precision": "fp32", "speaker_groups": 4, "histories": 0.5},
}


@pytest.fixture(scope="module")
def run(syllables: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A finished run on a feature that has a graph."""
    folder = tmp_path_factory.mktemp("samples")
    os.environ["EMOTONE_CACHE"] = str(folder / "cache")
    with pytest.MonkeyPatch.context() as patch:
        entry = SimpleNamespace(load=lambda: WaveformFrames)
        patch.setitem(features.shelf._entry_points, "waveform_frames", entry)
        content = {**RECIPE, "data": {"corpora": [str(syllables)], "folds": 2}}
        experiment.train(recipes.parse(content), out=folder / "run", keep_folds=True)
        yield folder / "run"


def facts(file: Path) -> dict[str, Any]:
    (entry,) = onnx.load(file).metadata_props
    found: dict[str, Any] = json.loads(entry.value)
    return found


def test_the_model_of_a_run_takes_samples_and_predicts_what_was_tested(run: Path) -> None:
    predictions = Run(run).predictions
    files = {row.key: row.file for row in Run(run).utterances or []}
    for fold in np.unique(predictions.fold).tolist():
        model = open_model(run / "folds" / fold / "model.onnx", 1)
        assert isinstance(model, SpeechModel)
        own = predictions.take(predictions.fold == fold)
        for key, log_probs in list(zip(own.key.tolist(), own.log_probs, strict=True))[:4]:
            samples = read(files[key])
            samples = samples[: len(samples) // 16 * 16]
            pieces = model.features(samples, [(0.0, len(samples) / 16000)])
            np.testing.assert_allclose(np.exp(model.log_probabilities(pieces)[0]), np.exp(log_probs), atol=2e-3)


def test_the_adaptation_is_in_the_space_of_the_embedding(run: Path) -> None:
    adaptation = facts(run / "model" / "model.onnx")["adaptation"]
    assert np.shape(adaptation["average"]) == (6,)
    assert np.shape(adaptation["emotion_shifts"]) == (3, 6)
    assert np.abs(adaptation["emotion_shifts"]).max() > 0.01
    assert facts(run / "model" / "model.onnx")["frame_step_s"] == pytest.approx(0.1)


def test_a_single_model_of_samples_is_written_with_its_calibration_alone(run: Path, tmp_path: Path) -> None:
    out = deploy.export(run, tmp_path / "out.onnx", title="shipped")
    before, after = onnx.load(run / "model" / "model.onnx"), onnx.load(out)
    assert before.graph == after.graph
    found = facts(out)
    assert (found["title"], found["format"]) == ("shipped", 6)
    assert {"all"} <= set(found["label_sets"])
    table = Run(run).utterances
    assert table is not None
    assert load_model(out, gate=False).predict(table[0].file).scores
    with pytest.raises(UnknownName, match="int4"):
        deploy.export(run, tmp_path / "out.onnx", weights="int4")


def test_rounded_weights_change_a_probability_by_what_is_stated(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moved(graph: onnx.ModelProto) -> onnx.ModelProto:
        (bias,) = (tensor for tensor in graph.graph.initializer if tensor.name.endswith("out.bias"))
        numbers = onnx.numpy_helper.to_array(bias) + np.float32([1, 0, 0])
        bias.CopyFrom(onnx.numpy_helper.from_array(numbers, bias.name))
        return graph

    monkeypatch.setattr(onnx_weights, "quantised", moved)
    same = deploy.export(run, tmp_path / "same.onnx", weights="float16")
    other = deploy.export(run, tmp_path / "other.onnx", weights="int8")
    assert deploy.probability_change(run, same) == 0  # half precision only where it is exact
    assert (deploy.probability_change(run, other) or 0) > 0.05
