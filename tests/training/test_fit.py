from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from emotone import models
from emotone.audio.read import AudioSettings
from emotone.errors import ModelError
from emotone.evaluation import metrics
from emotone.models import LinearModel, Network
from emotone.models.linear.affine import Affine
from emotone.training.fit import FittedNetwork, fit
from emotone.training.onnx_export import ModelMetadata, export
from emotone.training.settings import TrainingSettings
from tests.helpers.arrays import SETTINGS, Arrays, clouds, examples, spectrograms

LINEAR = [name for name in models.shelf.names() if issubclass(models.shelf.get(name), LinearModel)]


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("classes", [2, 3])
def test_every_linear_model_learns_and_gives_log_probabilities(name: str, classes: int) -> None:
    values, labels = clouds(classes=classes)
    fitted = fit(
        models.make(name),
        examples(values, labels, 0, 160),
        examples(values, labels, 160, 200),
        classes,
        SETTINGS,
        seed=0,
    )
    scores = fitted.log_probabilities(Arrays(values), np.arange(200, 240))
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1)
    assert (scores.argmax(axis=1) == labels[200:]).mean() > 0.7


def test_logistic_and_lda_agree_with_scikit_learn_and_ridge_with_its_classifier() -> None:
    values, labels = clouds()
    mean, scale = Affine.standardiser(values)
    x, even = Affine.standardise(values, mean, scale), np.ones(3)

    def ours(name: str, **settings: float) -> NDArray[np.float64]:
        model = models.make(name, **settings)
        assert isinstance(model, LinearModel)
        return model.fit(values, np.eye(3)[labels], even).scores(values)

    logistic = LogisticRegression(C=0.5, max_iter=2000).fit(x, labels).predict_proba(x)
    np.testing.assert_allclose(softmax(ours("logistic", inverse_penalty=0.5), axis=1), logistic, atol=2e-3)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3).fit(x, labels).predict_proba(x)
    np.testing.assert_allclose(softmax(ours("lda", shrinkage=0.3), axis=1), lda, atol=1e-6)
    ridge = RidgeClassifier(alpha=10).fit(x, labels).decision_function(x)
    np.testing.assert_allclose(ours("ridge", penalty=10), ridge, atol=1e-5)


def test_ridge_is_the_same_in_primal_and_dual_form() -> None:
    values, labels = clouds(clips=60, dims=40)
    ridge = models.make("ridge", penalty=5.0)
    assert isinstance(ridge, LinearModel)
    weights = np.array([1.0, 2.0, 0.5])
    tall = ridge.fit(values, np.eye(3)[labels], weights)
    padded = np.concatenate([values, np.full((60, 50), 3.0, dtype=np.float32)], axis=1)  # constant: adds nothing
    wide = ridge.fit(padded, np.eye(3)[labels], weights)
    np.testing.assert_allclose(tall.scores(values), wide.scores(padded), atol=1e-8)


def test_scaling_sees_training_clips_alone() -> None:
    values, labels = clouds()
    odd = values.copy()
    odd[200:] *= 1000
    fits = [
        fit(models.make("lda"), examples(x, labels, 0, 160), examples(x, labels, 160, 200), 3, SETTINGS, seed=0)
        for x in (values, odd)
    ]
    first, second = (fitted.log_probabilities(Arrays(values), np.arange(240)) for fitted in fits)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", LINEAR)
def test_development_scores_are_those_of_a_linear_model_fitted_without_these_clips(name: str) -> None:
    values, labels = clouds()
    model = models.make(name)
    assert isinstance(model, LinearModel)
    fitted = fit(model, examples(values, labels, 0, 60), examples(values, labels, 60, 200), 3, SETTINGS, seed=0)
    alone = model.fit(values[:60], np.eye(3)[labels[:60]], np.ones(3)).scores(values[60:200])
    centred = fitted.development - fitted.development.mean(axis=1, keepdims=True)
    scores = alone - alone.mean(axis=1, keepdims=True)
    factor = (centred * scores).sum() / np.square(scores).sum()
    np.testing.assert_allclose(centred, factor * scores, atol=1e-8)
    assert not np.allclose(fitted.development, fitted.log_probabilities(Arrays(values), np.arange(60, 200)), atol=1e-3)


