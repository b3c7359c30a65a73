"""Fit one model on one fold: linear models in one step, networks by the training loop; then calibrate it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from emotone.augment import Augmentation
from emotone.errors import ModelError
from emotone.models import LinearModel, Model, Network, shelf
from emotone.models.linear.affine import Affine
from emotone.training.balance import class_mask, clip_weights, log_mask
from emotone.training.calibration import calibrate
from emotone.training.examples import UNKNOWN, Epoch, Examples, Floats, Values
from emotone.training.settings import TrainingSettings

if TYPE_CHECKING:
    from torch import nn


@dataclass
class FittedLinear:
    """A fitted linear model.

    Attributes:
        affine: the model, calibrated.
        development: (development clips, classes) log-probabilities before the model was refitted with these clips.
    """

    affine: Affine
    development: Floats
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
    """A fitted network with its best weights.

    Attributes:
        module: the network, in evaluation mode.
        sharpness: factor on its logits.
        development: (development clips, classes) log-probabilities.
        curve: a line per epoch.
        finished: False if training was stopped by Ctrl-C.
        offsets: (classes,) added to the logits after the factor.
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
        """(clips, classes) before factor, offsets and softmax."""
        from emotone.training.forward import logits

        return logits(self.module, values, rows)

    def embeddings(self, values: Values, rows: NDArray[np.int64]) -> NDArray[np.float16] | None:
        """(clips, dims) input of its last linear layer; None where it has no such layer."""
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
    """The fitted model, calibrated on the development clips.

    Without development clips, it is fitted to the training clips in one step or for all epochs, and not calibrated.
    A linear model is fitted to the training clips, calibrated, and refitted to training and development clips together.
    A network is fitted to the training clips; the development clips select its best epoch. `settings.refit_on_all`
    refits a network too.

    Args:
        classes: number of classes.
        settings: of the training; linear models use class weights and thresholds only.
        seed: of a network.
        augmentations: of spectrograms; applied to training batches only.
        checkpoint: file that a network's training resumes from if it exists.
        on_epoch: called after each epoch of a network.

    Raises:
        ModelError: a class without a training clip, clips of several lengths for a network that needs one length, or
            an auxiliary target that no training clip has.
    """
    _check_classes(train, classes)
    if isinstance(model, LinearModel):
        return _fit_linear(model, train, development, classes, settings)
    if not isinstance(model, Network):
        raise ModelError(f"{type(model).__name__} is neither a LinearModel nor a Network; derive it from one of them")
    _check_network_input(model, train, settings)
    return _fit_network(model, train, development, classes, settings, seed, augmentations, checkpoint, on_epoch)


def _fit_linear(
    model: LinearModel, train: Examples, development: Examples, classes: int, settings: TrainingSettings
) -> FittedLinear:
    """Fit to the training clips, calibrate on the development clips, refit to both."""
    power, absent = settings.class_weights, settings.absent_class_weight
    x, x_development = train.values.dense(train.rows), development.values.dense(development.rows)
    scaling = None if train.scaled_by is None else Affine.standardiser(train.values.dense(train.scaled_by))

    def fitted(clips: Examples, values: NDArray[np.float32]) -> Affine:
        weights, mask = clip_weights(train, clips, classes, power, absent), class_mask(train, clips, classes, absent)
        return model.fit(values, clips.distributions(classes), weights, scaling, mask)

    first = fitted(train, x)
    if not len(development):
        return FittedLinear(first, np.zeros((0, classes)))
    mask = class_mask(train, development, classes, absent)
    scores = first.scores(x_development) + (0.0 if mask is None else log_mask(mask))
    sharpness, offsets = _calibrated(scores, train, development, settings)
    log_probs = first.sharpened(sharpness).shifted(offsets).log_probabilities(x_development)
    last = first
    if not development.only_watched:
        last = fitted(_labels_of_both(train, development, classes), np.concatenate([x, x_development]))
    return FittedLinear(last.sharpened(sharpness).shifted(offsets), log_probs)


