"""The module of a fine-tuned encoder: what of it learns, and how a clip becomes logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from torch import Tensor, nn

from emotone.models.layers.pooling import Pooling
from emotone.models.pretrained.encoders import SpeechEncoder, add_adapters

if TYPE_CHECKING:
    from emotone.models.fine_tuned_encoder import FineTunedEncoder


class FineTunedModule(nn.Module):
    """`forward(samples, lengths) -> (batch, classes)`; padding changes nothing."""

    def __init__(self, settings: FineTunedEncoder, encoder: SpeechEncoder, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.layer = settings.layer
        self.frozen = settings.schedule == "frozen"
        dims = encoder.checkpoint.dims
        self.mixture = None
        if settings.layer == "mixture":
            self.mixture = nn.Parameter(torch.zeros(len(encoder.transformer) + 1))
        self.pooling = Pooling(settings.pooling, dims)
        self.dropout = nn.Dropout(settings.dropout)
        self.out = nn.Linear(self.pooling.size, classes)
        encoder.regularise(masking=settings.masking, layer_drop=settings.layer_drop)
        if settings.gradient_checkpointing:
            encoder.compute_twice()
        if settings.schedule == "lora":
            add_adapters(encoder, settings.lora_rank)
        else:
            encoder.requires_grad_(settings.schedule != "frozen")
        if settings.schedule == "top":
            self.learn_top(settings.layers)
        if not (settings.train_convolutions and settings.schedule == "all"):
            for part in encoder.convolutions:
                part.requires_grad_(False)
                cast(Any, part)._requires_grad = False  # transformers would ask for gradients down to the samples

    def learn_top(self, count: int) -> None:
        """Let the uppermost layers learn, and no others; what lies under the transformer learns after the lowest."""
        for where, weight in self._encoder_weights():
            if where != "convolutions":
                weight.requires_grad_((0 if where == "top" else where) < count)

    def learning(self) -> Iterator[tuple[int | str, nn.Parameter]]:
        """Each weight that learns with its place: `head`, `top`, or how many layers stand above its own."""
        for name, weight in self.named_parameters():
            if not name.startswith("encoder."):
                yield "head", weight
        for where, weight in self._encoder_weights():
            if weight.requires_grad:
                yield (len(self.encoder.transformer) if where == "convolutions" else where), weight

    def _encoder_weights(self) -> Iterator[tuple[int | Literal["top", "convolutions"], nn.Parameter]]:
        """Each weight of the encoder with its place; what lies under the transformer has every layer above it."""
        layers = self.encoder.transformer
        places: dict[int, int | Literal["top", "convolutions"]] = {}
        for depth, layer in enumerate(reversed(layers)):
            places.update(dict.fromkeys(map(id, layer.parameters()), depth))
        if self.encoder.final_norm is not None:
            places.update(dict.fromkeys(map(id, self.encoder.final_norm.parameters()), "top"))
        for part in self.encoder.convolutions:
            places.update(dict.fromkeys(map(id, part.parameters()), "convolutions"))
        for weight in self.encoder.parameters():
            yield places.get(id(weight), len(layers)), weight

    def train(self, mode: bool = True) -> FineTunedModule:
        """A frozen encoder gives the same while training: no dropout, nothing hidden."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        states, frames = self.encoder(values, lengths, self.layer if self.mixture is None else "every")
        if self.mixture is not None:
            share = self.mixture.softmax(dim=0)[:, None, None, None]
            states = (share.to(states.dtype) * states).sum(dim=0)
        logits: Tensor = self.out(self.dropout(self.pooling(states, frames)))
        return logits
