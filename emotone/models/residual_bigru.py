"""Residual convolutions over log-mels, a BiGRU, attentive statistics: small, from scratch, meant for new voices."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from emotone.models.layers.shapes import as_picture, as_sequence
from emotone.models.layers.windowed import ByWindows, WindowedNetwork


class ResidualBigru(WindowedNetwork):
    """conv 5x5 / 2 - residual squeeze-excite blocks - linear - residual BiGRU - attentive mean and deviation - linear.

    It hears windows of `window` frames: in training one anywhere in the clip, a shorter clip anywhere in its window
    with zeros around; else `views` of them from the first to the last, whose statistics are averaged. So every layer
    sees one length, and zero should be what is usual: give it features without their mean.

    Source: He et al. 2016 (residual blocks); Hu et al. 2018 (squeeze and excitation); Okabe et al. 2018 (attentive
    statistics).
    """

    channels: tuple[int, ...] = Field((16, 32, 64), description="Maps of each residual block; each halves the bands.")
    stem: int = Field(16, ge=1, description="Maps of the first convolution, which halves bands and frames.")
    time_strides: tuple[int, ...] = Field((1, 2, 2), description="Frames of each block's input for one of its output.")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Module(self, shape[-1], classes)


class _Module(ByWindows):
    def __init__(self, settings: ResidualBigru, bands: int, classes: int) -> None:
        super().__init__(settings)
        self.stem = nn.Sequential(
            nn.Conv2d(1, settings.stem, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(settings.stem), nn.ReLU()
        )
        before, bands, blocks = settings.stem, -(-bands // 2), []
        for after, stride in zip(settings.channels, settings.time_strides, strict=True):
            blocks.append(_Block(before, after, stride))
            before, bands = after, -(-bands // 2)
        self.blocks = nn.Sequential(*blocks)
        self._end(settings, before * bands, classes)

    def frames(self, windows: Tensor) -> Tensor:
        """(windows, frames, mels) -> (windows, fewer frames, maps * bands)."""
        return as_sequence(self.blocks(self.stem(as_picture(windows))))


class _Block(nn.Module):
    """Two 3x3 convolutions, squeeze and excitation, a way around them; halves the bands."""

    def __init__(self, before: int, after: int, time_stride: int) -> None:
        super().__init__()
        stride = (2, time_stride)
        self.inside = nn.Sequential(
            nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.around = nn.Sequential(nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after))
        squeezed = max(4, after // 4)
        self.excite = nn.Sequential(nn.Linear(after, squeezed), nn.ReLU(), nn.Linear(squeezed, after), nn.Sigmoid())

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, maps, bands, frames) -> (batch, maps, bands / 2, frames / stride)."""
        inside = self.inside(maps)
        excited = inside * self.excite(inside.mean(dim=(2, 3)))[:, :, None, None]
        return torch.relu(excited + self.around(maps))
