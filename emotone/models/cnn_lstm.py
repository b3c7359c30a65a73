"""One-dimensional convolutions and an LSTM over any number of MFCC frames."""

from __future__ import annotations

import itertools
from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from emotone.models import Network
from emotone.models.layers.recurrent import Recurrent
from emotone.models.layers.shapes import last_valid, valid_frames


class CnnLstm(Network):
    """Frames -> 1-D convolutions -> LSTM -> its output at the last valid frame -> linear. Padding changes no score.

    Source: Telecom Nancy's second system (CREMA-D, .2335 claimed).
    """

    takes: ClassVar[tuple[str, ...]] = ("sequence",)

    channels: tuple[int, ...] = Field((64, 128), description="Feature maps of each convolution.")
    kernel: int = Field(5, ge=1, description="Kernel size in frames; odd.")
    hidden: int = Field(128, ge=1, description="Units of the LSTM.")
    dropout: float = Field(0.3, ge=0, lt=1, description="Dropout before the classifier.")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Module(self, shape[-1], classes)


class _Module(nn.Module):
    def __init__(self, settings: CnnLstm, dims: int, classes: int) -> None:
        super().__init__()
        widths = (dims, *settings.channels)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, settings.kernel, padding=settings.kernel // 2)
            for before, after in itertools.pairwise(widths)
        )
        self.recurrent = Recurrent("lstm", widths[-1], settings.hidden, both_ways=False)
        self.out = nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(settings.hidden, classes))

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch, frames, coefficients) -> (batch, classes)."""
        valid = valid_frames(lengths, values)
        for convolution in self.convolutions:
            values = convolution(values.transpose(1, 2)).relu().transpose(1, 2)
            if valid is not None:
                values = values * valid  # outputs after the end must not enter the next convolution
        logits: Tensor = self.out(last_valid(self.recurrent(values, lengths), lengths))
        return logits
