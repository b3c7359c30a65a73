"""transformers and peft, imported late, and not broken by a torchvision that does not fit torch."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

import torch

from emotone.errors import MissingExtra

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_KEPT: list[Any] = []  # a torch.library.Library undoes its definitions when it is collected


def transformers() -> Any:
    """The package.

    Raises:
        MissingExtra: it is absent.
    """
    return _imported("transformers", "a pretrained speech encoder")


def peft() -> Any:
    """The package.

    Raises:
        MissingExtra: it is absent.
    """
    return _imported("peft", "the schedule lora")


def _imported(name: str, need: str) -> Any:
    _mend_torchvision()
    try:
        return import_module(name)
    except ImportError:
        raise MissingExtra(need, "encoders") from None


def _mend_torchvision() -> None:
    """Beside a torch without CUDA, torchvision misses two operators at import, and takes transformers with it."""
    if "torchvision" in sys.modules or find_spec("torchvision") is None:
        return
    try:
        import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library: Any = cast(Any, torch.library.Library)("torchvision", "DEF")
        for operator in _OPERATORS:
            library.define(operator)
        _KEPT.append(library)
