"""Convolutions, a bidirectional LSTM and attention over spectrogram images; every part can be left out."""

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
from emotone.models.layers.shapes import as_image, as_sequence


class CnnBlstmAttention(Network):
    """Blocks of conv 3x3 - ReLU - batch norm - max-pool 2x2 - dropout -> LSTM or BLSTM -> attention -> dense -> linear.

    The columns of the image are the frames. A part that is left out does not change the others:

    - no `channels`: the columns of the image itself are the input of the next part;
    - `recurrent: none`: attention weights the columns of the maps; without attention too, the maps are flattened;
    - `attention: 0`: the state after the last frame is used, for a BLSTM that of both directions.

    `training.l2` penalises the convolutions.

    Source: the networks of the UTBM report, from its CNN to its CNN-BLSTM with attention, and the ablations of the
    latter.
    """

    takes: ClassVar[tuple[str, ...]] = ("image", "sequence")
    one_length: ClassVar[bool] = True

    standardise: Literal["band", "all", "none"] = Field(
        "all",
        description="Standardise the input by mean and standard deviation of the training clips: per band (of an "
        "image: per channel), over all values, or not at all.",
    )
    channels: tuple[int, ...] = Field(
        (32, 64, 128, 256), description="Feature maps of each block; empty: no convolutions."
    )
    recurrent: Literal["none", "lstm", "blstm"] = Field("blstm", description="Recurrent layer over the columns.")
    hidden: int = Field(128, ge=1, description="Units of the LSTM, per direction.")
    attention: int = Field(128, ge=0, description="Units of the attention; 0: no attention.")
    dense: int = Field(128, ge=1, description="Units of the dense layer before the classifier.")
    dropout: float = Field(0.3, ge=0, lt=1, description="After each block, and before the classifier.")

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if not self.channels and self.recurrent == "none":
            raise ValueError(
                "channels is empty and recurrent is none, so no layer processes the image; set one of them"
            )
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
        columns = as_sequence(self.blocks(as_image(values)))  # (batch, width / 2^blocks, maps * height / 2^blocks)
        if self.recurrent is not None:
            columns = self.recurrent(columns, None)  # (batch, width / 2^blocks, hidden * directions)
        if self.pool is not None:
            pooled = self.pool(columns, None)
        elif self.recurrent is not None:  # the forward state of the last frame, the backward state of the first
            pooled = torch.cat([columns[:, -1, : self.hidden], columns[:, 0, self.hidden :]], dim=1)
        else:
            pooled = columns.flatten(1)
        logits: Tensor = self.out(pooled)
        return logits

    def regularised(self) -> list[Tensor]:
        """The kernels of the convolutions."""
        return [layer.weight for layer in self.blocks if isinstance(layer, nn.Conv2d)]
