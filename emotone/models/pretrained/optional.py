"""Optional packages torchvision, transformers and peft: imported late, patched for CPU builds of torch."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from emotone.errors import MissingExtra

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
"""Operators that torchvision registers on import; without its compiled part the import fails."""


def transformers() -> Any:
    """The package.

    Raises:
        MissingExtra: it is absent.
    """
    return _imported("transformers", "a pretrained speech encoder", "encoders")


def peft() -> Any:
    """The package.

    Raises:
        MissingExtra: it is absent.
    """
    return _imported("peft", "the schedule lora", "encoders")


def torchvision() -> Any:
    """The package; its networks work, its box operators only if its compiled part loads.

    Raises:
        MissingExtra: it is absent.
    """
    return _imported("torchvision", "a network pretrained on images", "vision")


def _imported(name: str, need: str, extra: str) -> Any:
    _declare_operators()
    try:
        return import_module(name)
    except ImportError:
        raise MissingExtra(need, extra) from None


@lru_cache(maxsize=1)
def _declare_operators() -> Any:
    """Make `import torchvision` possible with a torch that its compiled part does not match, such as a CPU build.

    A torchvision that fails to import makes the import of transformers fail too. Does nothing if the compiled part
    loads, or if torchvision is absent or imported already.
    """
    import torch

    spec = find_spec("torchvision") if "torchvision" not in sys.modules else None
    if spec is None or spec.origin is None:
        return None
    try:
        for compiled in Path(spec.origin).parent.glob("_C*"):
            torch.ops.load_library(str(compiled))  # type: ignore[no-untyped-call]
            return None
    except OSError:
        pass
    library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for operator in _OPERATORS:
        library.define(operator)
    return library  # kept by the cache: its definitions are deleted with it
