"""Sequences and images in each other's shape, and the frames of a batch that are not padding."""

from __future__ import annotations

import torch
from torch import Tensor


def as_image(values: Tensor) -> Tensor:
    """(batch, channels, height, width): a sequence (batch, frames, bands) becomes one channel of bands x frames."""
    return values.transpose(1, 2).unsqueeze(1) if values.ndim == 3 else values


def as_sequence(maps: Tensor) -> Tensor:
    """(batch, channels, height, width) -> (batch, width, channels * height): the columns of an image as frames."""
    return maps.permute(0, 3, 1, 2).flatten(2)


def valid_frames(lengths: Tensor | None, values: Tensor) -> Tensor | None:
    """(batch, frames, 1) 1 for frames of the clip, 0 for padding; None where nothing is padded."""
    if lengths is None:
        return None
    frames = torch.arange(values.shape[1], device=values.device)
    return (frames[None] < lengths[:, None]).unsqueeze(2).to(values.dtype)


def last_valid(values: Tensor, lengths: Tensor | None) -> Tensor:
    """(batch, dims) the last frame of each clip that is not padding."""
    if lengths is None:
        return values[:, -1]
    place = (lengths - 1).view(-1, 1, 1).expand(-1, 1, values.shape[2])
    return values.gather(1, place).squeeze(1)
