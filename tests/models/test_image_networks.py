"""Networks for spectrogram images: what each part does, where weights come from, and how they are exported."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from emotone import models
from emotone.audio.synthetic import syllables
from emotone.augment import Augmentation
from emotone.errors import ModelError, RecipeError
from emotone.models.cnn_blstm_attention import CnnBlstmAttention
from emotone.models.image_backbone import ImageBackbone
from emotone.models.layers.pooling import AttentionPool
from emotone.models.pretrained import imagenet as _imagenet
from emotone.runs import recipe as recipes
from emotone.runs.recipe import Recipe
from emotone.training import onnx_export as export
from emotone.training.examples import Examples
from emotone.training.fit import FittedNetwork, fit
from emotone.training.onnx_export import ModelMetadata
from emotone.training.settings import TrainingSettings
from tests.conftest import REPOSITORY
from tests.helpers.arrays import Arrays, examples, spectrograms

EMOTIONS = ("angry", "neutral", "sad")
SIZE, CLIPS = 32, 8

torchvision = pytest.importorskip("emotone.models.pretrained.optional").torchvision


@pytest.fixture(autouse=True)
def _with_torchvision() -> None:
    pytest.importorskip("PIL", reason="torchvision and Pillow come together")
    torchvision()


@lru_cache(maxsize=1)
def synthetic_images() -> tuple[Arrays, NDArray[np.int64]]:
    """Images of synthetic speech, as in the UTBM recipes, but small."""
    recipe = small(REPOSITORY / "recipes" / "utbm" / "cnn.yaml")
    feature = recipe.make_feature()
    clips = [
        feature.extract(recipe.audio(syllables(EMOTIONS[clip % 3], speaker=clip, seconds=0.4)), 16_000)
        for clip in range(CLIPS)
    ]
    return Arrays(np.stack(clips)), np.arange(CLIPS) % 3


def small(path: Path) -> Recipe:
    """A recipe sized down, with random weights in place of pretrained ones."""
    changes = [f"feature.size={SIZE}", "feature.mels=32", "audio.seconds=1", "training.batch=4", "training.epochs=1"]
    changes.append("training.precision=fp32")
    model = recipes.load(path).model
    if model.name == "image_backbone":
        changes.append("model.weights=random")
    elif model.settings["channels"]:
        changes.append("model.channels=[4, 8]")
    return recipes.load(path, changes)


def fitted(recipe: Recipe, clips: Arrays, labels: NDArray[np.int64], **more: Any) -> FittedNetwork:
    rows = np.arange(len(labels))
    train, development = Examples(clips, labels, rows), Examples(clips, labels, rows)
    made = fit(recipe.make_model(), train, development, 3, recipe.training, seed=0, **more)
    assert isinstance(made, FittedNetwork)
    return made


def test_the_recurrent_network_is_exported_for_any_number_of_clips(tmp_path: Path) -> None:
    recipe = small(REPOSITORY / "recipes" / "utbm" / "cnn-blstm-attention.yaml")
    clips, labels = synthetic_images()
    made = fitted(recipe, clips, labels)
    facts = ModelMetadata(
        title="x", classes=EMOTIONS, audio=recipe.audio, feature={}, trained_on=("synthetic",), protocol="speakers"
    )
    assert export.export(made, recipe.make_model(), facts, tmp_path / "m.onnx", clips, np.arange(2)) < 1e-5
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    for count in (1, 5):
        (out,) = session.run(None, {"values": clips.values[:count]})
        np.testing.assert_allclose(out, made.log_probabilities(clips, np.arange(count)), atol=1e-5)


def test_attention_weights_sum_to_one_over_the_frames_of_each_clip() -> None:
    torch.manual_seed(0)
    pool, frames = AttentionPool(6, 4), torch.randn(3, 10, 6)
    lengths = torch.tensor([10, 4, 1])
    weights = pool.weights(frames, lengths)[..., 0]
    assert weights.sum(dim=1).tolist() == pytest.approx([1, 1, 1], abs=1e-6)
    assert (weights[1, 4:] == 0).all()
    assert (weights[1, :4] > 0).all()
    changed = frames.clone()
    changed[1, 4:] = 9
    torch.testing.assert_close(pool(changed, lengths), pool(frames, lengths))
    torch.testing.assert_close(pool(frames[1:2, :4], None)[0], pool(frames, lengths)[1])


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ({}, {"Conv2d", "LSTM", "Tanh", "Dropout"}),
        ({"channels": ()}, {"LSTM", "Tanh", "Dropout"}),
        ({"recurrent": "none"}, {"Conv2d", "Tanh", "Dropout"}),
        ({"attention": 0}, {"Conv2d", "LSTM", "Dropout"}),
        ({"recurrent": "none", "attention": 0}, {"Conv2d", "Dropout"}),
    ],
)
def test_a_part_that_is_left_out_is_not_there(settings: dict[str, Any], kinds: set[str]) -> None:
    module = CnnBlstmAttention(**settings).build((3, 32, 32), 7)
    known = {"Conv2d", "LSTM", "Tanh", "Dropout"}
    assert {type(layer).__name__ for layer in module.modules()} & known == kinds
    assert module(torch.rand(2, 3, 32, 32)).shape == (2, 7)
    assert module.eval()(torch.rand(1, 3, 32, 32), torch.tensor([3])).shape == (1, 7)


def test_without_dropout_training_and_evaluation_differ_by_batch_norm_alone() -> None:
    module = CnnBlstmAttention(dropout=0.0, channels=()).build((3, 16, 16), 3)
    pictures = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(module.train()(pictures), module.eval()(pictures))


def test_a_blstm_without_attention_hands_on_the_last_state_of_each_direction() -> None:
    module: Any = CnnBlstmAttention(channels=(), attention=0, hidden=5).build((3, 4, 6), 3).eval()
    pictures = torch.rand(2, 3, 4, 6)
    columns = pictures.permute(0, 3, 1, 2).flatten(2)
    _, (state, _) = module.recurrent.layers(columns)
    torch.testing.assert_close(module(pictures), module.out(torch.cat([state[0], state[1]], dim=1)))


def test_a_sequence_is_a_picture_of_one_channel() -> None:
    module = CnnBlstmAttention(channels=(4,)).build((20, 16), 3).eval()
    frames = torch.rand(2, 20, 16)
    torch.testing.assert_close(module(frames), module(frames.transpose(1, 2).unsqueeze(1)))


def test_nothing_left_to_read_the_picture_is_refused() -> None:
    with pytest.raises(RecipeError, match="no layer processes the image"):
        recipes.load(
            REPOSITORY / "recipes" / "utbm" / "cnn.yaml",
            ["model={name: cnn_blstm_attention, channels: [], recurrent: none}"],
        )


def test_l2_is_what_weight_decay_is_to_plain_gradient_descent() -> None:
    values, labels = spectrograms()
    sgd = TrainingSettings(epochs=2, batch=8, patience=0, precision="fp32", optimizer="sgd", learning_rate=0.05)
    weights = []
    for change in ({"l2": 0.05, "weight_decay": 0.0}, {"l2": 0.0, "weight_decay": 0.1}, {"weight_decay": 0.0}):
        settings = sgd.model_copy(update={**change, "clip_norm": None})
        cnn = models.make("cnn", channels=(4,), dropout=(0.0,))
        made = fit(cnn, examples(values, labels, 0, 36), examples(values, labels, 36, 48), 3, settings, seed=0)
        assert isinstance(made, FittedNetwork)
        weights.append(torch.cat([weight.flatten() for weight in made.module.parameters()]))
    torch.testing.assert_close(weights[0], weights[1], atol=1e-5, rtol=1e-4)
    assert (weights[0] - weights[2]).abs().max() > 1e-2


def test_l2_pulls_on_the_layers_the_reports_name() -> None:
    family: Any = CnnBlstmAttention(channels=(4, 8)).build((3, 32, 32), 3)
    assert [tuple(weight.shape) for weight in family.regularised()] == [(4, 3, 3, 3), (8, 4, 3, 3)]
    backbone: Any = ImageBackbone(backbone="mobilenet_v3_large", weights="random").build((3, 32, 32), 3)
    assert [tuple(weight.shape) for weight in backbone.regularised()] == [(128, 960), (64, 128)]


RECEIVED: list[float] = []


class Recording(Augmentation):
    """Records its input."""

    domains = ("image",)

    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        RECEIVED.append(float(values[0, 0, 0]))
        return values


def test_pictures_are_augmented_on_the_training_side_alone() -> None:
    pictures = np.random.default_rng(0).random((12, 3, 16, 16), dtype=np.float32)
    pictures[:, 0, 0, 0] = np.arange(12) / 16
    labels = np.arange(12) % 3
    RECEIVED.clear()
    settings = TrainingSettings(epochs=2, batch=4, patience=0, precision="fp32")
    train, development = (Examples(Arrays(pictures), labels, rows) for rows in (np.arange(6), np.arange(6, 12)))
    made = fit(
        CnnBlstmAttention(channels=(4,), hidden=4), train, development, 3, settings, seed=0, augmentations=[Recording()]
    )
    made.log_probabilities(Arrays(pictures), np.arange(12))
    assert sorted(RECEIVED) == sorted([clip / 16 for clip in range(6)] * 2)


@pytest.mark.parametrize(("how", "shape"), [("all", (1, 1, 1)), ("band", (3, 1, 1))])
def test_pictures_are_scaled_as_a_whole_or_by_channel(how: str, shape: tuple[int, ...]) -> None:
    pictures = np.random.default_rng(0).random((6, 3, 8, 10), dtype=np.float32) * np.array([1, 5, 9])[:, None, None]
    clips = Examples(Arrays(pictures.astype(np.float32)), np.arange(6) % 3, np.arange(6))
    settings = TrainingSettings(epochs=1, batch=6, precision="fp32")
    made = fit(CnnBlstmAttention(channels=(4,), hidden=4, standardise=how), clips, clips, 3, settings, seed=0)
    assert isinstance(made, FittedNetwork)
    axes = (0, 2, 3) if how == "band" else (0, 1, 2, 3)
    mean, scale = (getattr(made.module, name).numpy() for name in ("mean", "scale"))
    assert mean.shape == shape
    np.testing.assert_allclose(mean, pictures.mean(axis=axes, keepdims=True)[0], rtol=1e-4)
    np.testing.assert_allclose(scale, pictures.std(axis=axes, keepdims=True)[0], rtol=1e-3)


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v3_large"])
def test_a_backbone_is_the_network_of_torchvision_up_to_its_average(name: Any) -> None:
    torch.manual_seed(0)
    whole = getattr(torchvision().models, name)(weights=None).eval()
    backbone, dims = _imagenet.make_backbone(name, whole.state_dict())
    for head in ("fc", "classifier"):
        if hasattr(whole, head):
            setattr(whole, head, nn.Identity())
    pictures = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        maps = backbone.eval()(pictures)
        torch.testing.assert_close(maps.mean(dim=(2, 3)), whole(pictures))
    assert maps.shape[1] == dims


@pytest.mark.parametrize(
    ("path", "last", "next_"),
    [
        ("vgg19", "23", "25"),  # block4_conv3 of Keras, and block4_conv4
        ("resnet50", "layer1.0.downsample.0", "layer1.1.conv1"),
        ("mobilenetv3", "2.block.0.0", "2.block.1.0"),
    ],
)
def test_the_first_15_layers_of_keras_are_these(path: str, last: str, next_: str) -> None:
    module: Any = small(REPOSITORY / "recipes" / "utbm" / f"{path}.yaml").make_model()
    backbone = module.build((3, SIZE, SIZE), 3).backbone
    names = [name for name, layer in backbone.named_modules() if isinstance(layer, nn.Conv2d)]
    names = [name.removeprefix("features.") for name in names]
    frozen = [not layer.weight.requires_grad for layer in backbone.modules() if isinstance(layer, nn.Conv2d)]
    place = frozen.index(False)
    assert not any(frozen[place:])
    assert (names[place - 1], names[place]) == (last, next_)


def test_frozen_layers_stay_as_they_are_and_the_others_learn() -> None:
    recipe = small(REPOSITORY / "recipes" / "utbm" / "mobilenetv3.yaml")
    clips, labels = synthetic_images()
    network: Any = fitted(recipe, clips, labels).module.get_submodule("network")
    torch.manual_seed(0)
    fresh: Any = recipe.make_model()
    before, after = fresh.build((3, SIZE, SIZE), 3).backbone.state_dict(), network.backbone.state_dict()
    frozen = {
        f"features.{name}"
        for name in ("0.0.weight", "0.1.running_mean", "1.block.0.0.weight", "2.block.0.1.running_var")
    }
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert frozen <= same
    assert not {name for name in same if name.startswith(("features.3", "features.16")) and "weight" in name}


def test_a_last_batch_of_one_clip_is_learnt_from_too() -> None:
    head: Any = ImageBackbone(backbone="mobilenet_v3_large", weights="random").build((3, 64, 64), 3).train().head
    head(torch.rand(4, 960))
    assert torch.isfinite(head(torch.rand(1, 960))).all()


@pytest.fixture
def tiny_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict[str, torch.Tensor]]:
    """A file of weights in torchvision's form and place, made on the spot."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(3)
    state = torchvision().models.mobilenet_v3_large(weights=None).state_dict()
    path = tmp_path / "hub" / "checkpoints" / "mobilenet_v3_large-8738ca79.pth"
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    return path, state


