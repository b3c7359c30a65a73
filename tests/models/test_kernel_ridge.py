"""Kernel ridge regression: against scikit-learn, with landmarks, of corpora that have other classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.kernel_ridge import KernelRidge

from emotone import models
from emotone.analysis.explain import attribution
from emotone.errors import ModelError
from emotone.models.linear.affine import Affine
from emotone.training.fit import FittedLinear
from emotone.training.onnx_export import load_weights, save_weights


def product(clips: int = 240, dims: int = 6, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Clips whose class is decided by the sign of a product: nothing that a linear model could learn."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(clips, dims)).astype(np.float32)
    return values, (values[:, 0] * values[:, 1] > 0).astype(np.int64)


def fit(name: str, values: NDArray[np.float32], labels: NDArray[np.int64], **settings: float) -> Affine:
    model = models.make(name, **settings)
    assert isinstance(model, models.LinearModel)
    return model.fit(values, np.eye(labels.max() + 1)[labels], np.ones(labels.max() + 1))


def test_with_every_clip_a_landmark_it_is_scikit_learns_of_centred_targets() -> None:
    values, labels = product()
    train, test = values[:200], values[200:]
    ours = fit("kernel_ridge", train, labels[:200], landmarks=200, components=0, penalty=0.3, width=1.0)
    scaled = (values - train.mean(axis=0)) / train.std(axis=0)
    kernel = np.exp(-((scaled[:, None] - scaled[None, :200]) ** 2).mean(axis=2))
    middle = kernel[:200].mean(axis=0)  # an intercept is what centring targets and features leaves
    targets = 2.0 * np.eye(2)[labels[:200]] - 1
    centred = kernel - middle - kernel[:, :200].mean(axis=1, keepdims=True) + middle.mean()
    theirs = KernelRidge(alpha=0.3, kernel="precomputed").fit(centred[:200], targets - targets.mean(axis=0))
    expected = theirs.predict(centred[200:]) + targets.mean(axis=0)
    np.testing.assert_allclose(ours.scores(test), expected, atol=5e-3)  # landmarks are kept in half precision


def test_it_learns_what_no_linear_model_can() -> None:
    values, labels = product(600)
    kernel = fit("kernel_ridge", values[:400], labels[:400], penalty=0.1, width=1.0)
    linear = fit("ridge", values[:400], labels[:400])
    right = [(model.scores(values[400:]).argmax(axis=1) == labels[400:]).mean() for model in (kernel, linear)]
    assert right[0] > 0.8 > 0.65 > right[1]


def test_few_landmarks_and_few_components_make_a_smaller_model() -> None:
    values, labels = product(dims=12)
    small = fit("kernel_ridge", values, labels, landmarks=20, components=4)
    assert small.kernel is not None
    assert small.kernel.landmarks.shape == (20, 4)
    assert small.parameters < fit("kernel_ridge", values, labels, landmarks=200, components=4).parameters


def test_a_clip_of_a_corpus_without_a_class_counts_for_little_against_it() -> None:
    """Two corpora; one has no label for class 2, though half of its clips are of it."""
    rng = np.random.default_rng(0)
    sounds = np.repeat([0, 1, 2, 0, 2], 60)
    values = (np.eye(3)[sounds] + rng.normal(scale=0.3, size=(300, 3))).astype(np.float32)
    labels = np.where(np.arange(300) < 180, sounds, 0)  # in the second corpus all labels are 0
    class_mask = np.where((np.arange(300) >= 180)[:, None] & (np.arange(3) == 2), 0.0, 1.0)
    model = models.make("ridge", penalty=1.0)
    assert isinstance(model, models.LinearModel)
    probe = np.eye(3, dtype=np.float32)[2:]
    targets = np.eye(3)[labels]
    full, masked = (
        model.fit(values, targets, np.ones(3), class_mask=one).scores(probe)[0, 2] for one in (None, class_mask)
    )
    assert masked > full + 0.2
    with pytest.raises(ModelError, match="all classes at once"):
        models.make("lda").fit(values, targets, np.ones(3), class_mask=class_mask)  # type: ignore[attr-defined]


def corpora_that_disagree(clips: int = 400) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Two corpora in which the same feature means the opposite; another feature distinguishes them."""
    rng = np.random.default_rng(0)
    domains = rng.integers(2, size=clips)
    values = rng.normal(size=(clips, 6)).astype(np.float32)
    values[:, 5] += 6 * domains
    return values, (values[:, 0] * (1 - 2 * domains) > 0).astype(np.int64), domains


