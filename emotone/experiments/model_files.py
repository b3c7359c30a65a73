"""Files of a fitted model in a run folder: weights, and an ONNX file that is checked against them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from emotone.data.splits import Fold
from emotone.experiments.prepared import Prepared
from emotone.inference import predictor
from emotone.inference.speaker_shift import shifts_of_emotions
from emotone.models import Network
from emotone.runs.fold_examples import numbered
from emotone.runs.speakers.feature_centring import NO_EXPORT
from emotone.training import onnx_export
from emotone.training.fit import FittedLinear, FittedNetwork

_PARITY_CLIPS = 8
_FRAME_S = 0.02
"""Seconds from one frame of a speech encoder to the next; no other feature has a graph."""


def write(
    prepared: Prepared,
    fold: Fold,
    fitted: FittedLinear | FittedNetwork,
    folder: Path,
    *,
    uar: dict[str, Any] | None = None,
    unfinished: str = "",
) -> tuple[float | None, str]:
    """Write the model of a fold to a folder.

    Args:
        fold: that the model was fitted on.
        uar: of the cross-validation, for the metadata.
        unfinished: why training stopped early, for the metadata.

    Returns:
        The largest difference between the ONNX file and the model on a few clips, and why there is no ONNX file; the
        difference is None or the reason empty.
    """
    facts = _facts(prepared, fold, fitted).model_copy(update={"uar": uar, "unfinished": unfinished})
    clips = len(prepared.dataset.table)
    return onnx_export.write_model(
        fitted,
        prepared.model,
        facts,
        folder,
        prepared.model_input(fold),
        np.linspace(0, clips - 1, min(_PARITY_CLIPS, clips), dtype=np.int64),
        reason_file=folder / predictor.NOT_EXPORTED,
        refused=NO_EXPORT if prepared.centring else "",
        feature=lambda: None if prepared.centring else prepared.recipe.make_feature().graph(),
    )


def _facts(prepared: Prepared, fold: Fold, fitted: FittedLinear | FittedNetwork) -> onnx_export.ModelMetadata:
    """The metadata of the model."""
    recipe, table, model = prepared.recipe, prepared.dataset.table, prepared.model
    feature = recipe.make_feature()
    return onnx_export.ModelMetadata(
        title=prepared.title,
        classes=prepared.dataset.map.classes,
        audio=recipe.audio,
        feature={"name": recipe.feature.name, **feature.model_dump(mode="json")},
        trained_on=tuple(table.corpora()),
        protocol=recipe.data.protocol,
        feature_version=feature.version,
        feature_identity=feature.identity,
        adaptation=_adaptation(prepared, fold, fitted),
        frame_step_s=_FRAME_S * model.frame_step if isinstance(model, Network) else 0.0,
    )


def _adaptation(
    prepared: Prepared, fold: Fold, fitted: FittedLinear | FittedNetwork
) -> onnx_export.SpeakerAdaptation | None:
    """Mean embedding of the training speakers, and how each emotion shifts it; None if it cannot be adapted."""
    if not isinstance(fitted, FittedNetwork) or not isinstance(prepared.model, Network):
        return None
    if not prepared.model.takes_history:
        return None
    rows, dataset = fold.training_side, prepared.dataset
    found = fitted.embeddings(prepared.model_input(fold), rows)
    if found is None:
        return None
    embeddings, speakers = found.astype(np.float64), numbered(dataset.table, "speaker")[rows]
    means = [embeddings[speakers == speaker].mean(axis=0) for speaker in np.unique(speakers)]
    shifts = shifts_of_emotions(embeddings, dataset.labels[rows], speakers, len(dataset.map.classes))
    return onnx_export.SpeakerAdaptation.of(np.mean(means, axis=0), shifts)
