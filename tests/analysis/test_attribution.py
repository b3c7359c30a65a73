"""Attributions sum to the score they explain; attention weights are those of the layer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from torch import Tensor, nn

from emotone import models
from emotone.analysis.explain import attribution, saliency
from emotone.analysis.explain.attribution import MOST_STEPS, TOLERANCE, against_others, attribute
from emotone.audio.read import AudioSettings
from emotone.errors import ModelError
from emotone.models.layers.pooling import AttentionPool
from emotone.models.layers.shapes import as_image
from emotone.models.layers.standardised import Standardised
from emotone.models.linear.affine import Affine
from emotone.training import onnx_export as export
from emotone.training.fit import FittedLinear, FittedNetwork, fit
from emotone.training.onnx_export import ModelMetadata, load_weights, save_weights
from tests.helpers.arrays import SETTINGS, Arrays, clouds, examples, spectrograms

NETWORKS: dict[str, dict[str, Any]] = {
    "cnn": {"channels": (8, 16), "dropout": (0, 0)},
    "bigru_attention": {"layers": 1, "hidden": 8, "attention": 8},
    "cnn2d": {"channels": (8, 8), "pools": (2, 2), "lstm": 8, "attention": 8},
    "cnn_blstm_attention": {"channels": (8, 8), "hidden": 8, "attention": 8, "dense": 8},
    "residual_bigru": {"stem": 4, "channels": (4, 8, 8), "dims": 8, "attention": 8, "window": 16, "views": 1},
    "residual_bigru_1d": {"channels": 8, "dims": 8, "attention": 8, "window": 16, "views": 1},
    "spectrogram_transformer": {"patch": 4, "dims": 16, "layers": 1, "heads": 2},
}
FACTS = ModelMetadata(
    title="x", classes=("a", "b", "c"), audio=AudioSettings(), feature={}, trained_on=("x",), protocol="speakers"
)


def network(name: str, **training: Any) -> tuple[models.Model, FittedNetwork, NDArray[np.float32]]:
    """A network trained to detect the loud band."""
    model, (values, labels) = models.make(name, **NETWORKS[name]), spectrograms()
    settings = SETTINGS.model_copy(update={"learning_rate": 3e-3, "epochs": 6, **training})
    train = examples(values, labels, 0, 32)
    if settings.auxiliary:
        train = replace(train, levels=np.arange(48) % 2)
    fitted = fit(model, train, examples(values, labels, 32, 48), 3, settings, seed=0)
    assert isinstance(fitted, FittedNetwork)
    return model, fitted, values


def made(module: nn.Module, mean: float = 0.0) -> FittedNetwork:
    """A network as if it had been fitted."""
    behind = Standardised(module, np.full(1, mean, dtype=np.float32), np.ones(1, dtype=np.float32))
    return FittedNetwork(behind.eval(), 1.0, np.zeros((0, 2)), [])


def textures() -> tuple[NDArray[np.float32], NDArray[np.int64], list[tuple[int, int]]]:
    """(96, 32, 24) noise in which 8 frames x 8 bands hold a texture, which is the class; and where they begin."""
    rng, (along, across) = np.random.default_rng(0), np.mgrid[:8, :8]
    patterns = [2 * (cells % 2) - 1 for cells in (along // 2, across // 2, along // 2 + across // 2)]
    labels, values = np.arange(96) % 3, rng.normal(size=(96, 32, 24))
    corners = [(int(rng.integers(24)), int(rng.integers(16))) for _ in labels]
    for clip, (frame, band) in enumerate(corners):
        values[clip, frame : frame + 8, band : band + 8] += 2 * patterns[labels[clip]]
    return values.astype(np.float32), labels.astype(np.int64), corners


class Formula(nn.Module):
    """Logits of two classes: a formula of the clip, and nothing."""

    def __init__(self, formula: Any) -> None:
        super().__init__()
        self.formula = formula

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        score = self.formula(values)
        return torch.stack([score, torch.zeros_like(score)], dim=1)


@pytest.mark.parametrize("name", NETWORKS)
def test_integrated_gradients_sum_to_the_difference_of_the_scores(name: str) -> None:
    _, fitted, values = network(name)
    found = attribute(fitted, values[3], 0)
    fitted = replace(fitted, sharpness=fitted.sharpness / (found.score - found.baseline))  # a difference of 1
    found = attribute(fitted, values[3], 0)
    direction = against_others(3, 0)
    assert found.values.shape == values[3].shape
    assert found.score == pytest.approx(attribution.logits(fitted, values[3]) @ direction)
    mean = np.broadcast_to(fitted.module.get_buffer("mean").numpy(), values[3].shape).astype(np.float32)
    assert found.baseline == pytest.approx(attribution.logits(fitted, mean) @ direction, abs=1e-5)
    assert found.values.sum() == pytest.approx(1, abs=0.02)
    assert abs(found.gap) <= TOLERANCE * np.abs(found.values).sum()
    assert found.complete


def test_a_product_is_shared_by_its_factors_as_the_integral_says() -> None:
    fitted = made(Formula(lambda values: values[:, 0] * values[:, 1] ** 2), mean=0.0)
    found = attribute(fitted, np.array([2.0, 3.0], dtype=np.float32), 0)  # x y^2: x gets a third, y two thirds
    np.testing.assert_allclose(found.values, [18 / 3, 18 * 2 / 3], rtol=1e-3)


def test_input_that_a_network_does_not_use_contributes_nothing() -> None:
    fitted = made(Formula(lambda values: values[:, 5:9].tanh().sum(dim=(1, 2))), mean=0.5)
    clip = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    parts = attribute(fitted, clip, 0).values
    assert (parts[:5] == 0).all()
    assert (parts[9:] == 0).all()
    np.testing.assert_allclose(parts[5:9], np.tanh(clip[5:9] - 0.5), atol=1e-3)


def test_a_score_that_jumps_takes_the_most_steps_and_its_gap_is_reported() -> None:
    fitted = made(Formula(lambda values: (values[:, 0] > 0.7).float() + 0.1 * values[:, 0]))
    found = attribute(fitted, np.ones(1, dtype=np.float32), 0)
    assert (found.steps, found.complete) == (MOST_STEPS, False)
    assert found.gap == pytest.approx(-1, abs=1e-3)


def test_a_linear_network_and_a_linear_model_have_the_same_attribution() -> None:
    rng = np.random.default_rng(0)
    mean, scale = rng.normal(size=6), rng.uniform(0.5, 2, 6)
    weights, bias = rng.normal(size=(6, 3)), rng.normal(size=3)
    layer = nn.Linear(6, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(weights.T))
        layer.bias.copy_(torch.as_tensor(bias))

    class Alone(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
            return layer(values)

    module = Standardised(Alone(), mean.astype(np.float32), scale.astype(np.float32)).eval()
    clip = rng.normal(size=6).astype(np.float32)
    integrated = attribute(FittedNetwork(module, 1.0, np.zeros((0, 3)), []), clip, 2)
    exact = attribute(FittedLinear(Affine(mean, scale, weights, bias), np.zeros((0, 3))), clip, 2)
    np.testing.assert_allclose(integrated.values, exact.values, atol=1e-5)
    assert (integrated.score, integrated.baseline) == pytest.approx((exact.score, exact.baseline), abs=1e-5)


@pytest.mark.parametrize("name", ["ridge", "lda", "logistic", "linear_svm"])
def test_contributions_of_a_linear_model_and_its_bias_sum_to_its_score(name: str) -> None:
    values, labels = clouds()
    fitted = fit(
        models.make(name), examples(values, labels, 0, 160), examples(values, labels, 160, 240), 3, SETTINGS, seed=0
    )
    assert isinstance(fitted, FittedLinear)
    found = attribute(fitted, values[7], 1)
    logs = fitted.affine.log_probabilities(values[7:8])[0]
    assert found.score == pytest.approx(logs[1] - (logs[0] + logs[2]) / 2)  # a softmax shifts all alike
    assert found.values.sum() + found.baseline == pytest.approx(found.score)
    assert abs(found.gap) < 1e-9
    without = values[7].copy()
    without[4] = fitted.affine.mean[4]
    assert found.score - attribute(fitted, without, 1).score == pytest.approx(found.values[4], abs=1e-5)


@pytest.mark.parametrize("name", ["cnn", "cnn2d"])
def test_both_methods_point_at_the_texture_that_a_network_has_learned(name: str) -> None:
    """The pointing game of Zhang et al., ECCV 2016; chance would hit an eighth."""
    values, labels, corners = textures()
    model = models.make(name, **{**NETWORKS[name], **({"lstm": 0, "attention": 0} if name == "cnn2d" else {})})
    settings = SETTINGS.model_copy(update={"learning_rate": 3e-3, "epochs": 40})
    fitted = fit(model, examples(values, labels, 0, 72), examples(values, labels, 72, 96), 3, settings, seed=0)
    assert isinstance(fitted, FittedNetwork)
    hits = {"gradients": 0, "grad_cam": 0}
    for clip in range(72, 96):
        label, (frame, band) = int(labels[clip]), corners[clip]
        parts = uniform_filter(attribute(fitted, values[clip], label).values.T, 4)  # a cell by itself is noise
        seen = saliency.grad_cam(fitted.module, values[clip], against_others(3, label))
        assert seen is not None
        for method, picture in (("gradients", parts), ("grad_cam", seen)):
            row, column = np.unravel_index(picture.argmax(), picture.shape)
            hits[method] += int(frame - 1 <= column <= frame + 8 and band - 1 <= row <= band + 8)
    assert min(hits.values()) >= 22, hits


@pytest.mark.parametrize("make", [lambda: AttentionPool(6, 5), lambda: AttentionPool(6, 5, deviation=True)])
def test_attention_sums_to_one_ignores_padding_and_weighs_the_frames_as_the_layer_does(make: Any) -> None:
    torch.manual_seed(0)
    pool, frames, lengths = make(), torch.randn(3, 9, 6), torch.tensor([9, 5, 1])
    with torch.inference_mode():
        weights, pooled = pool.weights(frames, lengths), pool(frames, lengths)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3, 1))
    for row, length in enumerate(lengths.tolist()):
        assert (weights[row, length:] == 0).all()
        assert (weights[row, :length] > 0).all()
    torch.testing.assert_close((weights * frames).sum(dim=1), pooled[:, :6])
    assert weights[0].max() > weights[0].min() + 0.01


@pytest.mark.parametrize(
    ("name", "edges"),
    [
        ("bigru_attention", [*range(21)]),
        ("cnn2d", [0, 4, 8, 12, 16, 20]),
        ("cnn_blstm_attention", [0, 4, 8, 12, 16, 20]),
    ],
)
def test_attention_of_a_network_lies_in_the_time_of_its_clip_and_is_taken_without_a_trace(
    name: str, edges: list[int]
) -> None:
    _, fitted, values = network(name, epochs=2)
    before = attribution.logits(fitted, values[0])
    found = saliency.attention(fitted.module, values[0])
    assert found is not None
    assert found[0].tolist() == pytest.approx(edges)
    assert found[1].sum() == pytest.approx(1)
    np.testing.assert_array_equal(attribution.logits(fitted, values[0]), before)
    assert not any(layer._forward_hooks for layer in fitted.module.modules())


def test_places_of_an_odd_clip_end_where_its_strides_do() -> None:
    clip = np.random.default_rng(0).normal(size=(23, 16)).astype(np.float32)
    torch.manual_seed(0)
    for name, edges in (("cnn2d", [0, 4, 8, 12, 16, 20]), ("cnn_blstm_attention", [0, 4, 8, 12, 16, 20, 23])):
        model: Any = models.make(name, **NETWORKS[name])
        found = saliency.attention(model.build(clip.shape, 3).eval(), clip)
        assert found is not None
        assert found[0].tolist() == pytest.approx(edges)


def test_a_network_without_attention_or_convolutions_has_none_to_show() -> None:
    _, fitted, values = network("cnn", epochs=1)
    assert saliency.attention(fitted.module, values[0]) is None
    for name in ("bigru_attention", "spectrogram_transformer"):  # its convolution only cuts patches
        _, fitted, values = network(name, epochs=1)
        assert saliency.grad_cam(fitted.module, values[0], against_others(3, 0)) is None


def test_a_network_of_windows_has_no_map_of_its_clip_and_averages_of_maps_are_not_used_as_one() -> None:
    _, fitted, values = network("residual_bigru", epochs=2)
    for label in range(3):
        assert saliency.grad_cam(fitted.module, values[0], attribution.against_others(3, label)) is None


def test_grad_cam_is_the_class_activation_map_where_averaged_maps_are_classified() -> None:
    """Zhou et al., CVPR 2016: maps times the weights of the class; Grad-CAM is proportional to it there."""

    class Averaged(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.maps, self.relu, self.out = nn.Conv2d(1, 3, 2, stride=2), nn.ReLU(), nn.Linear(3, 2)

        def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
            logits: Tensor = self.out(self.relu(self.maps(as_image(values))).mean(dim=(2, 3)))
            return logits

    torch.manual_seed(0)
    module = Averaged()
    clip = np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32)  # frames, bands; the last frame is left out
    found = saliency.grad_cam(module, clip, against_others(2, 0))
    assert found is not None
    with torch.inference_mode():
        maps = module.maps(torch.as_tensor(clip).T[None, None])[0].relu().numpy()  # (maps, bands / 2, frames / 2)
        weights = (module.out.weight[0] - module.out.weight[1]).numpy()
    expected = np.tensordot(weights, maps, axes=1).clip(0)
    assert (expected == 0).any()
    np.testing.assert_allclose(found[:, :8], np.kron(expected / expected.max(), np.ones((2, 2))), atol=1e-5)
    assert (found[:, 8] == 0).all()


@pytest.mark.parametrize(
    ("name", "training"), [*((name, {}) for name in NETWORKS), ("cnn", {"auxiliary": "intensity", "thresholds": True})]
)
def test_kept_weights_become_the_same_model_again(name: str, training: dict[str, Any], tmp_path: Path) -> None:
    model, fitted, values = network(name, epochs=2, **training)
    save_weights(fitted, tmp_path / "w.safetensors")
    again = load_weights(tmp_path / "w.safetensors", model, values.shape[1:], 3)
    clips, rows = Arrays(values), np.arange(8)
    np.testing.assert_array_equal(again.log_probabilities(clips, rows), fitted.log_probabilities(clips, rows))
    export.export(fitted, model, FACTS, tmp_path / "m.onnx", clips, rows)
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    for row in rows:
        (probabilities,) = session.run(None, {"values": values[row : row + 1]})
        log_probs = attribution.log_probabilities(again, values[row])
        np.testing.assert_allclose(np.exp(log_probs), np.exp(probabilities[0]), atol=1e-4)


def test_kept_weights_become_the_same_linear_model_again(tmp_path: Path) -> None:
    values, labels = clouds()
    train, development = examples(values, labels, 0, 160), examples(values, labels, 160, 240)
    fitted = fit(models.make("ridge"), train, development, 3, SETTINGS, seed=0)
    save_weights(fitted, tmp_path / "w.safetensors")
    again = load_weights(tmp_path / "w.safetensors", models.make("ridge"), (12,), 3)
    assert isinstance(again, FittedLinear)
    rows = np.arange(20)
    np.testing.assert_array_equal(
        again.log_probabilities(Arrays(values), rows), fitted.log_probabilities(Arrays(values), rows)
    )


def test_weights_of_another_model_and_no_weights_at_all_are_one_clear_line(tmp_path: Path) -> None:
    _, fitted, values = network("cnn", epochs=1)
    save_weights(fitted, tmp_path / "w.safetensors")
    for name, shape in (("bigru_attention", values.shape[1:]), ("ridge", (16,))):
        with pytest.raises(ModelError, match="not the weights of this"):
            load_weights(tmp_path / "w.safetensors", models.make(name), shape, 3)
    (tmp_path / "broken").write_bytes(b"nothing")
    for path in (tmp_path / "broken", tmp_path / "absent"):
        with pytest.raises(ModelError, match="not readable as weights"):
            load_weights(path, models.make("ridge"), (16,), 3)
