"""Four convolution blocks over a log-mel spectrogram, optionally followed by an LSTM and attention."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from emotone.models import Network
from emotone.models.layers.dropout import Dropout
from emotone.models.layers.pooling import AttentionPool
from emotone.models.layers.recurrent import Recurrent
from emotone.models.layers.shapes import as_image, as_sequence


class Cnn2d(Network):
    """Blocks of conv 3x3 - batch norm - ReLU - max-pool - dropout, then LSTM, then attention, then linear.

    Source: the CNN-2D, CNN-2D + LSTM and CNN-2D + LSTM + attention family described in the UTBM report's related
    work (RAVDESS .737, .704 and .744 claimed). Without an LSTM the maps are averaged over time and frequency.
    """

    takes: ClassVar[tuple[str, ...]] = ("sequence", "image")
    one_length: ClassVar[bool] = True

    channels: tuple[int, ...] = Field((32, 64, 128, 128), description="Feature maps of each block.")
    pools: tuple[int, ...] = Field((2, 2, 2, 2), description="Width and height of each max-pool.")
    dropout: float = Field(0.3, ge=0, lt=1, description="Dropout after each block and before the classifier.")
    lstm: int = Field(0, ge=0, description="Units of the LSTM; 0: none.")
    attention: int = Field(0, ge=0, description="Units of the attention after the LSTM; 0: use its last output.")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Module(self, shape, classes)


class _Module(nn.Module):
    def __init__(self, settings: Cnn2d, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        height = shape[1] if len(shape) == 3 else shape[-1]
        before = shape[0] if len(shape) == 3 else 1
        blocks: list[nn.Module] = []
        for after, pool in zip(settings.channels, settings.pools, strict=True):
            blocks += [
                nn.Conv2d(before, after, 3, padding=1),
                nn.BatchNorm2d(after),
                nn.MaxPool2d(pool),
                nn.ReLU(),  # after the pool: the same result with a quarter of the work
                Dropout(settings.dropout),
            ]
            before, height = after, height // pool
        self.blocks = nn.Sequential(*blocks)
        self.recurrent = Recurrent("lstm", before * height, settings.lstm, both_ways=False) if settings.lstm else None
        dims = settings.lstm or before
        self.pool = AttentionPool(dims, settings.attention) if settings.lstm and settings.attention else None
        self.out = nn.Sequential(Dropout(settings.dropout), nn.Linear(dims, classes))

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch, frames, mels) -> (batch, classes)."""
        maps = self.blocks(as_image(values))
        if self.recurrent is None:
            pooled = maps.mean(dim=(2, 3))
        else:
            sequence = self.recurrent(as_sequence(maps), None)
            pooled = self.pool(sequence, None) if self.pool is not None else sequence[:, -1]
        logits: Tensor = self.out(pooled)
        return logits
