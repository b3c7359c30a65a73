"""Seven convolutions, strided instead of pooled, and two dense layers."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from emotone.models import Network
from emotone.models.layers.shapes import as_image


class DeepStrideCnn(Network):
    """Conv 3x3 with batch norm and ReLU, seven times, strides instead of pooling; then two fully connected layers.

    Source: Mustaqeem & Kwon, Sensors 20(1) 2020 (DSCNN).
    """

    takes: ClassVar[tuple[str, ...]] = ("image", "sequence")
    one_length: ClassVar[bool] = True

    channels: tuple[int, ...] = Field((16, 32, 32, 64, 64, 128, 128), description="Feature maps of each convolution.")
    strides: tuple[int, ...] = Field((2, 2, 1, 2, 1, 2, 2), description="Stride of each convolution.")
    hidden: int = Field(128, ge=1, description="Units of the first fully connected layer.")
    dropout: float = Field(0.25, ge=0, lt=1, description="Dropout between the fully connected layers.")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Module(self, shape, classes)


class _Module(nn.Module):
    def __init__(self, settings: DeepStrideCnn, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        height, width = shape[-2:]
        before = shape[0] if len(shape) == 3 else 1
        layers: list[nn.Module] = []
        for after, stride in zip(settings.channels, settings.strides, strict=True):
            layers += [nn.Conv2d(before, after, 3, stride=stride, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
            height, width, before = -(-height // stride), -(-width // stride), after
        self.convolutions = nn.Sequential(*layers)
        self.dense = nn.Sequential(
            nn.Flatten(),
            nn.Linear(before * height * width, settings.hidden),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.hidden, classes),
        )

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch, frames, mels) or (batch, channels, height, width) -> (batch, classes)."""
        logits: Tensor = self.dense(self.convolutions(as_image(values)))
        return logits
