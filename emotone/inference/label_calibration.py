"""Labels to predict: which classes count as which label, and the calibration of the model for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from emotone.data.labels import LABEL_SETS, label_map
from emotone.errors import UnknownName
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

        Labels that are the same as those of a label set, in whatever order, have the calibration of the set.

        Args:
            labels: `all`, the name of a common label set, or labels.
            classes: those of the model.
            label_sets: name of a label set -> `sharpness` and `unsure_below`, as the model's file holds them.

        Raises:
            EmotoneError: no such label set or label, or fewer than two of the labels are known to the model.
        """
        names, matrix = _label_mapping(labels if isinstance(labels, str) else tuple(labels), classes)
        known = label_sets.get(_set_name(labels, names, matrix, classes, label_sets), {})
        return cls(names, matrix, known.get("sharpness", 1.0), known.get("unsure_below", 0.0))


def _set_name(
    labels: str | Sequence[str],
    names: tuple[str, ...],
    matrix: Floats,
    classes: tuple[str, ...],
    label_sets: Iterable[str],
) -> str:
    """The label set whose calibration is used: the named one, one with the same labels, or that of all labels."""
    if isinstance(labels, str):
        return labels
    columns = dict(zip(names, matrix.T.tolist(), strict=True))
    for name in LABEL_SETS:
        if name in label_sets:
            set_names, set_matrix = _label_mapping(name, classes)
            if columns == dict(zip(set_names, set_matrix.T.tolist(), strict=True)):
                return name
    return "all"


@lru_cache(maxsize=16)
def _label_mapping(labels: str | tuple[str, ...], classes: tuple[str, ...]) -> tuple[tuple[str, ...], Floats]:
    """The labels that can be predicted from these classes, and (classes, labels) which class counts as which."""
    mapping = label_map(labels, classes)
    if labels != "all":
        mapping = mapping.narrowed()
    if not isinstance(labels, str) and mapping.absent:
        raise UnknownName("label of this model", mapping.absent[0], classes)
    return tuple(mapping.classes), mapping.matrix(classes)
