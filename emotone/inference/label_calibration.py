"""Labels to predict: which classes count as which label, and the calibration of the model for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from emotone.data.labels import LABEL_SETS, canonical, label_map
from emotone.errors import EmotoneError, UnknownName
from emotone.inference.pooling import Floats


@dataclass(frozen=True)
class LabelCalibration:
    """What turns the scores of a model into probabilities of some labels.

    Attributes:
        labels: in the order of the probabilities.
        matrix: (classes, labels) 1 where a class counts as a label.
        sharpness: factor of the log-probabilities.
        min_confidence: below it no emotion is predicted.
    """

    labels: tuple[str, ...]
    matrix: Floats
    sharpness: float
    min_confidence: float

    @classmethod
    def of(
        cls, labels: str | Sequence[str], classes: tuple[str, ...], label_sets: Mapping[str, Mapping[str, Any]]
    ) -> LabelCalibration:
        """The calibration for a choice of labels.

        The labels of a label set, in whatever order, are the same as the name of the set.

        Args:
            labels: `all`, the name of a common label set, or labels.
            classes: those of the model.
            label_sets: name of a label set -> `sharpness` and `unsure_below`, as the model's file holds them.

        Raises:
            EmotoneError: no such label set or label, or fewer than two of the labels are known to the model.
        """
        name = labels if isinstance(labels, str) else _set_name(tuple(labels), classes, label_sets)
        names, matrix = _label_mapping(name or tuple(labels), classes)
        known = label_sets.get(name or "all", {})
        return cls(names, matrix, known.get("sharpness", 1.0), known.get("unsure_below", 0.0))


def _set_name(labels: tuple[str, ...], classes: tuple[str, ...], label_sets: Iterable[str]) -> str | None:
    """The label set of the model with the same labels, and the same classes for each of them."""
    columns = _columns(labels, classes)
    sets = (name for name in LABEL_SETS if name in label_sets)
    return next((name for name in sets if _columns(name, classes) == columns), None)


def _columns(labels: str | tuple[str, ...], classes: tuple[str, ...]) -> dict[str, list[float]]:
    names, matrix = _label_mapping(labels, classes)
    return dict(zip(names, matrix.T.tolist(), strict=True))


@lru_cache(maxsize=64)
def _label_mapping(labels: str | tuple[str, ...], classes: tuple[str, ...]) -> tuple[tuple[str, ...], Floats]:
    """The labels that can be predicted from these classes, and (classes, labels) which class counts as which."""
    if not isinstance(labels, str):
        if len(set(map(canonical, labels))) < 2:
            raise EmotoneError(f"a prediction needs at least two labels to choose from; came {list(labels)}")
        reached = set(label_map(labels, classes).mapping.values())
        if unknown := [label for label in labels if canonical(label) not in reached]:
            raise UnknownName("label of this model", unknown[0], classes)
    mapping = label_map(labels, classes)
    if labels != "all":
        mapping = mapping.narrowed()
    return tuple(mapping.classes), mapping.matrix(classes)