def test_training_a_network_twice_gives_the_same_scores() -> None:
    values, labels = spectrograms()
    settings = SETTINGS.model_copy(update={"epochs": 8, "learning_rate": 3e-3})
    cnn = models.make("cnn", channels=(8, 16), dropout=(0.1, 0.1))
    scores = []
    for _ in range(2):
        fitted = fit(cnn, examples(values, labels, 0, 36), examples(values, labels, 36, 48), 3, settings, seed=3)
        assert isinstance(fitted, FittedNetwork)
        scores.append(fitted.log_probabilities(Arrays(values), np.arange(48)))
    np.testing.assert_array_equal(*scores)
    assert (scores[0].argmax(axis=1) == labels).mean() > 0.8
    assert fitted.curve[-1].train_loss < fitted.curve[0].train_loss


def test_training_leaves_denormal_numbers_on_afterwards() -> None:
    values, labels = clouds(clips=48)
    sides = examples(values, labels, 0, 40), examples(values, labels, 40, 48)
    fit(models.make("mlp"), *sides, 3, SETTINGS.model_copy(update={"epochs": 1}), seed=0)
    assert np.float64(5e-324) / 1 > 0


def test_training_stops_early_and_keeps_the_best_epoch() -> None:
    values, labels = spectrograms()
    noise = labels.copy()
    np.random.default_rng(0).shuffle(noise[36:])  # a development side that cannot be learnt
    settings = SETTINGS.model_copy(update={"epochs": 60, "patience": 3, "learning_rate": 3e-3})
    cnn = models.make("cnn", channels=(8, 16), dropout=(0.0, 0.0))
    fitted = fit(cnn, examples(values, noise, 0, 36), examples(values, noise, 36, 48), 3, settings, seed=0)
    losses = [epoch.development_loss for epoch in fitted.curve]
    assert len(losses) < 60
    assert len(losses) - 1 - int(np.argmin(losses)) == 3


def test_accumulated_batches_equal_one_large_batch() -> None:
    values, labels = clouds(clips=48)
    mlp = models.make("mlp", dropout=0.0)
    plain = SETTINGS.model_copy(update={"optimizer": "sgd", "scheduler": "none", "learning_rate": 0.05})
    curves = []
    for batch, accumulate in ((32, 1), (8, 4)):
        settings = plain.model_copy(update={"batch": batch, "accumulate": accumulate})
        fitted = fit(mlp, examples(values, labels, 0, 40), examples(values, labels, 40, 48), 3, settings, seed=0)
        curves.append([line.development_loss for line in fitted.curve])
    np.testing.assert_allclose(*curves, rtol=1e-5)


def test_a_linear_schedule_rises_during_warm_up_and_falls_to_zero() -> None:
    values, labels = clouds(clips=48)
    settings = SETTINGS.model_copy(
        update={"epochs": 10, "batch": 40, "scheduler": "linear", "warmup": 0.4, "learning_rate": 1.0}
    )
    fitted = fit(
        models.make("mlp"), examples(values, labels, 0, 40), examples(values, labels, 40, 48), 3, settings, seed=0
    )
    rates = [line.learning_rate for line in fitted.curve]  # a step an epoch; each line tells the rate of the next step
    np.testing.assert_allclose(rates, [0.5, 0.75, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0], atol=1e-9)


