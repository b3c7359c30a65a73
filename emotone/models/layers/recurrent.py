"""LSTM and GRU layers whose output does not depend on padding."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from emotone.models.layers.shapes import valid_frames


class Recurrent(nn.Module):
    """An LSTM or GRU that ignores padding: (batch, frames, dims) -> (batch, frames, hidden * directions).

    Computed in fp32 even under bf16, because rounding errors accumulate over the frames. The output is zero after a
    clip's end.
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
            # packing is slow: it is skipped where no clip is padded, or where no output depends on later frames
            if lengths is None or not self.layers.bidirectional or int(lengths.min()) == values.shape[1]:
                out: Tensor = self.layers(values)[0]
                valid = valid_frames(lengths, out)
                return out if valid is None else out * valid
            packed = nn.utils.rnn.pack_padded_sequence(values, lengths.cpu(), batch_first=True, enforce_sorted=False)
            out, _ = nn.utils.rnn.pad_packed_sequence(
                self.layers(packed)[0], batch_first=True, total_length=values.shape[1]
            )
            return out
