"""Residual convolutions over log-mels, a BLSTM, attentive statistics: small, from scratch, meant for new voices."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from emotone.models import Network
from emotone.models._layers import AttentionPool, Dropout, Recurrent, as_picture, as_sequence


class ResidualBlstm(Network):
    """conv 5x5 / 2 - residual squeeze-excite blocks - linear - residual BLSTM - attentive mean and deviation - linear.

    In training it hears a random stretch of `crop` frames of each clip, else the whole clip. Padding changes nothing.

    Source: He et al. 2016 (residual blocks); Hu et al. 2018 (squeeze and excitation); Okabe et al. 2018 (attentive
    statistics).
    """

    takes: ClassVar[tuple[str, ...]] = ("sequence",)

    channels: tuple[int, ...] = Field((16, 32, 64), description="Maps of each residual block; each halves the bands.")
    stem: int = Field(16, ge=1, description="Maps of the first convolution, which halves bands and frames.")
    time_strides: tuple[int, ...] = Field((1, 2, 2), description="Frames of each block's input for one of its output.")
    dims: int = Field(64, ge=1, description="Values per frame between convolutions and LSTM.")
    hidden: int = Field(32, ge=1, description="Units of the LSTM per direction.")
    attention: int = Field(64, ge=1, description="Units of the attention's hidden layer.")
    dropout: float = Field(0.3, ge=0, lt=1, description="Before the classifier.")
    crop: int = Field(128, ge=0, description="Frames heard of each clip in training; 0: all.")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Module(self, shape[-1], classes)


class _Module(nn.Module):
    def __init__(self, settings: ResidualBlstm, bands: int, classes: int) -> None:
        super().__init__()
        self.crop = settings.crop
        self.stem = nn.Sequential(
            nn.Conv2d(1, settings.stem, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(settings.stem), nn.ReLU()
        )
        before, bands, blocks = settings.stem, -(-bands // 2), []
        for after, stride in zip(settings.channels, settings.time_strides, strict=True):
            blocks.append(_Block(before, after, stride))
            before, bands = after, -(-bands // 2)
        self.blocks = nn.ModuleList(blocks)
        self.project = nn.Sequential(nn.Linear(before * bands, settings.dims), nn.ReLU())
        self.recurrent = Recurrent("lstm", settings.dims, settings.hidden)
        self.join = nn.Linear(self.recurrent.dims, settings.dims) if self.recurrent.dims != settings.dims else None
        self.pool = _AttentiveStatistics(settings.dims, settings.attention)
        self.out = nn.Sequential(
            nn.BatchNorm1d(2 * settings.dims), Dropout(settings.dropout), nn.Linear(2 * settings.dims, classes)
        )

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch, frames, mels) -> (batch, classes)."""
        if self.training and self.crop:
            values, lengths = cropped(values, lengths, self.crop)
        maps = self.stem(as_picture(values))
        lengths = None if lengths is None else halved(lengths)
        maps = masked(maps, lengths)
        for block in self.blocks:
            maps, lengths = block(maps, lengths)
        frames = self.project(as_sequence(maps))
        heard = self.recurrent(frames, lengths).to(frames.dtype)
        frames = frames + (heard if self.join is None else self.join(heard))
        logits: Tensor = self.out(self.pool(frames, lengths))
        return logits


class _AttentiveStatistics(AttentionPool):
    """(batch, frames, dims) -> (batch, 2 * dims): mean and deviation of the frames, weighed by attention."""

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        weights = self.weights(values, lengths)
        mean = (weights * values).sum(dim=1)
        variance = (weights * (values - mean.unsqueeze(1)).square()).sum(dim=1)
        return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)


class _Block(nn.Module):
    """Two 3x3 convolutions, squeeze and excitation, a way around them; halves the bands."""

    def __init__(self, before: int, after: int, time_stride: int) -> None:
        super().__init__()
        self.time_stride, stride = time_stride, (2, time_stride)
        self.first = nn.Sequential(
            nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
        )
        self.second = nn.Sequential(nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after))
        self.around = nn.Sequential(nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after))
        squeezed = max(4, after // 4)
        self.excite = nn.Sequential(nn.Linear(after, squeezed), nn.ReLU(), nn.Linear(squeezed, after), nn.Sigmoid())
        self.active = nn.ReLU()

    def forward(self, maps: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(batch, maps, bands, frames) -> (batch, maps, bands / 2, frames / stride), and the lengths of those."""
        around = self.around(maps)
        if lengths is not None and self.time_stride == 2:
            lengths = halved(lengths)
        maps = self.second(masked(self.first(maps), lengths))
        if lengths is None:
            level = maps.mean(dim=(2, 3))
        else:
            level = masked(maps, lengths).sum(dim=(2, 3)) / (maps.shape[2] * lengths[:, None]).to(maps.dtype)
        maps = maps * self.excite(level)[:, :, None, None]
        return masked(self.active(maps + around), lengths), lengths


def halved(lengths: Tensor) -> Tensor:
    """(batch,) frames after a convolution of stride 2 that pads both ends."""
    return (lengths + 1) // 2


def masked(maps: Tensor, lengths: Tensor | None) -> Tensor:
    """(batch, maps, bands, frames) with zeros behind each clip's end, as a convolution would find beyond an edge."""
    if lengths is None:
        return maps
    frames = torch.arange(maps.shape[3], device=maps.device)
    return maps * (frames[None] < lengths[:, None])[:, None, None].to(maps.dtype)


def cropped(values: Tensor, lengths: Tensor | None, frames: int) -> tuple[Tensor, Tensor | None]:
    """(batch, frames, bands) a random stretch of each clip, (batch,) how much of it is the clip's own."""
    longest = values.shape[1]
    if longest <= frames:
        return values, lengths
    own = torch.full((len(values),), longest, device=values.device) if lengths is None else lengths
    room = (own - frames).clamp(min=0) + 1
    first = (torch.rand(len(values), device=values.device) * room).long()
    places = first[:, None] + torch.arange(frames, device=values.device)[None]
    taken = values.gather(1, places.unsqueeze(2).expand(-1, -1, values.shape[2]))
    return taken, own.clamp(max=frames)