def _fit_network(
    model: Network,
    train: Examples,
    development: Examples,
    classes: int,
    settings: TrainingSettings,
    seed: int,
    augmentations: Sequence[Augmentation],
    checkpoint: Path | None,
    on_epoch: Callable[[Epoch], None] | None,
) -> FittedNetwork:
    """Train with early stopping, calibrate on the development clips, and refit to both with `refit_on_all`.

    If the refit runs to the end of its schedule, the first fit is calibrated at its last epoch too, not at its best.
    """
    from emotone.training.forward import logits
    from emotone.training.loop import Loop

    make = partial(Loop, model, seed=seed, augmentations=augmentations, on_epoch=on_epoch)
    if not len(development):
        loop = make(train, None, classes, settings, keep="last", checkpoint=checkpoint)
        finished, offsets = loop.run(), np.zeros(classes)
        module = _rounded(loop.best_module(), settings)
        return FittedNetwork(module, 1.0, np.zeros((0, classes)), loop.curve, finished, offsets)
    to_the_end = settings.refit_on_all and settings.patience == 0 and settings.schedule_ends
    loop = make(train, development, classes, settings, keep="last" if to_the_end else "best", checkpoint=checkpoint)
    finished = loop.run()
    module = _rounded(loop.best_module(), settings)
    scores = logits(module, development.values, development.rows) + loop.log_mask
    sharpness, offsets = _calibrated(scores, train, development, settings)
    log_probs = log_softmax(sharpness * scores + offsets, axis=1)
    if settings.refit_on_all and finished and not development.only_watched:
        both = train.at(np.concatenate([train.rows, development.rows]))
        epochs = settings.epochs if settings.schedule_ends else loop.best.epoch
        unstopped = settings.model_copy(update={"epochs": epochs, "patience": 0})
        second = None if checkpoint is None else checkpoint.with_name(f"both-{checkpoint.name}")
        refit = make(both, None, classes, unstopped, keep="last", checkpoint=second)
        finished = refit.run()
        module = _rounded(refit.best_module(), settings) if finished else module
    return FittedNetwork(module, sharpness, log_probs, loop.curve, finished, offsets)


def _check_classes(train: Examples, classes: int) -> None:
    """Refuse a fold in which a class has no training clip."""
    counts = np.bincount(train.labels[train.rows], minlength=classes)
    if (counts == 0).any():
        raise ModelError(
            f"class number {int(np.flatnonzero(counts == 0)[0])} of {classes} has no training clip in this fold; "
            "use fewer labels or other folds"
        )


def _check_network_input(model: Network, train: Examples, settings: TrainingSettings) -> None:
    """Refuse clips of several lengths for a network of one length, histories for a network that takes none, and an
    auxiliary target that no clip has."""
    lengths = set(train.values.lengths.tolist())
    if model.one_length and len(lengths) > 1:
        raise ModelError(
            f"{type(model).__name__} needs clips of one length, these have {min(lengths)} to {max(lengths)} frames; "
            "set audio.seconds in the recipe"
        )
    if settings.histories and not model.takes_history:
        able = [name for name in shelf.names() if getattr(shelf.get(name), "takes_history", False)]
        raise ModelError(
            f"{type(model).__name__} takes no speaker histories; take {' or '.join(able)}, or leave out "
            "training.histories"
        )
    if train.levels is not None and (train.levels[train.rows] == UNKNOWN).all():
        raise ModelError(
            f"no training clip of this fold has a known {settings.auxiliary}; take other corpora or another "
            "training.auxiliary, or leave it out"
        )


def _calibrated(
    scores: Floats, train: Examples, development: Examples, settings: TrainingSettings
) -> tuple[float, Floats]:
    """`calibrate` with the labels and votes of the development clips."""
    return calibrate(
        scores,
        development.distributions(scores.shape[1]),
        development.labels[development.rows],
        unseen=_unseen_speakers(train, development),
        choose_thresholds=settings.thresholds,
    )


def _unseen_speakers(train: Examples, development: Examples) -> NDArray[np.bool_]:
    """(development clips,) whether the speaker is no training speaker; all True if speakers are unknown or all seen."""
    everyone = np.ones(len(development.rows), dtype=bool)
    if train.speakers is None or development.speakers is None:
        return everyone
    unseen = ~np.isin(development.speakers[development.rows], train.speakers[train.rows])
    return unseen if unseen.any() else everyone


def _rounded(module: nn.Module, settings: TrainingSettings) -> nn.Module:
    """The module; with `settings.half_precision` its matrices are rounded to half precision."""
    if settings.half_precision:
        for weight in module.parameters():
            if weight.ndim > 1:
                weight.data = weight.data.half().float()
    return module


def _labels_of_both(train: Examples, development: Examples, classes: int) -> Examples:
    """Labels, targets and corpora of training and development clips, one after the other; `values` are not used."""
    parts = (train, development)
    corpora = None
    if train.corpora is not None and development.corpora is not None:
        corpora = np.concatenate([train.corpora[train.rows], development.corpora[development.rows]])
    return Examples(
        train.values,
        np.concatenate([part.labels[part.rows] for part in parts]),
        np.arange(len(train) + len(development)),
        targets=np.concatenate([part.distributions(classes) for part in parts]),
        corpora=corpora,
    )
