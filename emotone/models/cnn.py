"""Four convolution blocks over a log-mel picture: the network of SonoNet."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from emotone.models import Network


class Cnn(Network):
    """Blocks of conv 3x3 - ReLU - max-pool 2x2 - batch norm, dropout growing with depth, global average, linear.

    Source: SonoNet's CNN (CREMA-D, about .65 claimed).
    """

    takes: ClassVar[tuple[str, ...]] = ("sequence",)
    one_length: ClassVar[bool] = True

    channels: tuple[int, ...] = Field((32, 64, 128, 256), description="Feature maps of each block.")
    dropout: tuple[float, ...] = Field((0.1, 0.2, 0.3, 0.4), description="Dropout after each block.")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _CnnModule(self.channels, self.dropout, classes)


class _CnnModule(nn.Module):
    def __init__(self, channels: tuple[int, ...], dropout: tuple[float, ...], classes: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for before, after, share in zip((1, *channels), channels, dropout, strict=False):
            blocks += [
                nn.Conv2d(before, after, 3, padding=1),
                nn.ReLU(),
                nn.MaxPool2d(2, ceil_mode=True),
                nn.BatchNorm2d(after),
                nn.Dropout(share),
            ]
        self.blocks = nn.Sequential(*blocks)
        self.out = nn.Linear(channels[-1], classes)

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        maps = self.blocks(values.transpose(1, 2).unsqueeze(1))  # (batch, channels, mels / 16, frames / 16)
        logits: Tensor = self.out(maps.mean(dim=(2, 3)))
        return logits
