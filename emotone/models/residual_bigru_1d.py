"""Residual convolutions over time, a BiGRU and attentive statistics, for sequences of descriptors of speech."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from emotone.models.layers.windowed import ByWindows, WindowedNetwork


class ResidualBigru1d(WindowedNetwork):
    """conv 5 / 2 - residual squeeze-excite blocks, the last / 2 - linear - residual BiGRU - attentive statistics.

    The convolutions run over time; each descriptor is a channel. Windows are those of `residual_bigru`. Training
    masks random descriptors and random stretches of time with the mean, and adds a random offset to each descriptor
    of a clip.

    Source: He et al. 2016 (residual blocks); Hu et al. 2018 (squeeze and excitation); Okabe et al. 2018 (attentive
    statistics); Park et al. 2019 (time masking).
    """

    channels: int = Field(96, ge=4, description="Feature maps of every convolution.")
    blocks: int = Field(3, ge=1, description="Residual blocks of two convolutions.")
    window: int = Field(160, ge=8, description="Frames of a window.")
    views: int = Field(2, ge=1, description="Windows per clip outside of training.")
    hidden: float = Field(0.15, ge=0, lt=1, description="Share of the descriptors that are masked in training.")
    offset: float = Field(
        0.15, ge=0, description="Standard deviation of the random offset of each descriptor in training."
    )
    gaps: int = Field(2, ge=0, description="Number of stretches of time that are masked in training.")
    longest_gap: int = Field(20, ge=0, description="Frames of the longest masked stretch.")

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
        return super().forward(self._augmented(values) if self.training else values, lengths)

    def frames(self, windows: Tensor) -> Tensor:
        """(windows, frames, descriptors) -> (windows, fewer frames, maps)."""
        windows = self._with_gaps(windows) if self.training else windows
        maps: Tensor = self.blocks(self.stem(windows.transpose(1, 2).unsqueeze(2)))
        return maps.squeeze(2).transpose(1, 2)

    def _augmented(self, values: Tensor) -> Tensor:
        """Random descriptors masked, a random offset added to the others; the same in all frames of a clip."""
        first = values[:, :1]
        return (values + self.settings.offset * torch.randn_like(first)) * (
            torch.rand_like(first) >= self.settings.hidden
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
    """Residual block: two convolutions of 3 frames, squeeze and excitation, a shortcut."""

    def __init__(self, maps: int, stride: int) -> None:
        super().__init__()
        self.inside = nn.Sequential(
            nn.Conv2d(maps, maps, (1, 3), stride=(1, stride), padding=(0, 1), bias=False),
            nn.BatchNorm2d(maps),
            nn.ReLU(),
            nn.Conv2d(maps, maps, (1, 3), padding=(0, 1), bias=False),
            nn.BatchNorm2d(maps),
        )
        self.shortcut = nn.AvgPool2d((1, stride), ceil_mode=True) if stride > 1 else nn.Identity()
        squeezed = max(4, maps // 4)
        self.excite = nn.Sequential(nn.Linear(maps, squeezed), nn.ReLU(), nn.Linear(squeezed, maps), nn.Sigmoid())

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, maps, 1, frames) -> (batch, maps, 1, frames / stride)."""
        inside = self.inside(maps)
        excited = inside * self.excite(inside.mean(dim=(2, 3)))[:, :, None, None]
        return torch.relu(excited + self.shortcut(maps))
