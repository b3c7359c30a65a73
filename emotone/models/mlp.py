"""Multilayer perceptron with one hidden layer, over a vector."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from emotone.models import Network


class Mlp(Network):
    """Linear - ReLU - dropout - linear, on standardised features.

    Source: the downstream head of EmoBox (Ma et al., Interspeech 2024) for frozen encoders.
    """

    takes: ClassVar[tuple[str, ...]] = ("vector",)
    one_length: ClassVar[bool] = True

    hidden: int = Field(256, ge=1, description="Units of the hidden layer.")
    dropout: float = Field(0.2, ge=0, lt=1, description="Dropout after the hidden layer.")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _MlpModule(shape[-1], self.hidden, self.dropout, classes)


class _MlpModule(nn.Module):
    def __init__(self, dims: int, hidden: int, dropout: float, classes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(dims, hidden)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, classes)

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch, dims) -> (batch, classes)."""
        logits: Tensor = self.out(self.dropout(self.hidden(values).relu()))
        return logits
