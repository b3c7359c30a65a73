"""Labels to predict: which classes count as which label, and the calibration of the model for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from emotone.data.labels import label_map
from emotone.inference.pooling import Floats


@dataclass(frozen=True)
class LabelCalibration:
    """What turns the scores of a model into probabilities of some labels.

    Attributes:
        labels: in the order of the probabilities.
        matrix: (classes, labels) 1 where a class counts as a label.
        sharpness: factor of the log-probabilities; of a model with domain parts, corpus -> factor.
        min_confidence: below it no emotion is predicted.
    """

    labels: tuple[str, ...]
    matrix: Floats
    sharpness: float | Mapping[str, float]
    min_confidence: float

    @classmethod
    def of(
        cls, labels: str | Sequence[str], classes: tuple[str, ...], label_sets: Mapping[str, Mapping[str, Any]]
    ) -> LabelCalibration:
        """The calibration for a choice of labels.

        Args:
            labels: `all`, the name of a common label set, or labels.
            classes: those of the model.
            label_sets: name of a label set -> `sharpness` and `unsure_below`, as the model's file holds them.

        Raises:
            EmotoneError: no such label set, or fewer than two of the labels are known to the model.
        """
        names, matrix = _label_mapping(labels if isinstance(labels, str) else tuple(labels), classes)
        known = label_sets.get(labels if isinstance(labels, str) else "all", {})
        return cls(names, matrix, known.get("sharpness", 1.0), known.get("unsure_below", 0.0))


@lru_cache(maxsize=16)
def _label_mapping(labels: str | tuple[str, ...], classes: tuple[str, ...]) -> tuple[tuple[str, ...], Floats]:
    """The labels that can be predicted from these classes, and (classes, labels) which class counts as which."""
    mapping = label_map(classes, classes) if labels == "all" else label_map(labels, classes).narrowed()
    return tuple(mapping.classes), mapping.matrix(classes)
