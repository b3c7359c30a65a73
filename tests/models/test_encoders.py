"""Pretrained encoders, on tiny checkpoints in the real format: as the originals, kept by their weights, or refused."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from emotone import models
from emotone.audio.folder import sound_files
from emotone.audio.read import AudioSettings
from emotone.data.utterance import Table, Utterance
from emotone.errors import ModelError
from emotone.experiments import train as experiment
from emotone.features import make
from emotone.features.extraction import cache as blocks
from emotone.features.extraction import extract as extraction
from emotone.inference.predictor import load_model
from emotone.models.pretrained import checkpoints, encoders
from emotone.models.pretrained.optional import transformers
from tests.helpers.checkpoints import KINDS, STABLE, recipe, sound, write_checkpoint


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: write_checkpoint(tmp_path_factory.mktemp("checkpoint"), kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_states_are_those_of_transformers(kind: str, folders: dict[str, Path]) -> None:
    module, folder, clip = transformers(), folders[kind], sound(9000)
    inputs = module.AutoFeatureExtractor.from_pretrained(folder)(clip, sampling_rate=16_000, return_tensors="pt")
    core = module.AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        if kind == "whisper":
            states = core.get_encoder()(inputs.input_features, output_hidden_states=True)
        else:
            states = core(inputs.input_values, output_hidden_states=True)
    for layer, expected in (
        ("last", states.last_hidden_state),
        (3, states.last_hidden_state),
        (1, states.hidden_states[1]),
    ):
        ours = make("encoder", checkpoint=str(folder), layer=layer, pooling="none").extract(clip, 16_000)
        assert len(ours) == (29 if kind == "whisper" else 27)  # ceil(9000 / 320), or what 400 of every 320 leave
        np.testing.assert_allclose(ours, expected[0, : len(ours)], atol=1e-5)
    pooled = make("encoder", checkpoint=str(folder), pooling="mean_std").extract(clip, 16_000)
    last = states.last_hidden_state[0, : len(ours)].numpy()
    np.testing.assert_allclose(pooled, np.concatenate([last.mean(axis=0), last.std(axis=0)]), atol=1e-5)


def test_a_clip_longer_than_the_input_of_whisper_is_encoded_in_pieces(folders: dict[str, Path]) -> None:
    feature, clip = make("encoder", checkpoint=str(folders["whisper"]), pooling="none"), sound(40_000)
    pieces = [feature.extract(clip[first : first + 16_000], 16_000) for first in range(0, 40_000, 16_000)]
    np.testing.assert_allclose(feature.extract(clip, 16_000), np.concatenate(pieces), atol=1e-5)


def damaged(folder: Path, target: Path, damage: Callable[[Path], Any]) -> Path:
    shutil.copytree(folder, target)
    damage(target)
    return target


def _cut(folder: Path) -> None:
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])


def _other_size(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 48}), encoding="utf-8")


def _other_names(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file({f"body.{key}": value for key, value in weights.items()}, folder / "model.safetensors", {"format": "pt"})


def _pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"weight": Path("code that would run")}, folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "config.json").unlink(), "no config.json in"),
        (lambda folder: (folder / "config.json").write_text("{", encoding="utf-8"), "not readable as JSON"),
        (
            lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'),
            "not a supported speech encoder; use a checkpoint of data2vec-audio",
        ),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "no preprocessor_config.json in"),
        (lambda folder: (folder / "model.safetensors").unlink(), "`hf download"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"no weights"), "not a safetensors file"),
        (_cut, "the download was interrupted, download it again"),
        (_other_size, "not readable as a hubert encoder"),
        (_other_names, "weights of a hubert are absent"),
        (_pickle, "not readable as a hubert encoder"),
    ],
)
def test_a_bad_checkpoint_is_one_clear_line(
    damage: Callable[[Path], Any], words: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = damaged(folders["hubert"], tmp_path / "bad", damage)
    with pytest.raises(ModelError) as caught:
        encoders.load(checkpoints.find(str(folder)))
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_the_error_for_an_absent_checkpoint_names_the_command_that_downloads_it(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    for name in ("facebook/wav2vec2-xls-r-300m", "xls-r-300m"):
        with pytest.raises(
            ModelError, match="download it with `hf download facebook/wav2vec2-xls-r-300m`, or set checkpoint"
        ):
            checkpoints.find(name)
    with pytest.raises(ModelError, match="/nowhere is not a folder; set checkpoint to"):
        checkpoints.find("/nowhere")
    with pytest.raises(ModelError, match="layers 0 to 3, no layer 4; set layer"):
        _ = make("encoder", checkpoint="random:wavlm", layer=4).identity
    repository = tmp_path / "models--facebook--wav2vec2-xls-r-300m"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("c0ffee", encoding="utf-8")
    shutil.copytree(folders["wav2vec2"], repository / "snapshots" / "c0ffee")
    assert checkpoints.find("xls-r-300m").identity == "facebook/wav2vec2-xls-r-300m@c0ffee"


def test_checkpoints_as_older_versions_wrote_them_are_read(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "old"
    shutil.copytree(folders["wav2vec2"], folder)
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    weights = load_file(folder / "model.safetensors")
    for new, old in names.items():
        weights = {key.replace(new, old): value for key, value in weights.items()}
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    clip = sound(8000)
    old_states, states = (
        make("encoder", checkpoint=str(one)).extract(clip, 16_000) for one in (folder, folders["wav2vec2"])
    )
    np.testing.assert_array_equal(old_states, states)


def test_other_weights_under_the_same_name_are_other_features(
    folders: dict[str, Path], syllables: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "same"
    shutil.copytree(folders["hubert"], folder)
    file = next(sound_files(syllables.parent))
    table = Table([Utterance("synthetic", "one", file, "sad", "synthetic/1")])
    feature = make("encoder", checkpoint=str(folder))
    first = extraction.extract(table, feature, AudioSettings(), cache=blocks.folder())[0]
    weights = load_file(folder / "model.safetensors")
    save_file({key: value * 1.5 for key, value in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    second = extraction.extract(table, feature, AudioSettings(), cache=blocks.folder())[0]
    assert np.abs(second - first).max() > 1e-3


def test_a_process_loads_an_encoder_once(
    folders: dict[str, Path], syllables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, load = [], encoders.load
    monkeypatch.setattr(
        encoders, "load", lambda checkpoint, *window: loaded.append(checkpoint.name) or load(checkpoint, *window)
    )
    files = list(sound_files(syllables.parent))[:4]
    table = Table([Utterance("synthetic", file.stem, file, "sad", "synthetic/1") for file in files])
    feature = pickle.loads(pickle.dumps(make("encoder", checkpoint=str(folders[STABLE]))))  # as it reaches a worker
    assert len(extraction.extract(table, feature, AudioSettings(), cache=None, workers=1)) == 4
    assert loaded == [str(folders[STABLE])]


def test_a_frozen_encoder_with_a_linear_model_predicts_with_the_same_weights_only(
    folders: dict[str, Path], syllables: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(folders["hubert"], folder)
    feature = {"name": "encoder", "checkpoint": str(folder)}
    experiment.train(recipe(syllables, feature, "linear_svm"), out=tmp_path / "run")
    clip = next(sound_files(syllables.parent))
    assert sum(load_model(tmp_path / "run").predict(clip).scores.values()) == pytest.approx(1)
    weights = load_file(folder / "model.safetensors")
    save_file({key: value * 2 for key, value in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="their checkpoint is now"):
        load_model(tmp_path / "run")


def test_every_known_checkpoint_has_a_licence() -> None:
    assert all("/" in one.hub_id and one.licence for one in checkpoints.KNOWN.values())
    found = checkpoints.Checkpoint("audeering-msp-dim", None, {"model_type": "wav2vec2"}, {})
    assert "CC-BY-NC-SA-4.0" in found.caveats[0]
    assert "msp_podcast" in found.caveats[0]
    assert models.make("fine_tuned_encoder", checkpoint="x").takes == ("waveform",)


def padded(clips: list[Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """(batch, samples) with zeros after the shorter clips, and (batch,) lengths."""
    batch = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(clip) for clip in clips], batch_first=True)
    return batch, torch.tensor([clip.size for clip in clips])


@pytest.mark.parametrize("layer", ["last", 0, 2, (1, 3)])
def test_a_clip_as_its_own_window_is_the_same_alone_and_in_a_batch(layer: Any, folders: dict[str, Path]) -> None:
    encoder = encoders.load(checkpoints.find(str(folders["whisper"])), "clip")  # of pieces of 1 s
    for sizes in ((1, 400, 3_001, 8_000), (8_000, 16_000, 37_000, 150)):
        clips = [sound(size, seed) for seed, size in enumerate(sizes)]
        with torch.inference_mode():
            states, frames = encoder(*padded(clips), layer)
        assert frames is not None
        assert frames.tolist() == [-(-size // 320) for size in sizes]
        assert torch.isfinite(states).all()
        for clip, state, count in zip(clips, states, frames.tolist(), strict=True):
            np.testing.assert_allclose(state[:count].numpy(), encoder.encode(clip, layer), atol=1e-5)


def test_a_clip_as_its_own_window_passes_the_layers_of_transformers(folders: dict[str, Path]) -> None:
    found, clip = checkpoints.find(str(folders["whisper"])), sound(6_400)
    encoder: Any = encoders.load(found, "clip")
    core, gelu = encoder.core, torch.nn.functional.gelu
    extractor = transformers().WhisperFeatureExtractor.from_pretrained(folders["whisper"])
    power = np.abs(np.stack([_spectrum(clip, first) for first in range(0, 6_400, 160)])) ** 2
    mels = np.log10(np.maximum(power @ extractor.mel_filters, 1e-10)).T
    mels = (np.maximum(mels, mels.max() - 8) + 4) / 4
    with torch.inference_mode():
        hidden = gelu(core.conv2(gelu(core.conv1(torch.tensor(mels[None], dtype=torch.float32))))).mT
        hidden = hidden + core.embed_positions.weight[:20]
        for number, layer in enumerate(core.layers):
            np.testing.assert_allclose(encoder.encode(clip, number), hidden[0], atol=1e-4)
            hidden = layer(hidden, None)
        np.testing.assert_allclose(encoder.encode(clip), core.layer_norm(hidden)[0], atol=1e-4)


def _spectrum(clip: Any, first: int) -> Any:
    """Of the 400 samples around one, windowed."""
    return np.fft.rfft(np.pad(clip, 200)[first : first + 400] * np.hanning(401)[:400])


@pytest.mark.parametrize("kind", KINDS)
def test_several_layers_are_normalised_and_averaged(kind: str, folders: dict[str, Path]) -> None:
    clip, settings = sound(9000), {"checkpoint": str(folders[kind]), "pooling": "none"}
    states = [make("encoder", layer=layer, **settings).extract(clip, 16_000).astype(float) for layer in (1, 2)]
    normed = [
        (state - state.mean(axis=1, keepdims=True)) / np.sqrt(state.var(axis=1, keepdims=True) + 1e-5)
        for state in states
    ]
    feature = make("encoder", layer=[1, 2], **settings)
    np.testing.assert_allclose(feature.extract(clip, 16_000), np.mean(normed, axis=0), atol=1e-4)
    assert feature.model_dump(mode="json")["layer"] == [1, 2]
    with pytest.raises(ModelError, match="layers 0 to 3, no layer 4; set layer"):
        _ = make("encoder", layer=[1, 4], **settings).identity
    with pytest.raises(ValueError, match="layer"):
        make("encoder", layer=[], **settings)


@pytest.mark.parametrize("seconds", [None, "clip"])
def test_layers_above_the_one_asked_for_are_not_computed(seconds: Any, folders: dict[str, Path]) -> None:
    for kind in KINDS:
        encoder = encoders.load(checkpoints.find(str(folders[kind])), seconds)
        passed: list[int] = []
        for layer in encoder.transformer:
            layer.register_forward_hook(lambda layer, *_, passed=passed: passed.append(id(layer)))
        encoder.encode(sound(4_000), 2)
        assert passed == [id(layer) for layer in encoder.transformer[:2]]


def test_a_clip_as_its_own_window_can_be_fine_tuned(folders: dict[str, Path]) -> None:
    for schedule in ("all", "lora"):
        model = models.make(
            "fine_tuned_encoder", checkpoint=str(folders["whisper"]), seconds="clip", schedule=schedule, layer_drop=0.5
        )
        module = model.build((8_000,), 3).train()
        torch.manual_seed(1)  # decides which layers are dropped
        module(*padded([sound(8_000), sound(4_100)])).square().sum().backward()
        weights = [weight for weight in module.parameters() if weight.requires_grad and weight.grad is not None]
        assert len(weights) > 2
        assert all(torch.isfinite(weight.grad).all() for weight in weights if weight.grad is not None)
