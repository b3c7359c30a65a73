"""Four convolution blocks over a log-mel spectrogram: the network of SonoNet."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator
from torch import Tensor, nn
from typing_extensions import Self

from emotone.models import Network
from emotone.models.layers.dropout import Dropout


class Cnn(Network):
    """Blocks of conv 3x3 - ReLU - max-pool 2x2 - batch norm, dropout growing with depth, then the classifier.

    The classifier is linear on the average of the feature maps; with `dense`, a dense layer on the flattened maps
    precedes it.

    Source: SonoNet's CNN (CREMA-D, about .65 claimed); with `dense`, the BA865 report's (.55 claimed).
    """

    takes: ClassVar[tuple[str, ...]] = ("sequence",)
    one_length: ClassVar[bool] = True

    channels: tuple[int, ...] = Field((32, 64, 128, 256), description="Feature maps of each block.")
    dropout: tuple[float, ...] = Field((0.1, 0.2, 0.3, 0.4), description="Dropout after each block.")

    dense: int = Field(0, ge=0, description="Units of a dense layer on the flattened maps; 0: average the maps.")
    dense_dropout: float = Field(0.2, ge=0, lt=1, description="Dropout after the dense layer.")

    @model_validator(mode="after")
    def _one_dropout_each(self) -> Self:
        if len(self.dropout) != len(self.channels):
            raise ValueError(f"{len(self.channels)} channels need as many dropouts, not {len(self.dropout)}")
        return self

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _CnnModule(self, shape, classes)


class _CnnModule(nn.Module):
    def __init__(self, settings: Cnn, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        widths, cells = (1, *settings.channels), list(shape[-2:])
        for before, after, share in zip(widths, widths[1:], settings.dropout, strict=False):
            cells = [-(-size // 2) for size in cells]
            blocks += [
                nn.Conv2d(before, after, 3, padding=1),
                nn.MaxPool2d(2, ceil_mode=True),
                nn.ReLU(),  # after the pool: the same result with a quarter of the work
                nn.BatchNorm2d(after),
                Dropout(share),
            ]
        self.blocks = nn.Sequential(*blocks)
        self.dense: nn.Module | None = None
        dims = widths[-1]
        if settings.dense:
            self.dense = nn.Sequential(
                nn.Flatten(),
                nn.Linear(dims * cells[0] * cells[1], settings.dense),
                nn.ReLU(),
                Dropout(settings.dense_dropout),
            )
            dims = settings.dense
        self.out = nn.Linear(dims, classes)

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        maps = self.blocks(values.transpose(1, 2).unsqueeze(1))  # (batch, channels, mels / 16, frames / 16)
        logits: Tensor = self.out(maps.mean(dim=(2, 3)) if self.dense is None else self.dense(maps))
        return logits
