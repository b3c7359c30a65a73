"""Residual convolutions over time, a BiGRU, attentive statistics: for sequences of descriptors of speech."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from emotone.models.layers.windowed import ByWindows, WindowedNetwork


class ResidualBigru1d(WindowedNetwork):
    """conv 5 / 2 - residual squeeze-excite blocks, the last / 2 - linear - residual BiGRU - attentive statistics.

    The convolutions run over time, each descriptor being a channel. It hears windows as `residual_bigru` does. In
    training some descriptors are hidden, all are a little off for the whole clip, and stretches of time are hidden:
    hidden is what is usual.

    Source: He et al. 2016 (residual blocks); Hu et al. 2018 (squeeze and excitation); Okabe et al. 2018 (attentive
    statistics); Park et al. 2019 (hidden stretches).
    """

    channels: int = Field(96, ge=4, description="Maps of every convolution.")
    blocks: int = Field(3, ge=1, description="Residual blocks of two convolutions.")
    window: int = Field(160, ge=8, description="Frames that are heard at once.")
    views: int = Field(2, ge=1, description="Windows heard of a clip outside of training.")
    hidden: float = Field(0.15, ge=0, lt=1, description="Share of the descriptors hidden in training.")
    offset: float = Field(
        0.15, ge=0, description="Deviation of what is added to each descriptor of a clip in training."
    )
    gaps: int = Field(2, ge=0, description="How many stretches of time are hidden in training.")
    longest_gap: int = Field(20, ge=0, description="Frames of the longest.")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Module(self, shape[-1], classes)


class _Module(ByWindows):
    def __init__(self, settings: ResidualBigru1d, descriptors: int, classes: int) -> None:
        super().__init__(settings)
        self.settings, maps = settings, settings.channels
        self.stem = nn.Sequential(
            nn.Conv2d(descriptors, maps, (1, 5), stride=(1, 2), padding=(0, 2), bias=False),
            nn.BatchNorm2d(maps),
            nn.ReLU(),
        )
        strides = [1] * (settings.blocks - 1) + [2]
        self.blocks = nn.Sequential(*(_Block(maps, stride) for stride in strides))
        self._end(settings, maps, classes)

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch, frames, descriptors) -> (batch, classes)."""
        return super().forward(self._changed(values) if self.training else values, lengths)

    def frames(self, windows: Tensor) -> Tensor:
        """(windows, frames, descriptors) -> (windows, fewer frames, maps)."""
        seen = self._with_gaps(windows) if self.training else windows
        maps: Tensor = self.blocks(self.stem(seen.transpose(1, 2).unsqueeze(2)))
        return maps.squeeze(2).transpose(1, 2)

    def _changed(self, values: Tensor) -> Tensor:
        """Some descriptors hidden, the others off by a little, the whole clip through."""
        like = values[:, :1]
        return (values + self.settings.offset * torch.randn_like(like)) * (
            torch.rand_like(like) >= self.settings.hidden
        )

    def _with_gaps(self, windows: Tensor) -> Tensor:
        frames = torch.arange(windows.shape[1], device=windows.device)[None]
        for _ in range(self.settings.gaps):
            width, place = torch.rand(2, len(windows), 1, device=windows.device)
            width = width * self.settings.longest_gap
            first = place * (windows.shape[1] - width)
            windows = windows * ~((frames >= first) & (frames < first + width)).unsqueeze(2)
        return windows


class _Block(nn.Module):
    """Two convolutions of 3 frames, squeeze and excitation, a way around them."""

    def __init__(self, maps: int, stride: int) -> None:
        super().__init__()
        self.inside = nn.Sequential(
            nn.Conv2d(maps, maps, (1, 3), stride=(1, stride), padding=(0, 1), bias=False),
            nn.BatchNorm2d(maps),
            nn.ReLU(),
            nn.Conv2d(maps, maps, (1, 3), padding=(0, 1), bias=False),
            nn.BatchNorm2d(maps),
        )
        self.around = nn.AvgPool2d((1, stride), ceil_mode=True) if stride > 1 else nn.Identity()
        squeezed = max(4, maps // 4)
        self.excite = nn.Sequential(nn.Linear(maps, squeezed), nn.ReLU(), nn.Linear(squeezed, maps), nn.Sigmoid())

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, maps, 1, frames) -> (batch, maps, 1, frames / stride)."""
        inside = self.inside(maps)
        excited = inside * self.excite(inside.mean(dim=(2, 3)))[:, :, None, None]
        return torch.relu(excited + self.around(maps))
