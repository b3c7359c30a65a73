"""What the residual networks are behind their convolutions: windows of a clip, a BiGRU, attentive statistics."""

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
    """What such a network is told; the others' settings stand beside it."""

    takes: ClassVar[tuple[str, ...]] = ("sequence",)

    dims: int = Field(64, ge=2, description="Values per frame between convolutions and GRU.")
    attention: int = Field(64, ge=1, description="Units of the attention's hidden layer.")
    dropout: float = Field(0.3, ge=0, lt=1, description="Before the classifier.")
    window: int = Field(128, ge=8, description="Frames that are heard at once.")
    views: int = Field(3, ge=1, description="Windows heard of a clip outside of training.")
    heard: int | None = Field(None, ge=8, description="Frames of each of these; none: as many as in training.")
    shrink: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Factor on what is heard outside of training: a clip of which nothing is hidden lies further from "
        "what is usual than those that were learned from.",
    )

    @property
    def evaluation_windows(self) -> tuple[int, int] | None:
        return self.views, self.heard or self.window


class ByWindows(nn.Module, ABC):
    """Windows of a clip - `frames` - linear - residual BiGRU - attentive mean and deviation, averaged - linear."""

    def __init__(self, settings: WindowedNetwork) -> None:
        super().__init__()
        self.told = settings

    def _end(self, settings: WindowedNetwork, width: int, classes: int) -> None:
        """The layers behind `frames`; made after those before them, so that a seed gives the same weights.

        Args:
            width: values per frame that `frames` gives.
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
        told = self.told
        if self.training:
            windows = windows_heard(values, lengths, told.window, 1, by_chance=True)
        else:
            windows = told.shrink * windows_heard(values, lengths, told.heard or told.window, told.views)
        frames = self.project(self.frames(windows.flatten(0, 1)))
        frames = frames + self.recurrent(frames, None).to(frames.dtype)
        heard = self.pool(frames, None)
        logits: Tensor = self.out(heard.reshape(-1, windows.shape[1], heard.shape[1]).mean(dim=1))
        return logits


def windows_heard(
    values: Tensor, lengths: Tensor | None, frames: int, views: int, *, by_chance: bool = False
) -> Tensor:
    """(batch, views, frames, dims) windows of each clip: evenly from its beginning to its end, or one anywhere.

    A single one that is not drawn by chance is the middle. A clip shorter than the window lies in it at its beginning
    to its end, in its middle, or anywhere, zeros around.

    Args:
        values: (batch, frames, dims).
        lengths: (batch,) frames of each clip; None: all are valid.
        frames: of a window.
        views: how many windows, where they are not drawn by chance.
        by_chance: one window, anywhere.
    """
    if lengths is None:
        lengths = torch.ones_like(values[:, :, 0]).sum(dim=1)
    room = lengths.to(values.dtype) - frames  # below 0 where the clip is shorter than its window
    if by_chance:
        places = torch.rand_like(room)[:, None]
    else:
        first, last = (0.0, 1.0) if views > 1 else (0.5, 0.5)
        places = torch.linspace(first, last, views, device=values.device, dtype=values.dtype)[None]
    return windows_at(values, lengths.long(), torch.round(room[:, None] * places).long(), frames)


def windows_at(values: Tensor, lengths: Tensor, starts: Tensor, frames: int) -> Tensor:
    """(batch, windows, frames, bands) stretches of each clip, zeros before its beginning and behind its end.

    Args:
        values: (batch, frames, bands).
        lengths: (batch,) frames of each clip.
        starts: (batch, windows) where each window begins, below 0 before the clip.
    """
    places = starts[:, :, None] + torch.arange(frames, device=values.device)
    inside = (places >= 0) & (places < lengths[:, None, None])
    held = torch.minimum(places.clamp(min=0), lengths[:, None, None] - 1).flatten(1)
    taken = values.gather(1, held.unsqueeze(2).expand(-1, -1, values.shape[2]))
    windows = taken.reshape(-1, starts.shape[1], frames, values.shape[2])
    return windows * inside.unsqueeze(3).to(values.dtype)
