"""Weighted mean and deviation of frames, over a clip or over windows of it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Moments = Callable[[Tensor, Tensor], Tensor]
_LEAST_VARIANCE = 1e-5


def moments(values: Tensor, weights: Tensor) -> Tensor:
    """(batch, 2 * heads * dims) weighted mean and standard deviation of the frames of each clip.

    Args:
        values: (batch, frames, dims), float32.
        weights: (batch, frames, heads) of each frame, 0 for padding; their sum may be any number above 0.

    >>> moments(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[[1.0], [1.0], [0.0]]])).tolist()
    [[2.0, 1.0]]
    """
    centre, centred = _centred(values, weights)
    weights = (weights / weights.sum(dim=1, keepdim=True)).transpose(1, 2)
    return _joined(weights @ centred, weights @ centred.square(), centre).flatten(1)


def moving_moments(values: Tensor, weights: Tensor, *, window: int, step: int) -> Tensor:
    """(batch, frames // step + 1, 2 * heads * dims) the same for windows of each clip.

    Window k begins half a window before frame `k * step`. It is cut at the ends of the clip. A window without any frame
    of the clip has finite values without a meaning.

    Args:
        values, weights: as of `moments`.
        window: frames of a window, an even number.
        step: frames from the beginning of one window to that of the next.

    >>> moving_moments(torch.arange(4.0).view(1, 4, 1), torch.ones(1, 4, 1), window=2, step=2)[0, :, 0].tolist()
    [0.0, 1.5, 3.0]
    """
    centre, centred = _centred(values, weights)
    inside = _windows(values.shape[1], window, step).to(values)

    def pooled(frames: Tensor) -> Tensor:
        """(batch, frames, heads, dims) -> (batch, steps, heads, dims), proportional to the sums over windows."""
        means = inside @ frames.flatten(2)  # onnxruntime takes five times as long for a pooling layer
        return means.reshape(means.shape[0], -1, *frames.shape[2:])

    each = weights.unsqueeze(3)
    total = pooled(each).clamp(min=1e-30)
    mean, square = pooled(each * centred.unsqueeze(2)) / total, pooled(each * centred.square().unsqueeze(2)) / total
    return _joined(mean, square, centre.unsqueeze(1)).flatten(2)


def _windows(frames: int, window: int, step: int) -> Tensor:
    """(steps, frames) 1 / window where a frame belongs to a window."""
    starts = torch.arange(0, frames + 1, step).unsqueeze(1) - window // 2
    places = torch.arange(frames)
    return ((places >= starts) & (places < starts + window)) / window


def _centred(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """(batch, 1, dims) mean of the frames that have a weight, and the frames minus it.

    A square is only as exact as the number is small: without this, the variance of a large constant would be lost.
    """
    valid = (weights.sum(dim=2, keepdim=True) > 0).to(values.dtype)
    centre = (values * valid).sum(dim=1, keepdim=True) / valid.sum(dim=1, keepdim=True)
    return centre, values - centre


def _joined(mean: Tensor, square: Tensor, centre: Tensor) -> Tensor:
    """(..., 2 * dims) mean and standard deviation, from the mean of the centred values and of their squares."""
    deviation = (square - mean.square()).clamp(min=_LEAST_VARIANCE).sqrt()
    return torch.cat([mean + centre, deviation], dim=-1)
