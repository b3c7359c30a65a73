"""Early stopping: the best epoch by loss or UAR, and when training ends."""

from __future__ import annotations

import math
from typing import Literal

import pytest

from emotone.training.early_stopping import EarlyStopping
from emotone.training.examples import Epoch
from emotone.training.settings import TrainingSettings

LOSSES, UARS = (0.9, 0.5, 0.7, 0.6, 0.8), (0.3, 0.4, 0.4, 0.6, 0.5)


def watched(keep: Literal["best", "last"], **settings: object) -> tuple[EarlyStopping, int]:
    """After the epochs above, as far as they are reached; and how many these are."""
    best = EarlyStopping(TrainingSettings(**settings), keep, {"w": 0})  # type: ignore[arg-type]
    epochs = 0
    for loss, uar in zip(LOSSES, UARS, strict=True):
        if best.over(epochs):
            break
        epochs += 1
        if best.improves(Epoch(epochs, 0.0, loss, uar, 0.0, 0.0)):
            best.weights = {"w": epochs}
    return best, epochs


@pytest.mark.parametrize(("monitor", "epoch"), [("loss", 2), ("uar", 4)])
def test_the_weights_of_the_best_epoch_are_kept(monitor: str, epoch: int) -> None:
    best, epochs = watched("best", monitor=monitor, patience=0)
    assert (best.epoch, best.weights, epochs) == (epoch, {"w": epoch}, 5)


def test_training_ends_after_as_many_epochs_without_a_better_one_as_patience_allows() -> None:
    assert watched("best", patience=2)[1] == 4
    assert watched("best", patience=0, epochs=3)[1] == 3


def test_the_last_epoch_may_be_kept_instead_even_without_a_score() -> None:
    best, _ = watched("last", patience=0)
    assert best.epoch == 5
    assert best.improves(Epoch(6, 0.0, math.nan, math.nan, 0.0, 0.0))
    assert not watched("best", patience=0)[0].improves(Epoch(6, 0.0, math.nan, math.nan, 0.0, 0.0))


def test_it_goes_on_from_a_checkpoint() -> None:
    best, _ = watched("best", patience=0)
    again = EarlyStopping(TrainingSettings(), "best", {})
    again.load_state_dict(best.state_dict())
    assert vars(again) == {**vars(best), "settings": again.settings}
