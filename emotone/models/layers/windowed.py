"""Windows of a clip, and the part that the residual networks share: a BiGRU and attentive statistics per window."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from emotone.models import Network
from emotone.models.layers.dropout import Dropout
from emotone.models.layers.pooling import AttentionPool
from emotone.models.layers.recurrent import Recurrent


class WindowedNetwork(Network):
    """Settings of a network whose input are windows of a clip; subclasses add those of their convolutions."""

    takes: ClassVar[tuple[str, ...]] = ("sequence",)

    dims: int = Field(64, ge=2, description="Values per frame between convolutions and GRU.")
    attention: int = Field(64, ge=1, description="Units of the attention's hidden layer.")
    dropout: float = Field(0.3, ge=0, lt=1, description="Dropout before the classifier.")
    window: int = Field(128, ge=8, description="Frames of a window.")
    views: int = Field(3, ge=1, description="Windows per clip outside of training.")
    evaluation_window: int | None = Field(
        None, ge=8, description="Frames of a window outside of training; none: as in training."
    )
    shrink: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Factor on the input outside of training: without masking, clips are further from the mean than "
        "those of training.",
    )

    @property
    def evaluation_windows(self) -> tuple[int, int] | None:
        return self.views, self.evaluation_window or self.window


class ByWindows(nn.Module, ABC):
    """Windows of a clip - `frames` - linear - residual BiGRU - attentive statistics, averaged - linear."""

    def __init__(self, settings: WindowedNetwork) -> None:
        super().__init__()
        self.window, self.shrink = settings.window, settings.shrink
        self.views, self.evaluation_window = settings.views, settings.evaluation_window or settings.window

    def _end(self, settings: WindowedNetwork, width: int, classes: int) -> None:
        """Make the layers after `frames`; subclasses call it last, so that a seed gives the same weights.

        Args:
            width: values per frame of the output of `frames`.
        """
        self.project = nn.Sequential(nn.Linear(width, settings.dims), nn.ReLU())
        self.recurrent = Recurrent("gru", settings.dims, settings.dims // 2)
        self.pool = AttentionPool(settings.dims, settings.attention, deviation=True)
        self.out = nn.Sequential(
            nn.BatchNorm1d(2 * settings.dims), Dropout(settings.dropout), nn.Linear(2 * settings.dims, classes)
        )

    @abstractmethod
    def frames(self, windows: Tensor) -> Tensor:
        """(windows, frames, dims) -> (windows, fewer frames, width)."""

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch, frames, dims) -> (batch, classes)."""
        if self.training:
            windows = random_window(values, lengths, self.window)
        else:
            windows = self.shrink * even_windows(values, lengths, self.evaluation_window, self.views)
        frames = self.project(self.frames(windows.flatten(0, 1)))
        frames = frames + self.recurrent(frames, None).to(frames.dtype)
        pooled = self.pool(frames, None)
        logits: Tensor = self.out(pooled.reshape(-1, windows.shape[1], pooled.shape[1]).mean(dim=1))
        return logits


def random_window(values: Tensor, lengths: Tensor | None, frames: int) -> Tensor:
    """(batch, 1, frames, dims) one window at a random position of each clip; arguments as of `even_windows`."""
    lengths, spare = _spare_frames(values, lengths, frames)
    return windows_at(values, lengths, torch.round(spare[:, None] * torch.rand_like(spare)[:, None]).long(), frames)


def even_windows(values: Tensor, lengths: Tensor | None, frames: int, views: int) -> Tensor:
    """(batch, views, frames, dims) windows of each clip at equal distances from its beginning to its end.

    A single window is the middle of the clip. A clip shorter than the window is padded with zeros: in its windows it is
    at the beginning, in between, and at the end.

    Args:
        values: (batch, frames, dims).
        lengths: (batch,) frames of each clip; None: all are valid.
        frames: of a window.
        views: number of windows.
    """
    lengths, spare = _spare_frames(values, lengths, frames)
    first, last = (0.0, 1.0) if views > 1 else (0.5, 0.5)
    places = torch.linspace(first, last, views, device=values.device, dtype=values.dtype)[None]
    return windows_at(values, lengths, torch.round(spare[:, None] * places).long(), frames)


def windows_at(values: Tensor, lengths: Tensor, starts: Tensor, frames: int) -> Tensor:
    """(batch, windows, frames, dims) windows of each clip, with zeros before its beginning and after its end.

    Args:
        values: (batch, frames, dims).
        lengths: (batch,) frames of each clip.
        starts: (batch, windows) first frame of each window; negative before the clip.
        frames: of a window.
    """
    places = starts[:, :, None] + torch.arange(frames, device=values.device)
    inside = (places >= 0) & (places < lengths[:, None, None])
    clamped = torch.minimum(places.clamp(min=0), lengths[:, None, None] - 1).flatten(1)
    taken = values.gather(1, clamped.unsqueeze(2).expand(-1, -1, values.shape[2]))
    windows = taken.reshape(-1, starts.shape[1], frames, values.shape[2])
    return windows * inside.unsqueeze(3).to(values.dtype)


def _spare_frames(values: Tensor, lengths: Tensor | None, frames: int) -> tuple[Tensor, Tensor]:
    """((batch,) frames of each clip, (batch,) by how many it exceeds the window, negative for a shorter clip)."""
    if lengths is None:
        lengths = torch.ones_like(values[:, :, 0]).sum(dim=1)
    return lengths.long(), lengths.to(values.dtype) - frames
