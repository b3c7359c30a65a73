"""Many frames -> one vector: mean, mean and deviation, or attention, over the valid frames alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Pooling(nn.Module):
    """(batch, frames, dims), (batch,) valid frames or None -> (batch, size).

    Source: statistics, Snyder et al. 2018 (x-vectors); attention, Okabe et al. 2018.
    """

    def __init__(self, kind: str, dims: int, hidden: int = 128) -> None:
        super().__init__()
        self.kind = kind
        self.size = 2 * dims if kind == "mean_std" else dims
        if kind == "attention":
            self.attention = nn.Sequential(nn.Linear(dims, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def weights(self, states: Tensor, frames: Tensor | None) -> Tensor:
        """(batch, frames, 1), summing to one over a clip's own frames."""
        valid = _valid(states, frames)
        if self.kind == "attention":
            scores = self.attention(states).squeeze(2).float().masked_fill(~valid, float("-inf"))
            share = scores.softmax(dim=1)
        else:
            share = valid.float() / valid.sum(dim=1, keepdim=True)
        weights: Tensor = share.to(states.dtype).unsqueeze(2)
        return weights

    def forward(self, states: Tensor, frames: Tensor | None) -> Tensor:
        weight = self.weights(states, frames)
        states = states.masked_fill(~_valid(states, frames).unsqueeze(2), 0.0)
        mean: Tensor = (weight * states).sum(dim=1)
        if self.kind != "mean_std":
            return mean
        variance = (weight * (states - mean.unsqueeze(1)).square()).sum(dim=1)
        return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)


def _valid(states: Tensor, frames: Tensor | None) -> Tensor:
    """(batch, frames) whether a frame is the clip's."""
    if frames is None:
        return states.new_ones(states.shape[:2], dtype=torch.bool)
    return torch.arange(states.shape[1], device=states.device)[None] < frames[:, None]