def of_corpora(own_penalty: float) -> tuple[Affine, NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    values, labels, domains = corpora_that_disagree()
    class_mask = np.where(domains[:, None] == 1, [1.0, 1.0, 1.0], [1.0, 1.0, 0.1])
    model = models.make("kernel_ridge", landmarks=40, width=0.01, penalty=10, own_penalty=own_penalty)
    assert isinstance(model, models.LinearModel)
    fitted = model.fit(values[:300], np.eye(3)[labels[:300]], np.ones(3), class_mask=class_mask[:300])
    return fitted, values[300:], labels[300:], domains[300:]


def test_each_corpus_has_a_linear_model_of_its_own() -> None:
    right = {}
    for own_penalty in (0.0, 1.0):
        fitted, values, labels, domains = of_corpora(own_penalty)
        right[own_penalty] = (fitted.scores(values)[:, :2].argmax(axis=1) == labels).mean()
    assert right[1.0] > 0.9 > 0.7 > right[0.0]
    assert (fitted.domains(values).argmax(axis=1) == domains).mean() > 0.95
    assert fitted.kernel is not None
    assert len(fitted.kernel.landmarks) == 40


def test_the_factor_of_each_corpus_is_kept(tmp_path: Path) -> None:
    fitted, values, _, domains = of_corpora(1.0)
    sharpened = fitted.sharpened(np.array([1.0, 3.0]))
    factors = (sharpened.scores(values) / fitted.scores(values))[:, 0]
    assert np.median(factors[domains == 0]) == pytest.approx(1, abs=0.1)
    assert np.median(factors[domains == 1]) == pytest.approx(3, abs=0.3)
    save_weights(FittedLinear(sharpened, np.zeros((0, 3))), tmp_path / "weights.safetensors")
    again = load_weights(tmp_path / "weights.safetensors", models.make("kernel_ridge"), (6,), 3)
    np.testing.assert_array_equal(again.affine.scores(values), sharpened.scores(values))  # type: ignore[union-attr]
    assert attribution.attribute(FittedLinear(sharpened, np.zeros((0, 3))), values[0], 1).complete


def test_the_second_half_of_the_features_only_distinguishes_corpora() -> None:
    values, labels, domains = corpora_that_disagree()
    doubled = np.concatenate([np.pad(values[:, :5], ((0, 0), (0, 1))), values], axis=1)
    class_mask = np.where(domains[:, None] == 1, [1.0, 1.0, 1.0], [1.0, 1.0, 0.1])
    model = models.make("kernel_ridge", landmarks=40, width=0.01, penalty=10, own_penalty=1, with_original=True)
    assert isinstance(model, models.LinearModel)
    fitted = model.fit(doubled, np.eye(3)[labels], np.ones(3), class_mask=class_mask)
    assert (fitted.scores(doubled)[:, :2].argmax(axis=1) == labels).mean() > 0.9
    moved = doubled.copy()
    moved[:, 6:] += 3
    assert np.abs(fitted.kernel(moved)[:, :40] - fitted.kernel(doubled)[:, :40]).max() == 0  # type: ignore[misc]


def test_it_is_saved_loaded_and_explained(tmp_path: Path) -> None:
    values, labels = product(dims=12)
    fitted = FittedLinear(fit("kernel_ridge", values, labels, landmarks=30, components=6), np.zeros((0, 2)))
    save_weights(fitted, tmp_path / "weights.safetensors")
    again = load_weights(tmp_path / "weights.safetensors", models.make("kernel_ridge"), (12,), 2)
    np.testing.assert_array_equal(
        again.affine.scores(values),  # type: ignore[union-attr]
        fitted.affine.scores(values),
    )
    assert attribution.attribute(fitted, values[0], 1).complete


def test_the_gradient_is_what_small_steps_measure() -> None:
    values, labels = product(dims=12)
    plain = fit("kernel_ridge", values, labels, landmarks=30, components=6)
    sided, others, _, _ = of_corpora(1.0)
    for model, place in ((plain, values[:1]), (sided.sharpened(np.array([1.0, 3.0])), others[:1] / 2)):
        x, step = place.astype(np.float64), 1e-5
        direction = np.linspace(-1, 1, len(model.bias))
        free = replace(model, mean=np.zeros_like(model.mean), scale=np.ones_like(model.scale))
        around = np.concatenate([x + sign * step * np.eye(x.shape[1]) for sign in (1, -1)])
        measured = np.subtract(*np.split(free.scores(around) @ direction, 2)) / (2 * step)
        np.testing.assert_allclose(free.gradient(x, direction)[0], measured, atol=1e-6)
