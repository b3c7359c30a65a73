"""Stacked LSTM over any number of frames."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from emotone.models import Network
from emotone.models.layers.recurrent import Recurrent
from emotone.models.layers.shapes import last_valid


class StackedLstm(Network):
    """Frames -> stacked LSTM -> its output at the last valid frame -> linear. Padding changes no score.

    Source: the two-layer LSTM of 64 units described in the UTBM report's related work (.822 claimed).
    """

    takes: ClassVar[tuple[str, ...]] = ("sequence",)

    layers: int = Field(2, ge=1, description="LSTM layers.")
    hidden: int = Field(64, ge=1, description="Units of each layer.")
    dropout: float = Field(0.2, ge=0, lt=1, description="Dropout between layers and before the classifier.")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Module(self, shape[-1], classes)


class _Module(nn.Module):
    def __init__(self, settings: StackedLstm, dims: int, classes: int) -> None:
        super().__init__()
        self.recurrent = Recurrent(
            "lstm", dims, settings.hidden, layers=settings.layers, both_ways=False, dropout=settings.dropout
        )
        self.out = nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(settings.hidden, classes))

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch, frames, coefficients) -> (batch, classes)."""
        logits: Tensor = self.out(last_valid(self.recurrent(values, lengths), lengths))
        return logits