def test_an_mlp_learns_from_features_of_odd_scales() -> None:
    values, labels = clouds()
    settings = SETTINGS.model_copy(update={"epochs": 15, "learning_rate": 3e-3})
    fitted = fit(
        models.make("mlp"), examples(values, labels, 0, 160), examples(values, labels, 160, 200), 3, settings, seed=0
    )
    assert isinstance(fitted, FittedNetwork)
    scaling = fitted.module.state_dict()
    np.testing.assert_allclose(scaling["mean"], values[:160].mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(scaling["scale"], values[:160].std(axis=0), rtol=1e-2)
    scores = fitted.log_probabilities(Arrays(values), np.arange(200, 240))
    assert (scores.argmax(axis=1) == labels[200:]).mean() > 0.7


def test_a_class_without_a_training_clip_is_one_clear_line() -> None:
    values, labels = clouds()
    labels[:200][labels[:200] == 2] = 0
    with pytest.raises(ModelError, match="class number 2 of 3 has no training clip"):
        fit(
            models.make("lda"),
            examples(values, labels, 0, 160),
            examples(values, labels, 160, 200),
            3,
            SETTINGS,
            seed=0,
        )


def last_weights(settings: TrainingSettings) -> dict[str, NDArray[np.float32]]:
    from emotone.training.loop import Loop

    values, labels = clouds(clips=48)
    sides = examples(values, labels, 0, 40), examples(values, labels, 40, 48)
    mlp = models.make("mlp", dropout=0.0)
    assert isinstance(mlp, Network)
    loop = Loop(mlp, *sides, 3, settings, seed=0, keep="last")
    assert loop.run()
    return {name: weight.numpy().copy() for name, weight in loop.best_module().state_dict().items()}


def test_averaged_weights_are_their_exponential_mean_over_steps() -> None:
    one_step = SETTINGS.model_copy(update={"batch": 40, "learning_rate": 0.01, "scheduler": "none"})
    steps = [last_weights(one_step.model_copy(update={"epochs": n})) for n in (1, 2, 3, 4)]
    found = last_weights(one_step.model_copy(update={"epochs": 4, "ema": 0.6}))
    for name, weight in found.items():
        if weight.dtype.kind == "f":
            mean = steps[0][name]
            for step, share in zip(steps[1:], (1 / 2, 0.4, 0.4), strict=True):  # 1 / steps at first, then 1 - ema
                mean = mean + share * (step[name] - mean)
            np.testing.assert_allclose(weight, mean, rtol=1e-4, atol=1e-6, err_msg=name)


def test_a_network_may_be_refitted_with_its_development_clips_once_it_is_calibrated() -> None:
    values, labels = spectrograms()
    odd = labels.copy()
    odd[36:] = (labels[36:] + 1) % 3  # only a model fitted to them can predict these
    changes = {"epochs": 30, "learning_rate": 3e-3, "scheduler": "one_cycle", "patience": 30}
    settings = SETTINGS.model_copy(update=changes)
    cnn = models.make("cnn", channels=(8, 16), dropout=(0.0, 0.0))
    sides = examples(values, odd, 0, 36), examples(values, odd, 36, 48)
    before, after = (
        fit(cnn, *sides, 3, settings.model_copy(update={"refit_on_all": both}), seed=0) for both in (False, True)
    )
    np.testing.assert_array_equal(before.development, after.development)
    late = np.arange(36, 48)
    found = [(one.log_probabilities(Arrays(values), late).argmax(axis=1) == odd[36:]).mean() for one in (before, after)]
    assert found[1] > found[0] + 0.2


def test_development_clips_of_a_refit_evaluate_nothing() -> None:
    values, labels = spectrograms()
    settings = SETTINGS.model_copy(update={"epochs": 4, "scheduler": "one_cycle", "patience": 0, "refit_on_all": True})
    cnn, epochs = models.make("cnn", channels=(8, 16), dropout=(0.0, 0.0)), []
    sides = examples(values, labels, 0, 36), examples(values, labels, 36, 48)
    fit(cnn, *sides, 3, settings, seed=0, on_epoch=epochs.append)
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4] * 2
    assert [math.isnan(epoch.development_uar) for epoch in epochs] == [False] * 4 + [True] * 4


@pytest.mark.parametrize("both", [False, True])
def test_development_clips_evaluate_the_last_epoch_if_a_refit_ends_with_it(both: bool) -> None:
    values, labels = spectrograms()
    wrong = labels.copy()
    wrong[36:] = (labels[36:] + 1) % 3  # so that the best epoch is one of the first
    changes = {"epochs": 12, "learning_rate": 3e-3, "scheduler": "one_cycle", "patience": 0, "refit_on_all": both}
    cnn = models.make("cnn", channels=(8, 16), dropout=(0.0, 0.0))
    sides = examples(values, wrong, 0, 36), examples(values, wrong, 36, 48)
    fitted = fit(cnn, *sides, 3, SETTINGS.model_copy(update=changes), seed=0)
    scores = [epoch.development_uar for epoch in fitted.curve]
    judged = metrics.uar(wrong[36:], fitted.development.argmax(axis=1))
    assert max(scores) > scores[-1]
    assert judged == pytest.approx(scores[-1] if both else max(scores))


def test_half_precision_halves_the_file_and_hardly_changes_the_scores(tmp_path: Path) -> None:
    values, labels = clouds(dims=200)
    perceptron, every = models.make("mlp", hidden=128), np.arange(len(labels))
    facts = ModelMetadata(
        title="", classes=("a", "b", "c"), audio=AudioSettings(), feature={}, trained_on=(), protocol="speakers"
    )
    log_probs, sizes = [], []
    for half in (False, True):
        sides = examples(values, labels, 0, 180), examples(values, labels, 180, 240)
        fitted = fit(perceptron, *sides, 3, SETTINGS.model_copy(update={"half_precision": half}), seed=0)
        file = tmp_path / f"{half}.onnx"
        assert export(fitted, perceptron, facts, file, Arrays(values), every) < 1e-6
        log_probs.append(fitted.log_probabilities(Arrays(values), every))
        sizes.append(file.stat().st_size)
    np.testing.assert_allclose(log_probs[0], log_probs[1], atol=0.02)
    assert not np.array_equal(log_probs[0], log_probs[1])
    assert sizes[1] < 0.6 * sizes[0]
