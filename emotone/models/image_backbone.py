"""Networks pretrained on ImageNet, fine-tuned on spectrogram images."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from emotone.models import Network
from emotone.models.pretrained.imagenet import Backbone, fingerprint, load_weights, make_backbone

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet: red, green, blue


class ImageBackbone(Network):
    """VGG19, ResNet50 or MobileNetV3-Large without its classifier -> average -> dense head with batch norm and dropout.

    The network scales images of 0 .. 1 like ImageNet's. `training.l2` penalises the dense layers of the head.

    Source: the UTBM report (VGG19 .76 claimed). Simonyan & Zisserman, ICLR 2015; He et al., CVPR 2016; Howard et al.,
    ICCV 2019; weights by torchvision.
    """

    takes: ClassVar[tuple[str, ...]] = ("image",)
    one_length: ClassVar[bool] = True

    standardise: Literal["band", "all", "none"] = Field(
        "none", description="Also standardise the input with the training clips: per channel, over all values, or not."
    )
    backbone: Backbone = Field("vgg19", description="Architecture.")
    weights: str = Field(
        "imagenet",
        description="imagenet: torchvision's file, from its cache or downloaded; a path: such a file (.pth) or its "
        "tensors as .safetensors; random: random weights, for tests of a recipe.",
    )
    frozen_convolutions: int = Field(
        0, ge=0, description="Number of first convolutions that are frozen, with their batch norms."
    )
    head: tuple[int, ...] = Field((128, 64), description="Units of the dense layers before the classifier.")
    dropout: float = Field(0.6, ge=0, lt=1, description="Dropout after each dense layer.")

    @property
    def caveats(self) -> list[str]:
        if self.weights != "random":
            return []
        return [f"untrained, not a result: {self.backbone} without its ImageNet weights"]

    @property
    def untrained(self) -> dict[str, Any]:
        return {"weights": "random"}

    @property
    def identity(self) -> str:
        if self.weights == "random":
            return ""
        return fingerprint(load_weights(self.backbone, self.weights))

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Module(self, shape, classes)


class _Module(nn.Module):
    mean: Tensor
    deviation: Tensor

    def __init__(self, settings: ImageBackbone, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION).view(3, 1, 1), persistent=False)
        state = None if settings.weights == "random" else load_weights(settings.backbone, settings.weights)
        self.backbone, dims = make_backbone(settings.backbone, state)
        self.frozen = _first_layers(self.backbone, settings.frozen_convolutions)
        for layer in self.frozen:
            layer.requires_grad_(False)
        layers: list[nn.Module] = []
        for units in settings.head:
            layers += [nn.Linear(dims, units), nn.ReLU(), _BatchNorm(units), nn.Dropout(settings.dropout)]
            dims = units
        self.head = nn.Sequential(*layers)
        self.out = nn.Linear(dims, classes)

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(batch, 3, height, width) 0 .. 1 -> (batch, classes)."""
        maps = self.backbone((values - self.mean) / self.deviation)  # (batch, maps, height / 32, width / 32)
        logits: Tensor = self.out(self.head(maps.mean(dim=(2, 3))))
        return logits

    def train(self, mode: bool = True) -> _Module:
        """Frozen batch norms keep their statistics too."""
        super().train(mode)
        for layer in self.frozen:
            layer.eval()
        return self

    def regularised(self) -> list[Tensor]:
        """The kernels of the head's dense layers."""
        return [layer.weight for layer in self.head if isinstance(layer, nn.Linear)]


class _BatchNorm(nn.BatchNorm1d):
    """Batch norm that uses the running statistics for a batch of one clip, such as the last batch of an epoch."""

    def forward(self, input: Tensor) -> Tensor:
        if self.training and len(input) == 1:
            return nn.functional.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        return super().forward(input)


def _first_layers(backbone: nn.Module, convolutions: int) -> tuple[nn.Module, ...]:
    """The first convolutions and their batch norms, in the order of the network."""
    found, layers = 0, []
    for layer in backbone.modules():
        found += isinstance(layer, nn.Conv2d)
        if found > convolutions:
            break
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
            layers.append(layer)
    return tuple(layers)
