"""Loss of a network: cross-entropy of the classes, of an auxiliary target if there is one, and the L2 penalty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotone.training.balance import class_mask, clip_weights, log_mask
from emotone.training.examples import UNKNOWN, Examples, Floats
from emotone.training.mixup import Mixture
from emotone.training.settings import TrainingSettings


class Loss:
    """Cross-entropy of the first outputs with labels or votes, plus a weighted one of the others with the levels.

    Class weights and label smoothing apply to the classes only. Clips of unknown level do not count for the levels.
    For a batch with mixup, the losses of both halves are mixed. With `training.absent_class_weight` below 1, the
    classes that a clip's corpus lacks have less probability in its softmax; at 0 they have none.

    Args:
        train: the training clips.
        classes: number of classes.
        weights: (classes,) class weights.
    """

    def __init__(
        self, train: Examples, classes: int, weights: Floats, settings: TrainingSettings, device: torch.device
    ) -> None:
        self.train, self.classes, self.auxiliary_weight = train, classes, settings.auxiliary_weight
        self.smoothing = settings.label_smoothing
        self.cross_entropy = nn.CrossEntropyLoss(
            weight=torch.as_tensor(weights, dtype=torch.float32, device=device),
            label_smoothing=settings.label_smoothing,
        )
        absent, all_clips = settings.absent_class_weight, train.at(np.arange(len(train.labels)))
        self.mask = class_mask(train, all_clips, classes, absent)
        if self.mask is not None:
            self.clip_weights = clip_weights(train, all_clips, classes, settings.class_weights, absent)

    def __call__(self, outputs: Tensor, rows: NDArray[np.int64], mixture: Mixture | None) -> Tensor:
        """The loss of (batch, classes + levels) outputs for the clips of these rows."""
        loss = self._of(outputs, rows)
        if mixture is None:
            return loss
        return mixture.share * loss + (1 - mixture.share) * self._of(outputs, rows[mixture.partners])

    def _of(self, outputs: Tensor, rows: NDArray[np.int64]) -> Tensor:
        if self.mask is not None:
            return self._masked(outputs, rows, self.mask[rows])
        target = torch.as_tensor(self.train.labels[rows], device=outputs.device)
        if self.train.targets is not None:
            target = torch.as_tensor(self.train.targets[rows], dtype=torch.float32, device=outputs.device)
        loss: Tensor = self.cross_entropy(outputs[:, : self.classes], target)
        if self.train.levels is None:
            return loss
        levels = torch.as_tensor(self.train.levels[rows], device=outputs.device)
        known = (levels != UNKNOWN).sum().clamp(min=1)  # a batch may have none
        summed = nn.functional.cross_entropy(outputs[:, self.classes :], levels, ignore_index=UNKNOWN, reduction="sum")
        return loss + self.auxiliary_weight * summed / known

    def _masked(self, outputs: Tensor, rows: NDArray[np.int64], mask: Floats) -> Tensor:
        """Weighted cross-entropy with a class mask, (batch, classes)."""
        distributions = self.train.at(rows).distributions(self.classes)
        present = (mask == 1) / (mask == 1).sum(axis=1, keepdims=True)
        targets = (1 - self.smoothing) * distributions + self.smoothing * present
        weights = (distributions * self.clip_weights[rows]).sum(axis=1)

        def tensor(values: Floats) -> Tensor:
            return torch.as_tensor(values, dtype=torch.float32, device=outputs.device)

        logits = outputs[:, : self.classes] + tensor(log_mask(mask))
        losses = -(tensor(targets) * logits.log_softmax(dim=1)).sum(dim=1)
        return (losses * tensor(weights)).sum() / float(weights.sum())


def l2_weights(network: nn.Module) -> list[nn.Parameter]:
    """The weights that `training.l2` penalises: those the network names, or all of two or more dimensions."""
    named = getattr(network, "regularised", None)
    chosen = named() if named is not None else [weight for weight in network.parameters() if weight.ndim > 1]
    return [weight for weight in chosen if weight.requires_grad]


def l2_penalty(weights: Sequence[nn.Parameter], l2: float) -> Tensor | float:
    """`l2` times the sum of squares of the weights."""
    return l2 * torch.stack([weight.float().square().sum() for weight in weights]).sum() if weights else 0.0
