"""Options of training: mixup, an auxiliary target, class thresholds, resuming."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from scipy.special import log_softmax
from torch import nn

from emotone import models
from emotone.audio.read import AudioSettings
from emotone.augment.spec_augment import SpecAugment
from emotone.data.labels import AROUSAL, EMOTIONS
from emotone.data.utterance import Table, Utterance
from emotone.errors import ModelError
from emotone.evaluation import metrics
from emotone.experiments import train as experiment
from emotone.runs import recipe as recipes
from emotone.runs.dataset import levels
from emotone.training import fit as training
from emotone.training import onnx_export as export
from emotone.training.calibration import PULL, STEPS, thresholds
from emotone.training.examples import UNKNOWN, Epoch, Examples
from emotone.training.fit import FittedLinear, FittedNetwork, fit
from emotone.training.loss import Loss
from emotone.training.mixup import Mixture, draw
from emotone.training.onnx_export import ModelMetadata
from emotone.training.settings import TrainingSettings
from tests.helpers.arrays import SETTINGS, Arrays, clouds, examples, spectrograms

CNN = models.make("cnn", channels=(8, 16), dropout=(0.1, 0.1))
MIXED = SETTINGS.model_copy(update={"mixup": 0.4, "mixup_share": 0.7, "learning_rate": 3e-3})


def trained(settings: TrainingSettings, **more: Any) -> FittedNetwork:
    """A small CNN on synthetic spectrograms."""
    values, labels = spectrograms()
    sides = examples(values, labels, 0, 36), examples(values, labels, 36, 48)
    fitted = fit(CNN, *sides, 3, settings, **{"seed": 0, "augmentations": [SpecAugment()], **more})
    assert isinstance(fitted, FittedNetwork)
    return fitted


def log_probs(fitted: FittedNetwork) -> NDArray[np.float64]:
    return fitted.log_probabilities(Arrays(spectrograms()[0]), np.arange(48))


def test_mixup_with_a_tiny_alpha_is_no_mixup() -> None:
    plain = log_probs(trained(MIXED.model_copy(update={"mixup": 0.0})))
    np.testing.assert_array_equal(log_probs(trained(MIXED.model_copy(update={"mixup": 1e-9}))), plain)
    assert not np.allclose(log_probs(trained(MIXED)), plain)


@pytest.mark.parametrize("more", [{}, {"ema": 0.9}, {"refit_on_all": True}])
def test_a_resumed_training_equals_an_unbroken_one(more: dict[str, Any], tmp_path: Path) -> None:
    settings = MIXED.model_copy(update=more)

    def stop(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    unbroken = trained(settings)
    assert not trained(settings, checkpoint=tmp_path / "c.pt", on_epoch=stop).finished
    np.random.seed(7)  # nothing may come from numpy's global generator
    resumed = trained(settings, checkpoint=tmp_path / "c.pt")
    np.testing.assert_array_equal(log_probs(resumed), log_probs(unbroken))
    assert [line.train_loss for line in resumed.curve] == [line.train_loss for line in unbroken.curve]


def test_development_clips_are_never_mixed() -> None:
    fitted = trained(MIXED.model_copy(update={"epochs": 1, "mixup_share": 1.0}))
    values, labels = spectrograms()
    scores = log_softmax(fitted.logits(Arrays(values), np.arange(36, 48)), axis=1)
    assert fitted.curve[0].development_loss == pytest.approx(-scores[np.arange(12), labels[36:]].mean(), rel=1e-6)


def test_a_mixture_is_as_long_as_the_longer_clip_and_the_shorter_one_adds_nothing_behind_its_end() -> None:
    rng = np.random.default_rng(0)
    lengths = np.array([4, 2, 3])
    clips = [rng.normal(size=(length, 5)).astype(np.float32) for length in lengths]
    values = np.zeros((3, 4, 5), dtype=np.float32)
    for clip, place in zip(clips, values, strict=True):
        place[: len(clip)] = clip
    mean = np.arange(5, dtype=np.float32)
    mixed, longer = Mixture(np.array([1, 2, 0]), 0.75).mix(values, lengths, mean)
    assert mixed.dtype == np.float32
    assert longer.tolist() == [4, 3, 4]
    for one, other in enumerate([1, 2, 0]):
        for frame in range(longer[one]):
            scaled = [clip[frame] - mean if frame < len(clip) else 0 for clip in (clips[one], clips[other])]
            np.testing.assert_allclose(mixed[one, frame] - mean, 0.75 * scaled[0] + 0.25 * scaled[1], atol=1e-6)


@pytest.mark.parametrize("shape", [(12,), (3, 8, 6)])
def test_vectors_and_pictures_are_mixed_whole(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    silence = np.ones((shape[0], *(1,) * (len(shape) - 1)), dtype=np.float32)
    mixed, _ = Mixture(np.array([1, 0]), 0.6).mix(values, np.full(2, shape[0]), silence)
    np.testing.assert_allclose(mixed[0], 0.6 * values[0] + 0.4 * values[1], atol=1e-6)


def test_the_share_of_mixed_batches_is_as_set_and_each_clip_is_a_partner_once() -> None:
    drawn = [draw(8, 0.4, 0.3, np.random.default_rng(seed)) for seed in range(1000)]
    mixtures = [mixture for mixture in drawn if mixture is not None]
    assert 250 < len(mixtures) < 350
    for mixture in mixtures:
        assert 0.5 <= mixture.share < 1
        assert sorted(mixture.partners.tolist()) == list(range(8))


def test_the_same_seed_blends_in_the_same_way() -> None:
    parts = []
    for seed in (5, 5, 6):
        mixture = draw(8, 0.4, 1.0, np.random.default_rng(seed))
        assert mixture is not None
        parts.append((mixture.share, mixture.partners.tolist()))
    assert parts[0] == parts[1] != parts[2]


def loss_of(levels: NDArray[np.int64] | None, weights: list[float] | None = None, **settings: Any) -> Loss:
    """Of twelve clips of three classes."""
    clips = Examples(Arrays(np.zeros((12, 1), dtype=np.float32)), np.arange(12) % 3, np.arange(12), levels)
    chosen = SETTINGS.model_copy(update=settings)
    return Loss(clips, 3, np.array(weights or [1.0, 1.0, 1.0]), chosen, torch.device("cpu"))


def test_the_loss_of_a_mixture_is_that_of_the_mixed_labels() -> None:
    outputs, partners = torch.randn(12, 3, generator=torch.Generator().manual_seed(0)), np.roll(np.arange(12), 1)
    one_hot = torch.eye(3)[torch.arange(12) % 3]
    expected = nn.functional.cross_entropy(outputs, 0.7 * one_hot + 0.3 * one_hot[partners])
    found = loss_of(None)(outputs, np.arange(12), Mixture(partners, 0.7))
    torch.testing.assert_close(found, expected)


def test_clips_of_unknown_level_do_not_count_for_the_levels() -> None:
    outputs = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
    known = np.array([0, 1] * 3 + [UNKNOWN] * 6)
    loss = loss_of(known, auxiliary_weight=0.5)
    everything = loss(outputs, np.arange(12), None)
    main = nn.functional.cross_entropy(outputs[:, :3], torch.arange(12) % 3)
    auxiliary = nn.functional.cross_entropy(outputs[:6, 3:], torch.as_tensor(known[:6]))
    torch.testing.assert_close(everything, main + 0.5 * auxiliary)
    outputs[6:, 3:] = 100 * torch.arange(2)
    torch.testing.assert_close(loss(outputs, np.arange(12), None), everything)
    alone = loss(outputs[6:], np.arange(6, 12), None)
    torch.testing.assert_close(alone, nn.functional.cross_entropy(outputs[6:, :3], torch.arange(6) % 3))


def test_class_weights_and_label_smoothing_leave_the_levels_alone() -> None:
    outputs = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
    known, weights = np.arange(12) % 2, [1.0, 2.0, 5.0]
    found = loss_of(known, weights, label_smoothing=0.2, auxiliary_weight=1.0)(outputs, np.arange(12), None)
    main = nn.functional.cross_entropy(
        outputs[:, :3], torch.arange(12) % 3, weight=torch.tensor(weights), label_smoothing=0.2
    )
    auxiliary = nn.functional.cross_entropy(outputs[:, 3:], torch.as_tensor(known))
    torch.testing.assert_close(found, main + auxiliary)


FACTS = ModelMetadata(
    title="x", classes=("a", "b", "c"), audio=AudioSettings(), feature={}, trained_on=("x",), protocol="speakers"
)


def exported(fitted: FittedLinear | FittedNetwork, model: Any, values: Arrays, path: Path) -> NDArray[np.float64]:
    """Log-probabilities of the ONNX file for each clip."""
    assert export.export(fitted, model, FACTS, path, values, np.arange(8)) <= 1e-4
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"values": values.values})[0])


def test_the_auxiliary_target_is_learned_and_cut_off(tmp_path: Path) -> None:
    values, labels = spectrograms()
    loud = np.random.default_rng(1).permutation(48) % 2
    values[loud == 1, :, 12:] += 2
    known = np.where(np.arange(48) % 4 == 0, UNKNOWN, loud)
    settings = SETTINGS.model_copy(update={"epochs": 12, "learning_rate": 3e-3, "auxiliary": "intensity"})
    train = replace(examples(values, labels, 0, 32), levels=known)
    fitted = fit(CNN, train, examples(values, labels, 32, 48), 3, settings, seed=0)
    assert isinstance(fitted, FittedNetwork)
    module: Any = fitted.module
    with torch.inference_mode():
        outputs = module.network((torch.as_tensor(values[32:]) - module.mean) / module.scale, None)
    assert outputs.shape == (16, 5)
    assert (outputs[:, 3:].argmax(dim=1).numpy() == loud[32:]).mean() > 0.8
    scores = fitted.log_probabilities(Arrays(values), np.arange(48))
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1)
    np.testing.assert_allclose(exported(fitted, CNN, Arrays(values), tmp_path / "m.onnx"), scores, atol=1e-4)
    assert scores.shape == (48, 3)


def test_an_auxiliary_target_that_no_training_clip_has_is_one_clear_line() -> None:
    values, labels = spectrograms()
    known = np.where(np.arange(48) < 36, UNKNOWN, 0)
    train = replace(examples(values, labels, 0, 36), levels=known)
    settings = SETTINGS.model_copy(update={"auxiliary": "intensity"})
    with pytest.raises(ModelError, match="no training clip of this fold has a known intensity; take other corpora"):
        fit(CNN, train, examples(values, labels, 36, 48), 3, settings, seed=0)


def test_levels_are_the_intensity_of_the_corpus_or_the_arousal_of_the_emotion() -> None:
    labels = [("strong", "sad"), ("", "happy"), ("normal", "disgust"), ("strong", "pensive")]
    clips = Table(
        Utterance("x", str(n), Path("x"), emotion, "x/a", intensity=i) for n, (i, emotion) in enumerate(labels)
    )
    assert levels(clips, "") is None
    np.testing.assert_array_equal(levels(clips, "intensity"), [1, UNKNOWN, 0, 1])
    np.testing.assert_array_equal(levels(clips, "arousal"), [1, 0, 2, UNKNOWN])


def test_every_shared_emotion_has_an_arousal() -> None:
    assert set(EMOTIONS) <= set(AROUSAL)
    assert set(AROUSAL.values()) == {"low", "mid", "high"}


def test_copies_that_oversampling_makes_keep_the_level_of_their_clip(
    syllables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned_from: list[Examples] = []

    def watched(model: Any, train: Examples, *rest: Any, **named: Any) -> Any:
        learned_from.append(train)
        return training.fit(model, train, *rest, **named)

    monkeypatch.setattr(experiment, "fit", watched)
    content = {
        "title": "x",
        "data": {"corpora": [str(syllables)], "changes": {"sad": "neutral"}, "balance": "oversample", "folds": 2},
        "augment": {"waveform": [{"name": "gaussian_noise", "amount": 0.01}]},
        "feature": {"name": "mean_std", "coefficients": 8, "mels": 16},
        "model": "ridge",
        "training": {"auxiliary": "arousal"},
    }
    experiment.train(recipes.parse(content), out=tmp_path / "run", keep_model=False)
    assert len(learned_from) == 2
    for train in learned_from:
        assert train.levels is not None
        assert train.rows.max() >= 72, "there are copies"
        np.testing.assert_array_equal(train.levels[train.rows], train.labels[train.rows])  # angry high, others low


def unclear(seed: int, classes: int, clips: int = 60) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Log-probabilities that lean towards the first class, and the labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, clips)
    scores = rng.normal(size=(clips, classes)) + 1.2 * np.eye(classes)[labels]
    scores[:, 0] += 0.8
    return np.asarray(log_softmax(scores, axis=1)), labels


def uar_of(log_probabilities: NDArray[np.float64], labels: NDArray[np.int64], offsets: Any) -> NDArray[np.float64]:
    """(tries,) UAR under each of (tries, classes) offsets, a second way."""
    predicted = (log_probabilities + np.atleast_2d(offsets)[:, None]).argmax(axis=2)  # (tries, clips)
    return np.mean([(predicted[:, labels == number] == number).mean(axis=1) for number in np.unique(labels)], axis=0)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_thresholds_are_as_good_as_the_best_of_all(seed: int, classes: int) -> None:
    scores, labels = unclear(seed, classes)
    every = np.stack(np.meshgrid(*[np.array(STEPS)] * classes), axis=-1).reshape(-1, classes)
    worth = uar_of(scores, labels, every) - PULL * np.abs(every).mean(axis=1)
    found = thresholds(scores, labels)
    reached = float(uar_of(scores, labels, found)[0]) - PULL * np.abs(found).mean()
    assert reached == pytest.approx(worth.max(), abs=1e-9 if classes == 2 else 0.02)
    assert reached > worth[np.abs(every).sum(axis=1) == 0]


@pytest.mark.parametrize("seed", range(4))
def test_thresholds_never_cost_uar_where_they_were_chosen(seed: int) -> None:
    scores, labels = unclear(seed, classes=6, clips=90)
    found = thresholds(scores, labels)
    before, after = (metrics.uar(labels, (scores + offsets).argmax(axis=1)) for offsets in (0, found))
    assert after >= before + PULL * np.abs(found).mean() - 1e-12


def test_thresholds_stay_at_zero_where_nothing_is_gained() -> None:
    labels = np.arange(12) % 3
    assert thresholds(np.log(0.8 * np.eye(3)[labels] + 0.2 / 3), labels).tolist() == [0, 0, 0]
    scores, labels = unclear(0, classes=3)
    assert thresholds(scores, labels % 2)[2] == 0, "a class that no clip has"


def skewed() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Clouds of which one class has most of the clips."""
    values, labels = clouds(clips=600)
    values += np.random.default_rng(3).normal(size=values.shape) * 2 * values.std(axis=0)
    kept = np.flatnonzero((labels == 0) | (np.arange(600) % 6 < 3))
    return values[kept].astype(np.float32), labels[kept]


