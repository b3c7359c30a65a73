"""Parts that several networks share: masks, pictures, recurrent layers that ignore padding, attention pooling."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn


def as_picture(values: Tensor) -> Tensor:
    """(batch, channels, height, width): a sequence (batch, frames, bands) becomes one channel of bands x frames."""
    return values.transpose(1, 2).unsqueeze(1) if values.ndim == 3 else values


def as_sequence(maps: Tensor) -> Tensor:
    """(batch, channels, height, width) -> (batch, width, channels * height): a picture read from left to right."""
    return maps.permute(0, 3, 1, 2).flatten(2)


class Dropout(nn.Module):
    """Dropout with a byte of chance per value: on one processor three times as fast as torch's on large maps.

    The share is rounded to 256ths. Elsewhere than on a processor torch's own is used.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share, self.dropped = share, round(share * 256)

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or self.dropped == 0:
            return values
        if values.device.type != "cpu":
            return nn.functional.dropout(values, self.share)
        like = torch.empty_like(values, dtype=torch.uint8)  # dense, in the order in which the values lie
        rng = torch.empty(-(-like.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        kept = rng.view(torch.uint8)[: like.numel()] >= self.dropped
        scaled = kept.as_strided(like.shape, like.stride()) * (256 / (256 - self.dropped))
        return values * scaled.to(values.dtype)


def valid_frames(lengths: Tensor | None, values: Tensor) -> Tensor | None:
    """(batch, frames, 1) ones where a frame is the clip's, zeros behind its end; None where all are."""
    if lengths is None:
        return None
    frames = torch.arange(values.shape[1], device=values.device)
    return (frames[None] < lengths[:, None]).unsqueeze(2).to(values.dtype)


class Recurrent(nn.Module):
    """An LSTM or GRU that never sees padding: (batch, frames, dims) -> (batch, frames, hidden * directions).

    Runs in fp32 also under bf16: its error grows with every frame. Frames behind a clip's end come out as zeros.
    """

    def __init__(
        self,
        kind: Literal["lstm", "gru"],
        dims: int,
        hidden: int,
        *,
        layers: int = 1,
        both_ways: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        build = nn.LSTM if kind == "lstm" else nn.GRU
        self.layers = build(
            dims,
            hidden,
            num_layers=layers,
            batch_first=True,
            bidirectional=both_ways,
            dropout=dropout if layers > 1 else 0.0,
        )
        self.dims = hidden * (2 if both_ways else 1)

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        with torch.autocast(values.device.type, enabled=False):
            values = values.float()
            # packing is slow: it is left away where no clip is padded, or where no frame hears what comes after it
            if lengths is None or not self.layers.bidirectional or int(lengths.min()) == values.shape[1]:
                out: Tensor = self.layers(values)[0]
                valid = valid_frames(lengths, out)
                return out if valid is None else out * valid
            packed = nn.utils.rnn.pack_padded_sequence(values, lengths.cpu(), batch_first=True, enforce_sorted=False)
            out, _ = nn.utils.rnn.pad_packed_sequence(
                self.layers(packed)[0], batch_first=True, total_length=values.shape[1]
            )
            return out


def last_valid(values: Tensor, lengths: Tensor | None) -> Tensor:
    """(batch, dims) the last frame of each clip, not of its padding."""
    if lengths is None:
        return values[:, -1]
    place = (lengths - 1).view(-1, 1, 1).expand(-1, 1, values.shape[2])
    return values.gather(1, place).squeeze(1)


class AttentionPool(nn.Module):
    """(batch, frames, dims) -> (batch, dims): frames weighed by how much they tell.

    Source: additive attention with one learned query, Lin et al., ICLR 2017.
    """

    def __init__(self, dims: int, hidden: int) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(dims, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def weights(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """(batch, frames, 1), summing to one over a clip's own frames."""
        scores: Tensor = self.score(values).float()
        valid = valid_frames(lengths, values)
        if valid is not None:
            scores = scores.masked_fill(valid == 0, float("-inf"))
        return torch.softmax(scores, dim=1)

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        return (self.weights(values, lengths) * values).sum(dim=1)


class AttentiveStatistics(AttentionPool):
    """(batch, frames, dims) -> (batch, 2 * dims): mean and deviation of the frames, weighed by attention."""

    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        weights = self.weights(values, lengths)
        mean = (weights * values).sum(dim=1)
        variance = (weights * (values - mean.unsqueeze(1)).square()).sum(dim=1)
        return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)


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
