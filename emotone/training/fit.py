"""Fit one model on one fold: linear models at once, networks by the training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from emotone.augment import Augmentation
from emotone.errors import ModelError
from emotone.models import LinearModel, Model, Network
from emotone.models.linear.affine import Affine, domains_of
from emotone.training.calibration import thresholds
from emotone.training.balance import class_weights, clip_weights, counted, log_share
from emotone.training.examples import UNKNOWN, Epoch, Examples, Floats, Values
from emotone.training.settings import TrainingSettings

if TYPE_CHECKING:
    from torch import nn


_FEW_CLIPS = 30
"""With fewer development clips of a corpus, it is held to be as sure as all of them together."""
_ENDS = ("one_cycle", "linear", "cosine")
"""Schedules of steps that come to an end."""


@dataclass
class FittedLinear:
    """A fitted linear model; `development` is (development clips, classes) log-probabilities before it learned them.

    `sides` are the numbers of the corpora that it tells apart, where it does.
    """

    affine: Affine
    development: Floats
    sides: tuple[int, ...] = ()
    curve: list[Epoch] = field(default_factory=list)
    finished: bool = True

    @property
    def parameters(self) -> int:
        return self.affine.parameters

    def log_probabilities(self, values: Values, rows: NDArray[np.int64]) -> Floats:
        """(clips, classes) of these rows."""
        return self.affine.log_probabilities(values.dense(rows))


@dataclass
class FittedNetwork:
    """A fitted network with its best weights; `sharpness` multiplies its logits, `offsets` (classes,) are added.

    `development` is (development clips, classes) log-probabilities.
    """

    module: nn.Module
    sharpness: float
    development: Floats
    curve: list[Epoch]
    finished: bool = True
    offsets: Floats = field(default_factory=lambda: np.zeros(1))

    @property
    def parameters(self) -> int:
        return sum(weight.numel() for weight in self.module.parameters())

    def log_probabilities(self, values: Values, rows: NDArray[np.int64]) -> Floats:
        """(clips, classes) of these rows."""
        return np.asarray(log_softmax(self.sharpness * self.logits(values, rows) + self.offsets, axis=1))

    def logits(self, values: Values, rows: NDArray[np.int64]) -> Floats:
        """(clips, classes) before softmax."""
        from emotone.training.forward import logits

        return logits(self.module, values, rows)

    def embeddings(self, values: Values, rows: NDArray[np.int64]) -> NDArray[np.float16] | None:
        """(clips, dims) what its last linear layer hears of these rows; None where it has no such layer."""
        from emotone.training.forward import embeddings

        return embeddings(self.module, values, rows)


def fit(
    model: Model,
    train: Examples,
    development: Examples,
    classes: int,
    settings: TrainingSettings,
    *,
    seed: int,
    augmentations: Sequence[Augmentation] = (),
    checkpoint: Path | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> FittedLinear | FittedNetwork:
    """The model, fitted; its probabilities calibrated by one factor chosen on the development clips.

    With `settings.thresholds` an offset per class is chosen there, too. Linear models learn from training and
    development clips together, once both are known. A network learns from the training clips, and the development clips
    pick its best epoch; with `settings.refit_on_all` and a schedule that is gone through to its end, its last counts.

    Args:
        augmentations: changes of spectrograms; only training batches are handed to them.
        checkpoint: file in which a network keeps where it is; if it exists, training goes on from there.
        on_epoch: called after each epoch of a network.

    Raises:
        ModelError: a class without a training clip, clips of several lengths for a network that needs one, or an
            auxiliary target that no training clip has.
    """
    counts = np.bincount(train.labels[train.rows], minlength=classes)
    if (counts == 0).any():
        raise ModelError(
            f"class number {int(np.flatnonzero(counts == 0)[0])} of {classes} has no training clip in this fold; "
            "use fewer labels or other folds"
        )
    if isinstance(model, LinearModel):
        return _fit_linear(model, train, development, classes, settings)
    weights = class_weights(train.shares(classes).sum(axis=0), settings.class_weights)
    if not isinstance(model, Network):
        raise ModelError(f"{type(model).__name__} is neither a LinearModel nor a Network")
    if model.one_length and len(set(train.values.lengths.tolist())) > 1:
        raise ModelError(f"{type(model).__name__} needs clips of one length; set audio.seconds in the recipe")
    if train.levels is not None and (train.levels[train.rows] == UNKNOWN).all():
        raise ModelError(
            f"no training clip of this fold has a known {settings.auxiliary}; take other corpora or another "
            "training.auxiliary, or leave it out"
        )
    from emotone.training.forward import logits
    from emotone.training.loop import Loop

    as_the_other = settings.refit_on_all and settings.patience == 0 and settings.scheduler in _ENDS
    keep: Literal["best", "last"] = "last" if as_the_other else "best"
    loop = Loop(
        model, train, development, classes, settings, weights, seed, augmentations, checkpoint, on_epoch, keep=keep
    )
    finished = loop.run()
    module = _held(loop.best_module(), settings)
    scores = logits(module, development.values, development.rows) + loop.lacks
    new = _new_voices(train, development)
    (sharpness,), offsets = _calibration(scores, development, settings, np.ones((len(scores), 1)), new)
    heard = log_softmax(sharpness * scores + offsets, axis=1)
    if settings.refit_on_all and finished and not development.only_watched:
        both = replace(train, rows=np.concatenate([train.rows, development.rows]))
        weights = class_weights(both.shares(classes).sum(axis=0), settings.class_weights)
        again = None if checkpoint is None else checkpoint.with_name(f"both-{checkpoint.name}")
        lasting = _as_long(settings, loop.best["epoch"])
        last = Loop(model, both, None, classes, lasting, weights, seed, augmentations, again, on_epoch, keep="last")
        finished = last.run()
        module = _held(last.best_module(), settings) if finished else module
    return FittedNetwork(module, sharpness, heard, loop.curve, finished, offsets)


def _held(module: nn.Module, settings: TrainingSettings) -> nn.Module:
    """The module as it is kept: with `settings.half_precision` its matrices hold numbers that half precision has."""
    if settings.half_precision:
        for weight in module.parameters():
            if weight.ndim > 1:
                weight.data = weight.data.half().float()
    return module


def _as_long(settings: TrainingSettings, best_epoch: int) -> TrainingSettings:
    """Settings of a fit that nothing stops: as many epochs as were best, or to the end of a schedule that has one."""
    epochs = settings.epochs if settings.scheduler in _ENDS else best_epoch
    return settings.model_copy(update={"epochs": epochs, "patience": 0})


def _fit_linear(
    model: LinearModel,
    train: Examples,
    development: Examples,
    classes: int,
    settings: TrainingSettings,
) -> FittedLinear:
    power, absent = settings.class_weights, settings.absent_class_weight
    x, x_development = train.values.dense(train.rows), development.values.dense(development.rows)
    scaling = None if train.scaled_by is None else Affine.standardiser(train.values.dense(train.scaled_by))

    def fitted(clips: Examples, values: NDArray[np.float32]) -> Affine:
        weights, counts = clip_weights(train, clips, classes, power, absent), counted(train, clips, classes, absent)
        return model.fit(values, clips.shares(classes), weights, scaling, counts)

    first = fitted(train, x)
    there = counted(train, development, classes, absent)
    lacks = 0.0 if there is None else log_share(there)
    heard_as, new = first.domains(x_development), _new_voices(train, development)
    sharpness, offsets = _calibration(first.scores(x_development) + lacks, development, settings, heard_as, new)
    heard = first.sharpened(sharpness).shifted(offsets).log_probabilities(x_development)
    last = first
    if not development.only_watched:
        last = fitted(_labels_of(train, development, classes), np.concatenate([x, x_development]))
    return FittedLinear(
        last.sharpened(sharpness).shifted(offsets), heard, _corpora_of_sides(last, train, classes, absent)
    )


def _corpora_of_sides(affine: Affine, train: Examples, classes: int, absent: float) -> tuple[int, ...]:
    """The corpus of each side that the model tells apart."""
    counts = counted(train, train, classes, absent)
    if counts is None or train.corpora is None or affine.kernel is None or affine.kernel.domains is None:
        return ()
    sides, corpora = domains_of(counts), train.corpora[train.rows]
    return tuple(int(corpora[sides == side][0]) for side in range(sides.max() + 1))


def _labels_of(train: Examples, development: Examples, classes: int) -> Examples:
    """Both sides one after the other, as far as their labels go; the values are not looked at."""
    sides = (train, development)
    of_both = train.corpora is not None and development.corpora is not None
    return Examples(
        train.values,
        np.concatenate([side.labels[side.rows] for side in sides]),
        np.arange(len(train) + len(development)),
        targets=np.concatenate([side.shares(classes) for side in sides]),
        corpora=np.concatenate([side.corpora[side.rows] for side in sides]) if of_both else None,  # type: ignore[index]
    )


def _new_voices(train: Examples, development: Examples) -> NDArray[np.bool_]:
    """(development clips,) whether the speaker was not learned from; all, where it is not known or none is."""
    every = np.ones(len(development.rows), dtype=bool)
    if train.speakers is None or development.speakers is None:
        return every
    new = ~np.isin(development.speakers[development.rows], train.speakers[train.rows])
    return new if new.any() else every


def _calibration(
    scores: Floats, development: Examples, settings: TrainingSettings, sides: Floats, new: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """((sides,) sharpness, (classes,) offsets) of a model with these scores of development clips.

    A corpus of which no new voice is among them says nothing of how sure to be: it is held to be as the others. With
    thresholds all are held for one.

    Args:
        sides: (development clips, sides) how much each sounds as of each side.
        new: (development clips,) whether the speaker was not learned from.
    """
    shares, labels = development.shares(scores.shape[1]), development.labels[development.rows]
    together = _sharpness(scores[new], shares[new])
    if settings.thresholds:
        return np.array([together]), thresholds(log_softmax(together * scores, axis=1), labels)
    of_side = [new & (sides.argmax(axis=1) == side) for side in range(sides.shape[1])]
    sharpness = [_sharpness(scores[one], shares[one]) if one.sum() >= _FEW_CLIPS else together for one in of_side]
    return np.array(sharpness), np.zeros(scores.shape[1])


def _sharpness(scores: Floats, shares: Floats) -> float:
    """The factor on the scores under which labels or votes are likeliest (temperature scaling, Guo et al. 2017)."""

    def loss(log_factor: float) -> float:
        return -float((shares * log_softmax(scores * math.exp(log_factor), axis=1)).sum(axis=1).mean())

    return math.exp(float(minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded").x))