def test_weights_come_from_the_cache_a_pth_or_safetensors(tiny_file: tuple[Path, dict[str, Any]]) -> None:
    path, state = tiny_file
    other = path.with_suffix(".safetensors")
    save_file(state, other)
    for weights in ("imagenet", str(path), str(other)):
        model = ImageBackbone(backbone="mobilenet_v3_large", weights=weights)
        model.identity  # noqa: B018
        module: Any = model.build((3, 64, 64), 3)
        assert torch.equal(module.backbone.state_dict()["features.16.0.weight"], state["features.16.0.weight"])
        assert model.caveats == []
    assert "not a result" in ImageBackbone(weights="random").caveats[0]


class Dangerous:
    def __reduce__(self) -> Any:
        return (print, ("this ran",))


def test_weights_that_are_absent_wrong_or_unsafe_are_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def no_network(*words: Any, **more: Any) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)

    def error_of(weights: str) -> str:
        with pytest.raises(ModelError) as caught:
            ImageBackbone(backbone="vgg19", weights=weights).build((3, 64, 64), 3)
        assert len(str(caught.value).splitlines()) == 1
        return str(caught.value)

    absent = error_of("imagenet")
    for words in ("vgg19-dcbb9e9d.pth is absent", "https://download.pytorch.org/models/vgg19", "--set model.weights="):
        assert words in absent
    assert "no file" in error_of(str(tmp_path / "nowhere.pth"))
    (tmp_path / "text.pth").write_text("not weights", encoding="utf-8")
    (tmp_path / "text.safetensors").write_text("not weights", encoding="utf-8")
    torch.save({"features.0.weight": Dangerous()}, tmp_path / "bad.pth")
    for name in ("text.pth", "text.safetensors", "bad.pth"):
        assert "read safely" in error_of(str(tmp_path / name))
    assert "this ran" not in capsys.readouterr().out
    torch.save({"features.0.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    assert "features.0.weight has the shape (2, 2), it must have the shape (64, 3, 3, 3)" in error_of(
        str(tmp_path / "other.pth")
    )


def test_transformers_still_imports_after_torchvision() -> None:
    pytest.importorskip("transformers")
    code = (
        "from emotone.models.pretrained.optional import torchvision\ntorchvision()\n"
        "import transformers.image_utils\nprint('imported')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "imported", done.stderr
