"""Residual convolutions over log-mels, a BiGRU and attentive statistics: small, trained from scratch."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from emotone.models.layers.shapes import as_image, as_sequence
from emotone.models.layers.windowed import ByWindows, WindowedNetwork


class ResidualBigru(WindowedNetwork):
    """conv 5x5 / 2 - residual squeeze-excite blocks - linear - residual BiGRU - attentive statistics - linear.

    Its input are windows of `window` frames. In training it is one window at a random position; a clip shorter than the
    window is at a random position in it, padded with zeros. In evaluation it is `views` windows at equal distances,
    whose statistics are averaged. So every layer has input of one length. Padding is zero, so features should have a
    mean of zero.

    Source: He et al. 2016 (residual blocks); Hu et al. 2018 (squeeze and excitation); Okabe et al. 2018 (attentive
    statistics).
    """

    channels: tuple[int, ...] = Field(
        (16, 32, 64), description="Feature maps of each residual block; each block halves the bands."
    )
    stem: int = Field(16, ge=1, description="Feature maps of the first convolution, which halves bands and frames.")
    time_strides: tuple[int, ...] = Field((1, 2, 2), description="Stride in time of each block.")

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
        return as_sequence(self.blocks(self.stem(as_image(windows))))


class _Block(nn.Module):
    """Residual block: two 3x3 convolutions, squeeze and excitation, a shortcut; halves the bands."""

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
        self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after))
        squeezed = max(4, after // 4)
        self.excite = nn.Sequential(nn.Linear(after, squeezed), nn.ReLU(), nn.Linear(squeezed, after), nn.Sigmoid())

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, maps, bands, frames) -> (batch, maps, bands / 2, frames / stride)."""
        inside = self.inside(maps)
        excited = inside * self.excite(inside.mean(dim=(2, 3)))[:, :, None, None]
        return torch.relu(excited + self.shortcut(maps))
