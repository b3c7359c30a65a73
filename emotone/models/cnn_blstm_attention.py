"""Convolutions, a bidirectional LSTM and attention over spectrogram pictures; every part can be left out."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from typing_extensions import Self

from emotone.models import Network
from emotone.models.layers.dropout import Dropout
from emotone.models.layers.pooling import AttentionPool
from emotone.models.layers.recurrent import Recurrent
from emotone.models.layers.shapes import as_picture, as_sequence


class CnnBlstmAttention(Network):
    """Blocks of conv 3x3 - ReLU - batch norm - max-pool 2x2 - dropout -> LSTM or BLSTM -> attention -> dense -> linear.

    A picture is read from left to right: its columns are the frames. What is left out leaves the rest as it is:

    - no `channels`: the columns of the picture itself go on;
    - `recurrent: none`: attention weighs the columns of the maps; without attention too, the maps are flattened;
    - `attention: 0`: the state after the last frame goes on, of a BLSTM that of both directions.

    `training.l2` pulls on the convolutions. Source: the networks of the UTBM report, from its CNN to its CNN-BLSTM with
    attention and that one's ablations.
    """

    takes: ClassVar[tuple[str, ...]] = ("image", "sequence")
    one_length: ClassVar[bool] = True

    standardise: Literal["band", "all", "none"] = Field(
        "all",
        description="Input scaled by the training clips' mean and deviation: per band (of a picture: per channel), "
        "over all, or not.",
    )
    channels: tuple[int, ...] = Field((32, 64, 128, 256), description="Maps of each block; empty: no convolutions.")
    recurrent: Literal["none", "lstm", "blstm"] = Field("blstm", description="What reads the columns in order.")
    hidden: int = Field(128, ge=1, description="Units of the LSTM, per direction.")
    attention: int = Field(128, ge=0, description="Units of the attention; 0: no attention.")
    dense: int = Field(128, ge=1, description="Units of the dense layer before the classifier.")
    dropout: float = Field(0.3, ge=0, lt=1, description="After each block, and before the classifier.")

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if not self.channels and self.recurrent == "none":
            raise ValueError("without channels and recurrent nothing reads the picture; keep one of them")
        return self

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Module(self, shape, classes)


class _Module(nn.Module):
    def __init__(self, settings: CnnBlstmAttention, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        maps, height, width = shape if len(shape) == 3 else (1, shape[1], shape[0])
        blocks: list[nn.Module] = []
        for before, after in zip((maps, *settings.channels), settings.channels, strict=False):
            blocks += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(after)]
            blocks += [nn.MaxPool2d(2, ceil_mode=True), Dropout(settings.dropout)]
            maps, height, width = after, (height + 1) // 2, (width + 1) // 2
        self.blocks = nn.Sequential(*blocks)
        dims = maps * height
        self.recurrent: Recurrent | None = None
        if settings.recurrent != "none":
            self.recurrent = Recurrent("lstm", dims, settings.hidden, both_ways=settings.recurrent == "blstm")
            dims = self.recurrent.dims
        self.pool = AttentionPool(dims, settings.attention) if settings.attention else None
        if self.recurrent is None and self.pool is None:
            dims *= width
        self.hidden = settings.hidden
        self.out = nn.Sequential(
            nn.Linear(dims, settings.dense), nn.ReLU(), Dropout(settings.dropout), nn.Linear(settings.dense, classes)
        )

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch, channels, height, width) or (batch, frames, bands) -> (batch, classes)."""
        columns = as_sequence(self.blocks(as_picture(values)))  # (batch, width / 2^blocks, maps * height / 2^blocks)
        if self.recurrent is not None:
            columns = self.recurrent(columns, None)  # (batch, width / 2^blocks, hidden * directions)
        if self.pool is not None:
            told = self.pool(columns, None)
        elif self.recurrent is not None:  # forwards the last frame has heard all, backwards the first
            told = torch.cat([columns[:, -1, : self.hidden], columns[:, 0, self.hidden :]], dim=1)
        else:
            told = columns.flatten(1)
        logits: Tensor = self.out(told)
        return logits

    def regularised(self) -> list[Tensor]:
        """The kernels of the convolutions."""
        return [layer.weight for layer in self.blocks if isinstance(layer, nn.Conv2d)]
