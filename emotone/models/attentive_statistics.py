"""Attentive statistics of frames, an embedding, and one linear layer that may be adapted to the speaker."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from emotone.models import Network
from emotone.models.layers.moments import Moments, moments, moving_moments
from emotone.models.layers.shapes import valid_frames

_CROPPED_FRAMES = 60
"""Shorter clips are never cropped."""
_CROP, _GAP = (0.6, 1.0), (0.05, 0.3)
"""Limits of the share of the frames that a crop keeps, and that a gap leaves out."""
_WINDOW = 100
"""Frames of a window of the scores over time."""


class AttentiveStatistics(Network):
    """Attentive statistics pooling with several heads, beside plain statistics of the frames, as of a speech encoder.

    The embedding is the vector before the last linear layer. For a known speaker, a mean embedding of other clips is
    subtracted from it.

    Source: Okabe et al., Interspeech 2018, Attentive Statistics Pooling for Deep Speaker Embedding.
    """

    takes: ClassVar[tuple[str, ...]] = ("sequence",)
    takes_history: ClassVar[bool] = True
    frame_step: ClassVar[int] = 5

    heads: int = Field(4, ge=1, description="Attention heads.")
    dims: int = Field(256, ge=1, description="Values per frame of which the heads take mean and deviation.")
    embedding: int = Field(128, ge=1, description="Dimensions of the embedding of each member.")
    members: int = Field(
        1,
        ge=1,
        description="Networks trained side by side; their scores are averaged, their embeddings joined.",
    )
    dropout: float = Field(0.3, ge=0, lt=1, description="Dropout on the statistics of the heads.")
    plain_dropout: float = Field(0.5, ge=0, lt=1, description="Dropout on the plain statistics of the frames.")
    crop: float = Field(
        0.5, ge=0, le=1, description="Share of the longer training clips that are cropped to 60 to 100 % of the frames."
    )
    gap: float = Field(
        0.5, ge=0, le=1, description="Share of the training clips with a gap: 5 to 30 % of the frames are left out."
    )
    standardise: Literal["band", "all", "none"] = Field(
        "none",
        description="Standardise the input by mean and standard deviation of the training clips: per band, over all "
        "values, or not at all, as is right for frames that are layer-normalised.",
    )

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return AttentiveNetwork(self, shape[-1], classes)


class AttentiveNetwork(nn.Module):
    """Frames - statistics of attention heads and of all frames - embedding - linear."""

    def __init__(self, settings: AttentiveStatistics, inputs: int, classes: int) -> None:
        super().__init__()
        self.crop, self.gap, self.members = settings.crop, settings.gap, settings.members
        attended, plain = 2 * settings.heads * settings.dims, 2 * inputs
        self.project = nn.Linear(inputs, self.members * settings.dims)
        self.attention = nn.Linear(inputs, self.members * settings.heads)
        self.attended_norm, self.plain_norm = nn.BatchNorm1d(self.members * attended), nn.BatchNorm1d(plain)
        self.attended_dropout, self.plain_dropout = nn.Dropout(settings.dropout), nn.Dropout(settings.plain_dropout)
        self.embedding = nn.ModuleList(nn.Linear(attended + plain, settings.embedding) for _ in range(self.members))
        self.embedding_norm = nn.BatchNorm1d(self.members * settings.embedding, affine=False)
        self.out = nn.Linear(self.members * settings.embedding, classes)

    def embed(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch, frames, inputs) -> (batch, dims) embeddings, not shifted."""
        valid = self._valid(values, lengths)
        return self._embedded(*self._statistics(values, valid, moments))

    def forward(self, values: Tensor, lengths: Tensor | None = None, history: Tensor | None = None) -> Tensor:
        """(batch, frames, inputs) -> (batch, classes); in training, with several members, (batch, members, classes).

        The members' scores are averaged by the one last layer: each has its part of the weights.

        Args:
            values, lengths: see `Network`.
            history: (batch, batch) weights with which embeddings of the batch are subtracted from each clip's.
        """
        embedded = self.embed(values, lengths)
        if history is not None:
            with torch.autocast(values.device.type, enabled=False):
                embedded = embedded - history @ embedded.detach()
        if self.training and self.members > 1:
            size = (-1, self.members, embedded.shape[1] // self.members)
            parts, weights = embedded.view(size), self.out.weight.view(size)
            return self.members * torch.einsum("bmd,cmd->bmc", parts, weights) + self.out.bias
        logits: Tensor = self.out(embedded)
        return logits

    def over_time(self, values: Tensor, lengths: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
        """(batch, steps, classes) logits of windows of 100 frames (2 s of an encoder), one every 5 frames (100 ms).

        Step k is that of frame 5 k: its window begins 50 frames before it and is cut at the ends of the clip. A clip of
        n frames has n // 5 + 1 steps; those after its end have no meaning.

        Args:
            values, lengths: see `Network`.
            shift: (batch, dims) what is subtracted from the embeddings; None: nothing.
        """
        valid = self._valid(values, lengths)
        attended, plain = self._statistics(
            values, valid, partial(moving_moments, window=_WINDOW, step=AttentiveStatistics.frame_step)
        )
        steps = attended.shape[1]
        embedded = self._embedded(attended.flatten(0, 1), plain.flatten(0, 1)).reshape(values.shape[0], steps, -1)
        if shift is not None:
            embedded = embedded - shift.unsqueeze(1)
        logits: Tensor = self.out(embedded)
        return logits

    def _valid(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """(batch, frames, 1) 1 for each frame that counts; in training some frames are left out."""
        valid = valid_frames(lengths, values)
        valid = torch.ones_like(values[:, :, :1]) if valid is None else valid
        return valid * self._kept(valid) if self.training else valid

    def _kept(self, valid: Tensor) -> Tensor:
        """(batch, frames, 1) 0 for frames outside of a random crop and for those in a random gap."""
        frames = valid.sum(dim=1)  # (batch, 1)
        places = torch.arange(valid.shape[1], device=valid.device)
        cropped = (torch.rand_like(frames) < self.crop) & (frames > _CROPPED_FRAMES)
        size = torch.where(cropped, (frames * _uniform(frames, _CROP)).floor(), frames)
        first = (torch.rand_like(frames) * (frames - size + 1)).floor()
        lost = (size * _uniform(frames, _GAP)).floor() * (torch.rand_like(frames) < self.gap)
        start = first + (torch.rand_like(frames) * (size - lost + 1)).floor()
        inside = (places >= first) & (places < first + size)
        gap = (places >= start) & (places < start + lost)
        return (inside & ~gap).unsqueeze(2).to(valid.dtype)

    def _statistics(self, values: Tensor, valid: Tensor, of: Moments) -> tuple[Tensor, Tensor]:
        """(..., members * 2 * heads * dims) statistics of the heads, and (..., 2 * inputs) of the frames themselves."""
        scores: Tensor = self.attention(values).float()
        projected: Tensor = self.project(values)
        scores = scores.masked_fill(valid == 0, float("-inf"))
        scores = (scores - scores.amax(dim=1, keepdim=True)).clamp(min=-30)  # a window may lack the largest one
        with torch.autocast(values.device.type, enabled=False):  # differences of squares need fp32
            weights = scores.exp() * valid.float()
            pairs = zip(projected.float().chunk(self.members, -1), weights.chunk(self.members, -1), strict=True)
            return torch.cat([of(*pair) for pair in pairs], dim=-1), of(values.float(), valid.float())

    def _embedded(self, attended: Tensor, plain: Tensor) -> Tensor:
        plain = self.plain_norm(plain)
        parts = [
            layer(torch.cat([self.attended_dropout(own), self.plain_dropout(plain)], dim=1)).float()
            for layer, own in zip(self.embedding, self.attended_norm(attended).chunk(self.members, 1), strict=True)
        ]
        embedded: Tensor = self.embedding_norm(torch.cat(parts, dim=1))
        return embedded


def _uniform(like: Tensor, limits: tuple[float, float]) -> Tensor:
    """Uniform random numbers between two limits."""
    low, high = limits
    return low + (high - low) * torch.rand_like(like)
