"""Two convolutions and two dense layers over a log-mel spectrogram."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from emotone.models import Network
from emotone.models.layers.shapes import as_image


class MelCnn(Network):
    """Two blocks of conv 3x3 - ReLU - max-pool 2x2, then two fully connected layers.

    Source: Telecom Nancy's first system (CREMA-D, .9685 claimed).
    """

    takes: ClassVar[tuple[str, ...]] = ("sequence", "image")
    one_length: ClassVar[bool] = True

    channels: tuple[int, int] = Field((16, 32), description="Feature maps of the two convolutions.")
    hidden: int = Field(128, ge=1, description="Units of the first fully connected layer.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout between the fully connected layers.")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Module(self, shape, classes)


class _Module(nn.Module):
    def __init__(self, settings: MelCnn, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        first, second = settings.channels
        self.maps = nn.Sequential(
            nn.Conv2d(shape[0] if len(shape) == 3 else 1, first, 3, padding=1),
            nn.MaxPool2d(2),
            nn.ReLU(),  # after the pool: the same result with a quarter of the work
            nn.Conv2d(first, second, 3, padding=1),
            nn.MaxPool2d(2),
            nn.ReLU(),
        )
        cells = second * (shape[-1] // 4) * (shape[-2] // 4)
        self.dense = nn.Sequential(
            nn.Flatten(),
            nn.Linear(cells, settings.hidden),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.hidden, classes),
        )

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch, frames, mels) -> (batch, classes)."""
        logits: Tensor = self.dense(self.maps(as_image(values)))
        return logits
