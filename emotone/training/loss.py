"""What a network is trained to make small: the loss of its classes, and of an auxiliary target if there is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotone.training.balance import clip_weights, counted, log_share
from emotone.training.examples import UNKNOWN, Examples, Floats
from emotone.training.mixup import Mixture
from emotone.training.settings import TrainingSettings


class Objective:
    """Cross-entropy of the first outputs with the classes or votes, plus a share of that of the others with the levels.

    Class weights and label smoothing are for the classes alone. Clips of unknown level do not count for the levels.
    Of a blended batch the losses of both halves are blended. Where `training.absent_class_weight` is under 1, a class that a
    clip's corpus lacks has so much less probability to take from the others; at 0 none.
    """

    def __init__(
        self, train: Examples, classes: int, weights: Floats, settings: TrainingSettings, device: torch.device
    ) -> None:
        self.train, self.classes, self.auxiliary_weight = train, classes, settings.auxiliary_weight
        self.smoothing = settings.label_smoothing
        self.main = nn.CrossEntropyLoss(
            weight=torch.as_tensor(weights, dtype=torch.float32, device=device),
            label_smoothing=settings.label_smoothing,
        )
        everywhere = replace(train, rows=np.arange(len(train.labels)))
        self.counted = counted(train, everywhere, classes, settings.absent_class_weight)
        if self.counted is not None:
            self.clip_weights = clip_weights(
                train, everywhere, classes, settings.class_weights, settings.absent_class_weight
            )

    def __call__(self, outputs: Tensor, rows: NDArray[np.int64], mixture: Mixture | None) -> Tensor:
        """The loss of (batch, classes + levels) outputs for the clips of these rows."""
        loss = self._loss(outputs, rows)
        if mixture is None:
            return loss
        return mixture.share * loss + (1 - mixture.share) * self._loss(outputs, rows[mixture.partners])

    def _loss(self, outputs: Tensor, rows: NDArray[np.int64]) -> Tensor:
        if self.counted is not None:
            return self._within_corpus(outputs, rows)
        wanted = torch.as_tensor(self.train.labels[rows], device=outputs.device)
        if self.train.targets is not None:
            wanted = torch.as_tensor(self.train.targets[rows], dtype=torch.float32, device=outputs.device)
        loss: Tensor = self.main(outputs[:, : self.classes], wanted)
        if self.train.levels is None:
            return loss
        levels = torch.as_tensor(self.train.levels[rows], device=outputs.device)
        known = (levels != UNKNOWN).sum().clamp(min=1)  # a batch may have none
        summed = nn.functional.cross_entropy(outputs[:, self.classes :], levels, ignore_index=UNKNOWN, reduction="sum")
        return loss + self.auxiliary_weight * summed / known

    def _within_corpus(self, outputs: Tensor, rows: NDArray[np.int64]) -> Tensor:
        """The cross-entropy of each clip among the classes that its corpus has; the others count for less."""
        assert self.counted is not None
        here = self.counted[rows]
        shares = replace(self.train, rows=rows).shares(self.classes)
        among = (here == 1) / (here == 1).sum(axis=1, keepdims=True)
        wanted = (1 - self.smoothing) * shares + self.smoothing * among
        weights = (shares * self.clip_weights[rows]).sum(axis=1)

        def tensor(values: Floats) -> Tensor:
            return torch.as_tensor(values, dtype=torch.float32, device=outputs.device)

        logits = outputs[:, : self.classes] + tensor(log_share(here))
        losses = -(tensor(wanted) * logits.log_softmax(dim=1)).sum(dim=1)
        return (losses * tensor(weights)).sum() / float(weights.sum())
