"""Fine-tuned speech encoder with a linear head."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from emotone.errors import MissingExtra
from emotone.models import Network
from emotone.models.layers.pooling import make_pool
from emotone.models.pretrained import checkpoints
from emotone.models.pretrained.checkpoints import Checkpoint
from emotone.models.pretrained.encoders import SpeechEncoder, add_adapters, load

_ONNX_BYTES = 2_000_000_000  # limit of one protobuf file


class FineTunedEncoder(Network):
    """wav2vec 2.0, XLS-R, HuBERT, WavLM, data2vec or Whisper's encoder; pooling over time; one linear layer.

    Its convolutions are frozen unless `train_convolutions` is set. `schedule` decides which other layers are trained:
    `all`; `frozen`: none; `top`: the uppermost `layers`; `gradual`: none at first, one more from the top every
    `epochs_per_layer`; `lora`: low-rank adapters of all layers and nothing else.

    Source: Wagner et al. 2023 (mean pooling, convolutions kept); Yang et al. 2021 (SUPERB: layer mixture); Howard and
    Ruder 2018 (gradual unfreezing, rates by layer); Hu et al. 2022 (LoRA).
    """

    takes: ClassVar[tuple[str, ...]] = ("waveform",)

    standardise: Literal["none"] = Field("none", description="The encoder scales its input as its checkpoint requires.")
    checkpoint: str = Field(
        description="A folder (of transformers, or a Whisper model of CTranslate2), a downloaded hub id, or a short "
        "name (models/pretrained/catalogue.py)."
    )
    revision: str = Field("main", description="Branch, tag or commit on the hub.")
    layer: int | Literal["last", "mixture"] = Field(
        "last", description="Layer whose output is pooled, or a learned mixture of all."
    )
    pooling: Literal["mean", "mean_std", "attention"] = Field("mean", description="Pooling over time.")
    seconds: Annotated[float, Field(gt=0, le=30)] | Literal["clip"] | None = Field(
        None,
        description="Window of Whisper, to which clips are padded; clip: the clip itself, which costs less; none: 30. "
        "Others have no window.",
    )
    schedule: Literal["all", "frozen", "top", "gradual", "lora"] = Field(
        "all", description="Which layers are trained, and when."
    )
    layers: int = Field(4, ge=1, description="Layers that are trained with schedule `top`.")
    epochs_per_layer: int = Field(
        1, ge=1, description="Epochs before the next layer is unfrozen with schedule `gradual`."
    )
    train_convolutions: bool = Field(False, description="Train the convolutions too (schedule `all`).")
    layer_decay: float = Field(1.0, gt=0, le=1, description="Learning rate of a layer relative to the layer above.")
    head_rate: float = Field(1.0, gt=0, description="Learning rate of the head relative to training.learning_rate.")
    lora_rank: int = Field(8, ge=1, description="Rank of the adapters with schedule `lora`.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout before the head.")
    masking: bool = Field(True, description="Mask stretches of time while training, as the checkpoint's config says.")
    layer_drop: float | None = Field(
        None, ge=0, lt=1, description="Probability of skipping a layer while training; none: the checkpoint's."
    )
    gradient_checkpointing: bool = Field(
        False, description="Recompute activations in the backward pass: less memory, more time."
    )

    @property
    def identity(self) -> str:
        if find_spec("transformers") is None or (self.schedule == "lora" and find_spec("peft") is None):
            raise MissingExtra("a fine-tuned encoder", "train,encoders")
        return self._checkpoint().identity

    @property
    def caveats(self) -> list[str]:
        return self._checkpoint().caveats

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Module(self, load(self._checkpoint(), self.seconds), classes)

    def parameter_groups(self, module: nn.Module) -> list[tuple[list[nn.Parameter], float]]:
        tuned = cast(_Module, module)
        factors = {"head": self.head_rate, "top": 1.0}
        groups: dict[float, list[nn.Parameter]] = {}
        for where, weight in tuned.trainable():
            factor = factors.get(str(where)) or self.layer_decay ** int(where)
            groups.setdefault(factor, []).append(weight)
        return [(weights, factor) for factor, weights in groups.items()]

    def on_epoch(self, module: nn.Module, epoch: int) -> None:
        if self.schedule == "gradual":
            cast(_Module, module).unfreeze_top((epoch - 1) // self.epochs_per_layer)

    def no_export(self, module: nn.Module) -> str:
        size = sum(weight.numel() * weight.element_size() for weight in module.parameters())
        return (
            "" if size < _ONNX_BYTES else f"its weights are {size / 1e9:.1f} GB, and one ONNX file holds 2 GB at most"
        )

    @property
    def untrained(self) -> dict[str, Any]:
        layer = "last" if isinstance(self.layer, int) else self.layer
        return {"checkpoint": checkpoints.tiny_like(self.checkpoint), "layer": layer}

    def _checkpoint(self) -> Checkpoint:
        found = checkpoints.find(self.checkpoint, self.revision)
        found.check_layer(self.layer)
        return found


class _Module(nn.Module):
    """`forward(samples, lengths) -> (batch, classes)` logits; padding does not change them."""

    def __init__(self, settings: FineTunedEncoder, encoder: SpeechEncoder, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.layer = settings.layer
        self.frozen = settings.schedule == "frozen"
        dims = encoder.checkpoint.dims
        self.mixture = None
        if settings.layer == "mixture":
            self.mixture = nn.Parameter(torch.zeros(len(encoder.transformer) + 1))
        self.pooling = make_pool(settings.pooling, dims)
        self.dropout = nn.Dropout(settings.dropout)
        self.out = nn.Linear(self.pooling.size, classes)
        encoder.regularise(masking=settings.masking, layer_drop=settings.layer_drop)
        if settings.gradient_checkpointing:
            encoder.checkpoint_gradients()
        if settings.schedule == "lora":
            add_adapters(encoder, settings.lora_rank)
        else:
            encoder.requires_grad_(settings.schedule != "frozen")
        if settings.schedule == "top":
            self.unfreeze_top(settings.layers)
        if not (settings.train_convolutions and settings.schedule == "all"):
            for part in encoder.convolutions:
                part.requires_grad_(False)
                cast(Any, part)._requires_grad = False  # else transformers asks for gradients down to the samples

    def unfreeze_top(self, count: int) -> None:
        """Train the uppermost `count` layers and no others; parts below the transformer come after the lowest layer."""
        for where, weight in self._encoder_weights():
            if where != "convolutions":
                weight.requires_grad_((0 if where == "top" else where) < count)

    def trainable(self) -> Iterator[tuple[int | str, nn.Parameter]]:
        """Each trainable weight with its place: `head`, `top` (final norm), or the number of layers above it."""
        for name, weight in self.named_parameters():
            if not name.startswith("encoder."):
                yield "head", weight
        for where, weight in self._encoder_weights():
            if weight.requires_grad:
                yield (len(self.encoder.transformer) if where == "convolutions" else where), weight

    def _encoder_weights(self) -> Iterator[tuple[int | Literal["top", "convolutions"], nn.Parameter]]:
        """Each weight of the encoder with its place; a weight below the transformer has all layers above it."""
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

    def train(self, mode: bool = True) -> _Module:
        """A frozen encoder stays in evaluation mode: no dropout, no masking."""
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
