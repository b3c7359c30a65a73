"""Speech emotion recognition: train, compare honestly, predict.

>>> import emotone
>>> sorted(emotone.__all__)
['EmotoneError', 'Stream', 'compare', 'load_model', 'predict', 'train']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from emotone.errors import EmotoneError

if TYPE_CHECKING:
    from emotone.experiments.compare import compare
    from emotone.experiments.train import train
    from emotone.inference.predictor import load_model, predict
    from emotone.inference.stream import Stream

__all__ = ["EmotoneError", "Stream", "compare", "load_model", "predict", "train"]

_HOMES = {
    "train": "experiments.train",
    "compare": "experiments.compare",
    "load_model": "inference.predictor",
    "predict": "inference.predictor",
    "Stream": "inference.stream",
}


def __getattr__(name: str) -> Any:
    """Public names are imported when first asked for: a prediction never pays for torch."""
    if name in _HOMES:
        return getattr(import_module(f"emotone.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'emotone' has no attribute {name!r}; there are: {', '.join(__all__)}")
