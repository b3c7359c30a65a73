"""Stacked bidirectional GRU with attention pooling, over log-mel frames."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from emotone.models import Network
from emotone.models.layers.pooling import AttentionPool
from emotone.models.layers.recurrent import Recurrent


class BigruAttention(Network):
    """Frames -> stacked BiGRU -> attention pooling -> dropout -> linear. Padding changes no score.

    Source: SonoNet's third system (CREMA-D, about .65 claimed).
    """

    takes: ClassVar[tuple[str, ...]] = ("sequence",)

    layers: int = Field(3, ge=1, description="GRU layers.")
    hidden: int = Field(128, ge=1, description="Units per direction.")
    dropout: float = Field(0.3, ge=0, lt=1, description="Dropout between GRU layers and before the classifier.")
    attention: int = Field(128, ge=1, description="Units of the attention's hidden layer.")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Module(self, shape[-1], classes)


class _Module(nn.Module):
    def __init__(self, settings: BigruAttention, dims: int, classes: int) -> None:
        super().__init__()
        self.recurrent = Recurrent("gru", dims, settings.hidden, layers=settings.layers, dropout=settings.dropout)
        self.pool = AttentionPool(self.recurrent.dims, settings.attention)
        self.out = nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(self.recurrent.dims, classes))

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch, frames, mels) -> (batch, classes)."""
        logits: Tensor = self.out(self.pool(self.recurrent(values, lengths), lengths))
        return logits
