"""Optimizer and learning-rate schedule."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim import lr_scheduler

from emotone.training.settings import TrainingSettings


def make_optimizer(groups: list[tuple[list[nn.Parameter], float]], settings: TrainingSettings) -> torch.optim.Optimizer:
    """The optimizer; weights of one dimension (biases, norms) have no weight decay.

    Args:
        groups: weights, each group with its factor on the learning rate.
    """
    parts: list[dict[str, Any]] = []
    for weights, factor in groups:
        for decays in (True, False):
            chosen = [weight for weight in weights if (weight.ndim > 1) == decays]
            decay = settings.weight_decay if decays else 0.0
            parts.append({"params": chosen, "weight_decay": decay, "lr": factor * settings.learning_rate})
    kind: Any = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[settings.optimizer]
    momentum = {"momentum": 0.9} if settings.optimizer == "sgd" else {}
    made: torch.optim.Optimizer = kind(parts, lr=settings.learning_rate, **momentum)
    return made


def make_schedule(optimizer: torch.optim.Optimizer, settings: TrainingSettings, steps_per_epoch: int) -> Any:
    """The learning-rate schedule, or None: `one_cycle` and `linear` step per batch, `plateau`, `cosine` per epoch."""
    if settings.scheduler == "plateau":
        return lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=max(1, settings.patience // 3))
    if settings.scheduler == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs)
    if settings.scheduler == "one_cycle":
        rates = [group["lr"] for group in optimizer.param_groups]
        return lr_scheduler.OneCycleLR(
            optimizer, rates, total_steps=settings.epochs * steps_per_epoch + 1, pct_start=0.15
        )
    if settings.scheduler == "linear":
        steps = settings.epochs * steps_per_epoch
        rise = settings.warmup * steps
        return lr_scheduler.LambdaLR(
            optimizer, lambda step: min(1.0, (step + 1) / max(1.0, rise), max(0.0, (steps - step) / (steps - rise)))
        )
    return None