@pytest.mark.parametrize("name", ["ridge", "mlp"])
def test_thresholds_come_from_development_clips_alone_and_are_exported(name: str, tmp_path: Path) -> None:
    values, labels = skewed()
    model, rows = models.make(name), np.arange(200, 300)
    settings = SETTINGS.model_copy(update={"learning_rate": 3e-3})

    def fitted(thresholds: bool, values: NDArray[np.float32] = values) -> FittedLinear | FittedNetwork:
        sides = examples(values, labels, 0, 200), examples(values, labels, 200, 300)
        return fit(model, *sides, 3, settings.model_copy(update={"thresholds": thresholds}), seed=0)

    plain, moved = fitted(thresholds=False), fitted(thresholds=True)
    clips = Arrays(values)
    before, after = (one.log_probabilities(clips, np.arange(len(labels))) for one in (plain, moved))
    offsets = after - before
    offsets -= offsets[:, :1]
    np.testing.assert_allclose(offsets, offsets[:1].repeat(len(labels), axis=0), atol=1e-9)
    assert np.abs(offsets).max() > 0.05
    np.testing.assert_allclose(np.exp(after).sum(axis=1), 1)
    if isinstance(moved, FittedNetwork):
        uars = [metrics.uar(labels[rows], scores[rows].argmax(axis=1)) for scores in (before, after)]
        assert uars[1] > uars[0]
    np.testing.assert_allclose(exported(moved, model, clips, tmp_path / "m.onnx"), after, atol=1e-4)
    odd = values.copy()
    odd[300:] *= -3
    again = fitted(thresholds=True, values=odd)
    np.testing.assert_array_equal(again.log_probabilities(clips, rows), after[rows])


def test_saved_weights_contain_factor_and_offsets_of_the_probabilities(tmp_path: Path) -> None:
    fitted = trained(SETTINGS.model_copy(update={"thresholds": True}))
    export.save_weights(fitted, tmp_path / "w.safetensors")
    with safe_open(tmp_path / "w.safetensors", "np") as file:
        metadata = {name: json.loads(text) for name, text in file.metadata().items()}
    logits = fitted.logits(Arrays(spectrograms()[0]), np.arange(48))
    scores = log_softmax(metadata["sharpness"] * logits + np.array(metadata["offsets"]), axis=1)
    np.testing.assert_array_equal(scores, log_probs(fitted))
