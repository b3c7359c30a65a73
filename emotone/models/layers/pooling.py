"""Pooling of frames into one vector per clip: mean or attention, with or without the deviation; padding is ignored."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from emotone.models.layers.shapes import valid_frames


class MeanPool(nn.Module):
    """(batch, frames, dims), (batch,) valid frames or None -> (batch, size): the mean of the valid frames.

    Source: with deviation, the statistics pooling of Snyder et al. 2018 (x-vectors).

    Args:
        dims: values per frame.
        deviation: append the standard deviation, so that `size` is 2 * dims.
    """

    def __init__(self, dims: int, *, deviation: bool = False) -> None:
        super().__init__()
        self.deviation, self.size = deviation, 2 * dims if deviation else dims

    def weights(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """(batch, frames, 1) weight of each frame, summing to one over a clip's valid frames."""
        valid = valid_frames(lengths, values)
        ones = torch.ones_like(values[:, :, :1]) if valid is None else valid
        return (ones.float() / ones.float().sum(dim=1, keepdim=True)).to(values.dtype)

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        weights = self.weights(values, lengths)
        mean = (weights * values).sum(dim=1)
        if not self.deviation:
            return mean
        variance = (weights * (values - mean.unsqueeze(1)).square()).sum(dim=1)
        return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)


class AttentionPool(MeanPool):
    """The same, with frames weighted by additive attention.

    Source: additive attention with one learned query, Lin et al., ICLR 2017; with deviation, the attentive statistics
    of Okabe et al. 2018.

    Args:
        dims: values per frame.
        hidden: units of the attention's hidden layer.
        deviation: append the weighted standard deviation.
    """

    def __init__(self, dims: int, hidden: int, *, deviation: bool = False) -> None:
        super().__init__(dims, deviation=deviation)
        self.score = nn.Sequential(nn.Linear(dims, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def weights(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """(batch, frames, 1) weight of each frame, summing to one over a clip's valid frames."""
        scores: Tensor = self.score(values).float()
        valid = valid_frames(lengths, values)
        if valid is not None:
            scores = scores.masked_fill(valid == 0, float("-inf"))
        return torch.softmax(scores, dim=1)


def make_pool(kind: Literal["mean", "mean_std", "attention"], dims: int, hidden: int = 128) -> MeanPool:
    """The pooling layer of this name."""
    if kind == "attention":
        return AttentionPool(dims, hidden)
    return MeanPool(dims, deviation=kind == "mean_std")
