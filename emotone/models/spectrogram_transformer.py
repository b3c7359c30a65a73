"""Small transformer over patches of a spectrogram."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from emotone.models import Network
from emotone.models.layers.shapes import as_image


class SpectrogramTransformer(Network):
    """Patches -> linear embedding + learned positions -> transformer encoder -> mean -> linear.

    Source: the audio spectrogram transformer of Gong et al., Interspeech 2021, smaller and trained from scratch.
    """

    takes: ClassVar[tuple[str, ...]] = ("sequence", "image")
    one_length: ClassVar[bool] = True

    patch: int = Field(16, ge=1, description="Width and height of a patch.")
    dims: int = Field(128, ge=1, description="Size of a patch's embedding; a multiple of heads.")
    layers: int = Field(4, ge=1, description="Encoder layers.")
    heads: int = Field(4, ge=1, description="Attention heads.")
    dropout: float = Field(0.2, ge=0, lt=1, description="Dropout in the encoder and before the classifier.")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Module(self, shape, classes)


class _Module(nn.Module):
    def __init__(self, settings: SpectrogramTransformer, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        channels = shape[0] if len(shape) == 3 else 1
        patches = (shape[-1] // settings.patch) * (shape[-2] // settings.patch)
        self.embed = nn.Conv2d(channels, settings.dims, settings.patch, stride=settings.patch)
        self.place = nn.Parameter(torch.randn(1, patches, settings.dims) * 0.02)
        layer = nn.TransformerEncoderLayer(
            settings.dims,
            settings.heads,
            settings.dims * 4,
            settings.dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, settings.layers, enable_nested_tensor=False)
        self.out = nn.Sequential(
            nn.LayerNorm(settings.dims), nn.Dropout(settings.dropout), nn.Linear(settings.dims, classes)
        )

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch, frames, mels) -> (batch, classes)."""
        patches = self.embed(as_image(values)).flatten(2).transpose(1, 2)  # (batch, patches, dims)
        logits: Tensor = self.out(self.encoder(patches + self.place).mean(dim=1))
        return logits
