"""Networks of torchvision without their classifiers, and files of their ImageNet weights."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from emotone.errors import ModelError
from emotone.models.pretrained.optional import torchvision

Backbone = Literal["vgg19", "resnet50", "mobilenet_v3_large"]

_DIMS: dict[Backbone, int] = {"vgg19": 512, "resnet50": 2048, "mobilenet_v3_large": 960}
_CLASSIFIER = {"avgpool", "fc", "classifier"}


def make_backbone(name: Backbone, state: Mapping[str, Tensor] | None) -> tuple[nn.Module, int]:
    """The convolutions of a network, and the number of feature maps of their output.

    Args:
        state: its weights with torchvision's names, including the classifier's; None: random weights.

    Raises:
        ModelError: the weights are not those of this network.
        MissingExtra: torchvision is absent.
    """
    with torch.device("meta"):  # the classifier of VGG19 has 124 million weights that are not needed
        whole: nn.Module = getattr(torchvision().models, name)(weights=None)
    parts = OrderedDict((part, module) for part, module in whole.named_children() if part not in _CLASSIFIER)
    backbone = nn.Sequential(parts).to_empty(device="cpu")
    if state is None:
        _draw(backbone)
        return backbone, _DIMS[name]
    needed = backbone.state_dict()
    for key, tensor in needed.items():
        if key not in state and key.endswith("num_batches_tracked"):  # absent in older files
            tensor.zero_()
        elif key not in state or state[key].shape != tensor.shape:
            found = f"has the shape {tuple(state[key].shape)}" if key in state else "is absent"
            raise ModelError(
                f"not the weights of torchvision's {name}: {key} {found}, it must have the shape {tuple(tensor.shape)}"
                "; set model.weights or model.backbone to match"
            )
        else:
            tensor.copy_(state[key])
    return backbone, _DIMS[name]


def load_weights(name: Backbone, place: str) -> dict[str, Tensor]:
    """The weights of a network with torchvision's names.

    Args:
        place: `imagenet`: the file in torchvision's cache, downloaded if it is absent; or the path of a file that torch
            saved (.pth), or of .safetensors.

    Raises:
        ModelError: the file is absent and cannot be downloaded, or it is not readable.
        MissingExtra: torchvision is absent.
    """
    published = torchvision().models.get_model_weights(name).IMAGENET1K_V1
    file_name = published.url.rpartition("/")[2]
    how = f"download {published.url} and pass it: --set model.weights=PATH"
    if place != "imagenet":
        return _read(Path(place).expanduser(), how)
    cached = Path(torch.hub.get_dir()) / "checkpoints" / file_name
    if not cached.is_file():
        try:
            cached.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(published.url, str(cached), _hash(file_name), progress=False)
        except (OSError, RuntimeError) as problem:  # no connection, or a file with another hash
            reason = " ".join(str(problem).split())
            raise ModelError(f"{name}: {cached} is absent and its download failed ({reason}); {how}") from problem
    return _read(cached, how)


def fingerprint(state: Mapping[str, Tensor]) -> str:
    """A short hash of weights, independent of their file."""
    digest = blake2b(digest_size=8)
    for key, tensor in sorted(state.items()):
        digest.update(key.encode())
        digest.update(tensor.contiguous().view(torch.uint8).numpy().tobytes() if tensor.ndim else repr(tensor).encode())
    return digest.hexdigest()


def _hash(file_name: str) -> str:
    """The first digits of a file's SHA-256, the suffix of its name: `vgg19-dcbb9e9d.pth`."""
    return Path(file_name).stem.rpartition("-")[2]


def _read(path: Path, how: str) -> dict[str, Tensor]:
    if not path.is_file():
        raise ModelError(f"no file {path}; {how}")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # torch and safetensors raise errors of many kinds
        reason = " ".join(str(problem).split())
        raise ModelError(f"{path}: weights cannot be read safely ({reason[:200]}); {how}") from problem
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError(f"{path}: not a mapping of names to weights; {how}")
    return dict(state)


def _draw(backbone: nn.Module) -> None:
    """Random weights, as torchvision draws them."""
    for layer in backbone.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()
