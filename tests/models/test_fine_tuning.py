"""Fine-tuned encoders: what a schedule trains, at which rate, with padding, and what a run keeps of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from emotone.audio.folder import sound_files
from emotone.errors import ModelError
from emotone.experiments import train as experiment
from emotone.inference.predictor import load_model
from emotone.models.fine_tuned_encoder import FineTunedEncoder
from emotone.training import onnx_export as export
from emotone.training.examples import Epoch, Examples
from emotone.training.fit import FittedNetwork, fit
from emotone.training.settings import TrainingSettings
from tests.helpers.checkpoints import KINDS, STABLE, recipe, sound, write_checkpoint

TRAINING = TrainingSettings(epochs=2, batch=2, learning_rate=1e-2, weight_decay=0, patience=0, precision="fp32")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: write_checkpoint(tmp_path_factory.mktemp("checkpoint"), kind) for kind in KINDS}


class Clips:
    """Sounds in memory, in the form that training reads."""

    def __init__(self, sounds: list[NDArray[np.float32]]) -> None:
        self.sounds = sounds
        self.lengths = np.array([len(one) for one in sounds])
        self.shape = (int(self.lengths.max()),)

    def dense(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        raise NotImplementedError

    def padded(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        batch = np.zeros((len(rows), int(self.lengths[rows].max())), dtype=np.float32)
        for place, row in enumerate(rows):
            batch[place, : self.lengths[row]] = self.sounds[row]
        return batch, self.lengths[rows]


CLIPS = Clips([sound(samples, seed) for seed, samples in enumerate((6000, 3000, 4500, 8000))])
LABELS = np.array([0, 1, 0, 1])


def tuned(
    folder: Path, training: TrainingSettings = TRAINING, **settings: Any
) -> tuple[FineTunedEncoder, FittedNetwork]:
    """A few steps on four clips."""
    model = FineTunedEncoder(checkpoint=str(folder), **settings)
    sides = [Examples(CLIPS, LABELS, np.arange(4))] * 2
    fitted = fit(model, *sides, 2, training, seed=0)
    assert isinstance(fitted, FittedNetwork)
    return model, fitted


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooling", ["mean_std", "attention"])
def test_padding_changes_no_score(kind: str, pooling: str, folders: dict[str, Path]) -> None:
    model = FineTunedEncoder(checkpoint=str(folders[kind]), layer="mixture", pooling=pooling)
    module = model.build(CLIPS.shape, 3).eval()
    values, lengths = CLIPS.padded(np.arange(4))
    rubbish = values + 5.0 * (np.arange(values.shape[1]) >= lengths[:, None])
    with torch.inference_mode():
        alone = torch.cat([module(torch.as_tensor(one)[None]) for one in CLIPS.sounds])
        for padded in (values, rubbish.astype(np.float32)) if kind != "whisper" else (values,):
            together = module(torch.as_tensor(padded), torch.as_tensor(lengths))
            np.testing.assert_allclose(together, alone, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_two_steps_of_training_are_kept_and_loaded_again(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    model, fitted = tuned(folders[kind])
    assert fitted.curve[1].train_loss != fitted.curve[0].train_loss
    export.save_weights(fitted, tmp_path / "weights.safetensors")
    again = model.build(CLIPS.shape, 2).eval()
    state = load_file(tmp_path / "weights.safetensors")
    again.load_state_dict({key.removeprefix("network."): state[key] for key in state if key.startswith("network.")})
    with torch.inference_mode():
        values, lengths = CLIPS.padded(np.arange(4))
        scores = again(torch.as_tensor(values), torch.as_tensor(lengths))
    np.testing.assert_allclose(scores, fitted.logits(CLIPS, np.arange(4)), atol=1e-5)
    np.testing.assert_array_equal(
        fitted.logits(CLIPS, np.arange(4)), tuned(folders[kind])[1].logits(CLIPS, np.arange(4))
    )


def changed(folder: Path, **settings: Any) -> set[str]:
    """Names of the weights of an encoder that training moved."""
    model, fitted = tuned(folder, **settings)
    torch.manual_seed(0)
    fresh, after = model.build(CLIPS.shape, 2).state_dict(), fitted.module.state_dict()
    return {name for name in fresh if not torch.equal(fresh[name], after[f"network.{name}"])}


@pytest.mark.parametrize("kind", ["wav2vec2", "whisper"])
def test_what_a_schedule_freezes_stays_as_it_was(kind: str, folders: dict[str, Path]) -> None:
    layers = "encoder.core.layers" if kind == "whisper" else "encoder.core.encoder.layers"
    convolutions = ("encoder.core.conv", "encoder.core.embed_positions", "encoder.core.feature_extractor")
    none = {name for name in changed(folders[kind], schedule="frozen") if name.startswith("encoder")}
    top = {name for name in changed(folders[kind], schedule="top", layers=2) if name.startswith("encoder")}
    every = changed(folders[kind], schedule="all")
    assert not none
    assert {name[: len(layers) + 2] for name in top if name.startswith(layers)} == {f"{layers}.1", f"{layers}.2"}
    assert all(name.startswith(layers) or "layer_norm" in name for name in top)
    assert {f"{layers}.{number}" for number in range(3)} <= {name[: len(layers) + 2] for name in every}
    assert not any(name.startswith(convolutions) for name in every)
    assert "out.weight" in every


def test_gradual_unfreezing_adds_a_layer_from_the_top(folders: dict[str, Path]) -> None:
    model = FineTunedEncoder(checkpoint=str(folders[STABLE]), schedule="gradual", epochs_per_layer=2)
    module: Any = model.build(CLIPS.shape, 2)
    groups = model.parameter_groups(module)
    for epoch, learning in ((1, []), (2, []), (3, [2]), (5, [1, 2]), (7, [0, 1, 2]), (9, [0, 1, 2])):
        model.on_epoch(module, epoch)
        layers = [all(weight.requires_grad for weight in layer.parameters()) for layer in module.encoder.transformer]
        assert [number for number, learns in enumerate(layers) if learns] == learning
        assert module.encoder.core.feature_projection.projection.weight.requires_grad == (epoch == 9)
        assert not any(weight.requires_grad for weight in module.encoder.core.feature_extractor.parameters())
        assert module.out.weight.requires_grad
    held = {id(weight) for weights, _ in groups for weight in weights}
    assert {id(weight) for weight in module.parameters() if weight.requires_grad} == held


@pytest.mark.parametrize("kind", ["wavlm", "hubert", "whisper"])
def test_lora_trains_all_of_its_adapters_and_nothing_else(kind: str, folders: dict[str, Path]) -> None:
    moved = changed(folders[kind], schedule="lora", lora_rank=2)
    inside = {name for name in moved if name.startswith("encoder")}
    assert inside
    assert all("lora_" in name for name in inside)
    module = FineTunedEncoder(checkpoint=str(folders[kind]), schedule="lora", lora_rank=2).build(CLIPS.shape, 2)
    assert inside == {name for name, weight in module.named_parameters() if weight.requires_grad and "lora_" in name}


def test_lower_layers_learn_slower_and_the_head_faster(folders: dict[str, Path]) -> None:
    model = FineTunedEncoder(checkpoint=str(folders["hubert"]), layer_decay=0.5, head_rate=10)
    module: Any = model.build(CLIPS.shape, 2)
    factors = {id(weight): factor for weights, factor in model.parameter_groups(module) for weight in weights}
    assert [factors[id(layer.attention.k_proj.weight)] for layer in module.encoder.transformer] == [0.25, 0.5, 1.0]
    assert factors[id(module.out.weight)] == 10
    assert factors[id(module.encoder.core.feature_projection.projection.weight)] == 0.125


def test_gradient_checkpointing_changes_no_gradient(folders: dict[str, Path]) -> None:
    kept = [
        tuned(folders["wavlm"], masking=False, gradient_checkpointing=twice)[1].logits(CLIPS, np.arange(4))
        for twice in (False, True)
    ]
    np.testing.assert_allclose(*kept, atol=1e-5)


def test_a_resumed_training_equals_an_unbroken_one(folders: dict[str, Path], tmp_path: Path) -> None:
    settings = TRAINING.model_copy(update={"epochs": 3, "batch_frames": 12_000, "scheduler": "linear", "warmup": 0.2})
    model = FineTunedEncoder(checkpoint=str(folders["wav2vec2"]), schedule="gradual")  # dropout and masking are random
    sides = [Examples(CLIPS, LABELS, np.arange(4))] * 2

    def stop(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    unbroken = fit(model, *sides, 2, settings, seed=0)
    assert not fit(model, *sides, 2, settings, seed=0, checkpoint=tmp_path / "c.pt", on_epoch=stop).finished
    np.random.seed(7)  # nothing may come from numpy's global generator
    resumed = fit(model, *sides, 2, settings, seed=0, checkpoint=tmp_path / "c.pt")
    first, second = (one.log_probabilities(CLIPS, np.arange(4)) for one in (unbroken, resumed))
    np.testing.assert_array_equal(first, second)
    assert [line.train_loss for line in unbroken.curve] == [line.train_loss for line in resumed.curve]


def test_a_run_with_a_fine_tuned_encoder_predicts_without_it(
    folders: dict[str, Path], syllables: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(folders["wav2vec2"], folder)
    model = {"name": "fine_tuned_encoder", "checkpoint": str(folder)}
    run = experiment.train(recipe(syllables, "waveform", model), out=tmp_path / "run")
    assert run.scores["not_exported"] == ""
    assert run.read_json("environment.json")["parity"] < 1e-4
    assert run.scores["caveats"] == []
    shutil.rmtree(folder)  # the model holds the encoder
    clip = next(sound_files(syllables.parent))
    prediction = load_model(tmp_path / "run").predict(clip)
    assert sum(prediction.scores.values()) == pytest.approx(1)
    assert not list((tmp_path / "run").rglob("*.pt"))


def test_a_run_with_random_weights_says_so_and_one_without_export_finishes(
    syllables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FineTunedEncoder, "no_export", lambda self, module: "its weights are 9.9 GB")
    model = {"name": "fine_tuned_encoder", "checkpoint": "random:hubert", "schedule": "frozen"}
    run = experiment.train(recipe(syllables, "waveform", model), out=tmp_path / "run")
    assert run.scores["title"] == "tiny [untrained, not a result]"
    assert "random weights" in run.scores["caveats"][0]
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "There is no exported model: its weights are 9.9 GB" in page
    assert "random weights" in page
    with pytest.raises(ModelError, match=r"no exported model in .*: its weights are 9\.9 GB"):
        load_model(tmp_path / "run")
    assert (tmp_path / "run" / "model" / "weights.safetensors").is_file()
