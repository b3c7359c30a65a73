"""Networks pretrained on ImageNet, their deeper layers and a new head trained on spectrogram pictures."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from emotone.models import Network
from emotone.models.pretrained.imagenet import Backbone, fingerprint, load_weights, make_backbone

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pictures, red, green, blue


class ImageBackbone(Network):
    """VGG19, ResNet50 or MobileNetV3-Large without its classifier -> average -> dense head with batch norm and dropout.

    Pictures of 0 .. 1 are scaled as ImageNet's inside the network. `training.l2` pulls on the dense layers of the head.

    Source: the UTBM report (VGG19 .76 claimed). Simonyan & Zisserman, ICLR 2015; He et al., CVPR 2016; Howard et al.,
    ICCV 2019; weights by torchvision.
    """

    takes: ClassVar[tuple[str, ...]] = ("image",)
    one_length: ClassVar[bool] = True

    standardise: Literal["band", "all", "none"] = Field(
        "none", description="Further scaling of the input by the training clips: per channel, over all, or none."
    )
    backbone: Backbone = Field("vgg19", description="Which network.")
    weights: str = Field(
        "imagenet",
        description="imagenet: torchvision's file, from its cache or the network; a path: such a file (.pth) or its "
        "tensors as .safetensors; random: none, for trying out the plumbing.",
    )
    frozen_convolutions: int = Field(
        0, ge=0, description="First convolutions that keep their weights, with their batch norms."
    )
    head: tuple[int, ...] = Field((128, 64), description="Units of the dense layers before the classifier.")
    dropout: float = Field(0.6, ge=0, lt=1, description="After each dense layer.")

    @property
    def caveats(self) -> list[str]:
        if self.weights != "random":
            return []
        return [f"untrained plumbing, not a result: {self.backbone} without its ImageNet weights"]

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
    """Batch norm that takes a batch of one clip, as the last of an epoch may be, by the statistics of those before."""

    def forward(self, input: Tensor) -> Tensor:
        if self.training and len(input) == 1:
            return nn.functional.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        return super().forward(input)


def _first_layers(backbone: nn.Module, convolutions: int) -> tuple[nn.Module, ...]:
    """The first convolutions and the batch norms that follow them, in the order of the network."""
    found, layers = 0, []
    for layer in backbone.modules():
        found += isinstance(layer, nn.Conv2d)
        if found > convolutions:
            break
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
            layers.append(layer)
    return tuple(layers)
