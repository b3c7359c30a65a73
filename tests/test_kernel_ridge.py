"""Kernel ridge regression: against scikit-learn, with landmarks, of corpora that have other classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.kernel_ridge import KernelRidge

from emotone import attribution, models
from emotone.errors import ModelError
from emotone.export import load_weights, save_weights
from emotone.models._affine import Affine
from emotone.training import FittedLinear


def product(clips: int = 240, dims: int = 6, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Clips whose class is decided by the sign of a product: nothing that a linear model could learn."""
    chance = np.random.default_rng(seed)
    values = chance.normal(size=(clips, dims)).astype(np.float32)
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
    assert small.kernel.places.shape == (20, 4)
    assert small.parameters < fit("kernel_ridge", values, labels, landmarks=200, components=4).parameters


def test_a_clip_of_a_corpus_without_a_class_counts_for_little_against_it() -> None:
    """Two corpora; one never says class 2, though half of its clips sound so."""
    chance = np.random.default_rng(0)
    sounds = np.repeat([0, 1, 2, 0, 2], 60)
    values = (np.eye(3)[sounds] + chance.normal(scale=0.3, size=(300, 3))).astype(np.float32)
    labels = np.where(np.arange(300) < 180, sounds, 0)  # the second corpus calls all of it 0
    counts = np.where((np.arange(300) >= 180)[:, None] & (np.arange(3) == 2), 0.0, 1.0)
    model = models.make("ridge", penalty=1.0)
    assert isinstance(model, models.LinearModel)
    probe = np.eye(3, dtype=np.float32)[2:]
    shares = np.eye(3)[labels]
    alike, apart = (model.fit(values, shares, np.ones(3), counts=one).scores(probe)[0, 2] for one in (None, counts))
    assert apart > alike + 0.2
    with pytest.raises(ModelError, match="all classes at once"):
        models.make("lda").fit(values, shares, np.ones(3), counts=counts)  # type: ignore[attr-defined]


def test_landmarks_come_from_every_corpus_and_corpora_are_held_apart() -> None:
    chance = np.random.default_rng(0)
    sides = np.repeat([0, 1], [200, 20])
    values = (chance.normal(size=(220, 5)) + 3 * sides[:, None] * np.eye(5)[0]).astype(np.float32)
    shares = np.eye(3)[np.where(sides == 1, 2, chance.integers(2, size=220))]
    counts = np.where(sides[:, None] == 1, [1.0, 1.0, 1.0], [1.0, 1.0, 0.1])
    kernels = [
        models.make("kernel_ridge", landmarks=40, apart=apart).fit(values, shares, np.ones(3), counts=counts).kernel  # type: ignore[attr-defined]
        for apart in (0.0, 2.0)
    ]
    assert [len(kernel.places) for kernel in kernels] == [40, 40]
    x = Affine.standardise(values, *Affine.standardiser(values))
    like = [kernel(x[[0, 219]])[:, -20:].mean(axis=1) for kernel in kernels]
    assert like[1][0] / like[1][1] < like[0][0] / like[0][1], "further from the other corpus than its own clips are"


def test_it_is_kept_read_again_and_taken_apart(tmp_path: Path) -> None:
    values, labels = product(dims=12)
    fitted = FittedLinear(fit("kernel_ridge", values, labels, landmarks=30, components=6), np.zeros((0, 2)))
    save_weights(fitted, tmp_path / "weights.safetensors")
    again = load_weights(tmp_path / "weights.safetensors", models.make("kernel_ridge"), (12,), 2)
    np.testing.assert_array_equal(
        again.affine.scores(values),  # type: ignore[union-attr]
        fitted.affine.scores(values),
    )
    assert attribution.attribute(fitted, values[0], 1).adds_up


def test_the_gradient_of_a_kernel_is_what_small_steps_measure() -> None:
    values, labels = product(dims=12)
    kernel = fit("kernel_ridge", values, labels, landmarks=30, components=6).kernel
    assert kernel is not None
    weights, place, step = np.linspace(-1, 1, 30), values[:1].astype(np.float64), 1e-5
    around = np.concatenate([place + sign * step * np.eye(12) for sign in (1, -1)])
    measured = np.subtract(*np.split(kernel(around) @ weights, 2)) / (2 * step)
    np.testing.assert_allclose(kernel.gradient(place, weights)[0], measured, atol=1e-7)
