"""Early stopping: which epoch is the best, and when training ends."""

from __future__ import annotations

import math
from typing import Any, Literal

from emotone.training.examples import Epoch
from emotone.training.settings import TrainingSettings


class EarlyStopping:
    """The best epoch so far and its weights.

    Args:
        settings: `epochs`, `patience` and `monitor`.
        keep: `best`: the epoch with the best development score; `last`: the last one.
        weights: of the network before training.
    """

    def __init__(self, settings: TrainingSettings, keep: Literal["best", "last"], weights: dict[str, Any]) -> None:
        self.settings, self.keep = settings, keep
        self.score, self.epoch, self.weights = -math.inf, 0, weights

    def improves(self, line: Epoch) -> bool:
        """Whether this epoch is the best so far; if it is, set `weights` to those of this epoch."""
        score = -line.development_loss if self.settings.monitor == "loss" else line.development_uar
        if not score > self.score and self.keep == "best":  # a score that is NaN never improves
            return False
        self.score, self.epoch = score, line.epoch
        return True

    def over(self, epochs: int) -> bool:
        """Whether training ends after so many epochs."""
        return epochs >= self.settings.epochs or 0 < self.settings.patience <= epochs - self.epoch

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {"score": self.score, "epoch": self.epoch, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.score, self.epoch, self.weights = state["score"], state["epoch"], state["weights"]
