"""Explanation of a run's prediction for one recording: contributions of moments and features."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from emotone.analysis.explain import attribution, saliency
from emotone.analysis.explain.result import Explanation
from emotone.audio import read as audio
from emotone.audio.read import RATE_HZ, Source
from emotone.audio.steady_tones import cleaned
from emotone.data.progress import Progress, no_progress
from emotone.errors import AudioError, ModelError, RunError, UnknownName
from emotone.features import Feature, Values
from emotone.inference import predictor, speech_gate
from emotone.inference.prediction import Prediction, Segment
from emotone.inference.predictor import Predictor
from emotone.models.linear.affine import Affine, Floats
from emotone.runs.run import Run
from emotone.training import onnx_export as export
from emotone.training.fit import FittedLinear, FittedNetwork


def explain(
    run: str | os.PathLike[str],
    source: Source,
    *,
    label: str | None = None,
    at_s: float = 0.0,
    rate_hz: int | None = None,
    progress: Progress = no_progress,
) -> Explanation:
    """Prediction of a run's model for a recording, and the attribution of the score of a label.

    Of a long recording, which is classified in pieces, one piece is explained. A recording that the speech gate refuses
    is explained, too; `gate_reason` then states why `predict` names no emotion.

    Args:
        run: a finished run, or its `model` folder.
        source, rate_hz: as in `predict`.
        label: the label to explain; None is the predicted one.
        at_s: a moment of the piece to explain.
        progress: called after each batch of gradients.

    Raises:
        RunError: no finished run, a run without a model, or an ensemble.
        ModelError: its features have no meaning for people, or its weights are not those of its exported model.
        AudioError: the recording cannot be used, or ends before `at_s`.
        UnknownName: the label is not a class of the model.
    """
    opened, feature, model = _model(Path(run))
    if label is not None and label not in model.classes:
        raise UnknownName("label", label, model.classes)
    settings = opened.recipe.audio
    rates_hz = [settings.rate_hz, RATE_HZ]  # the gate has its own
    read = audio.read_at(source, rates_hz, source_rate_hz=rate_hz, channel=settings.channel)
    samples = read[settings.rate_hz]
    prediction = replace(model.predict(samples, settings.rate_hz, min_confidence=0), file=audio.name_of(source))
    piece = _piece_at(prediction, at_s)
    begin, end = (round(edge_s * settings.rate_hz) for edge_s in (piece.start_s, piece.end_s))
    window = cleaned(samples[begin : max(end, 1)], settings)
    inputs = settings(window)
    values = feature.extract(inputs, settings.rate_hz)
    fitted = _fitted(opened, values, piece)
    number = model.classes.index(label or prediction.label)
    first, last, before = settings.place(window)
    return Explanation(
        run=opened,
        prediction=prediction,
        label=model.classes[number],
        piece=piece,
        samples=inputs,
        rate_hz=settings.rate_hz,
        offset_s=piece.start_s + (first - before) / settings.rate_hz,
        sound_s=(before / settings.rate_hz, (before + last - first) / settings.rate_hz),
        in_training=_in_training(opened, source),
        gate_reason=speech_gate.judge(read[RATE_HZ]).reason,
        values=values,
        names=tuple(feature.names) if feature.kind in ("vector", "sequence") else (),
        standardised=_standardised(fitted, values) if feature.kind == "vector" else None,
        attribution=attribution.attribute(fitted, values, number, progress=progress),
        attention=_attention(fitted, values, inputs.size / settings.rate_hz),
        grad_cam=_grad_cam(fitted, values, number, len(model.classes)),
    )


def _model(folder: Path) -> tuple[Run, Feature, Predictor]:
    """The run, its feature and its exported model."""
    if folder.name == "model" and not (folder / "started.json").exists():
        folder = folder.parent
    if (folder / "ensemble.yaml").is_file():
        members = ", ".join(map(str, Run(folder).members))
        raise RunError(f"{folder} is an ensemble; explain one of its members: {members}")
    run = Run.open(folder)
    if not (folder / "model" / "weights.safetensors").is_file():
        raise RunError(f"{folder} keeps no model (trained for its scores only); run its training again to make one")
    feature = run.recipe.make_feature()
    if run.recipe.feature.name == "encoder" and feature.kind == "vector":
        raise ModelError(
            f"{folder} uses means over an encoder's hidden states, which have neither names nor a time; train with "
            "feature.pooling=none and a model of sequences for an explanation over time"
        )
    return run, feature, predictor.load_model(folder, gate=False)


def _piece_at(prediction: Prediction, at_s: float) -> Segment:
    """The piece of the recording at a moment."""
    piece = next((segment for segment in prediction.segments if segment.start_s <= at_s < segment.end_s), None)
    if piece is None:
        raise AudioError(f"{prediction.file} has no moment at {at_s:g} s; it lasts {prediction.duration_s:.2f} s")
    return piece


def _fitted(run: Run, values: Values, piece: Segment) -> FittedLinear | FittedNetwork:
    """The fitted model, which must give the same probabilities as the exported model."""
    weights = run.folder / "model" / "weights.safetensors"
    fitted = export.load_weights(weights, run.recipe.make_model(), values.shape, len(piece.scores))
    probabilities = np.exp(attribution.log_probabilities(fitted, values))
    if np.abs(probabilities - list(piece.scores.values())).max() > export.PARITY:
        raise ModelError(f"{run.folder}: its weights and its exported model predict differently; train again")
    return fitted


def _in_training(run: Run, source: Source) -> bool:
    """Whether the recording is a training clip of the run's model."""
    table = run.utterances
    if table is None or not isinstance(source, str | os.PathLike):
        return False
    return Path(source).resolve() in {row.file.resolve() for row in table}


def _standardised(fitted: FittedLinear | FittedNetwork, values: Values) -> Floats:
    """(dims,) a vector in deviations from the training mean."""
    if isinstance(fitted, FittedLinear):
        return Affine.standardise(values, fitted.affine.mean, fitted.affine.scale)
    mean, scale = (fitted.module.get_buffer(name).double().numpy() for name in ("mean", "scale"))
    return np.asarray((values - mean) / scale)


def _attention(fitted: FittedLinear | FittedNetwork, values: Values, seconds: float) -> tuple[Floats, Floats] | None:
    """Edges in seconds and weights of a network's attention."""
    if isinstance(fitted, FittedLinear):
        return None
    if (found := saliency.attention(fitted.module, values)) is None:
        return None
    columns = values.shape[-1] if values.ndim == 3 else values.shape[0]
    return found[0] * (seconds / columns), found[1]


def _grad_cam(fitted: FittedLinear | FittedNetwork, values: Values, label: int, classes: int) -> Floats | None:
    """Grad-CAM of a network."""
    if isinstance(fitted, FittedLinear):
        return None
    return saliency.grad_cam(fitted.module, values, attribution.against_others(classes, label))
