"""One recording and one run -> what was heard, in which moments, by which features."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from emotone.analysis.explain import attribution, saliency
from emotone.analysis.explain.attribution import Attribution
from emotone.analysis.explain.result import Explanation
from emotone.audio import read as audio
from emotone.audio.read import RATE_HZ, Source
from emotone.audio.steady_tones import cleaned
from emotone.errors import AudioError, ModelError, RunError, UnknownName
from emotone.features import Values
from emotone.inference import predictor, speech_gate
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
    progress: bool = False,
) -> Explanation:
    """What a run's model hears in a recording, and what in it speaks for the label.

    Of a long recording, which is heard in pieces, one is explained. What the speech gate refuses is explained, too;
    `refused` then says why `predict` names no emotion.

    Args:
        run: a finished run, or its `model` folder.
        source, rate_hz: as in `predict`.
        label: what to explain; None is what is heard in the recording as a whole.
        at_s: a moment of the piece that is explained.
        progress: draw a bar where it takes long.

    Raises:
        RunError: no finished run, one without a model, or an ensemble.
        ModelError: its features mean nothing to people, or its weights are not those of its exported model.
        AudioError: the recording cannot be used, or ends before `at_s`.
        UnknownName: the model does not know the label.
    """
    opened = _opened(Path(run))
    hearer = predictor.load_model(opened.folder, gate=False)
    if label is not None and label not in hearer.classes:
        raise UnknownName("label", label, hearer.classes)
    recipe = opened.recipe
    feature, rate = recipe.make_feature(), recipe.audio.rate_hz
    if recipe.feature.name == "encoder" and feature.kind == "vector":
        raise ModelError(
            f"{opened.folder} hears means over an encoder's hidden states, which have neither names nor a time; "
            "train with feature.pooling=none and a model of sequences to see when something was heard"
        )
    read = audio.read_at(source, [rate, RATE_HZ], source_rate_hz=rate_hz)
    samples = read[rate]
    prediction = replace(hearer.predict(samples, rate, min_confidence=0), file=audio.name_of(source))
    piece = next((one for one in prediction.segments if one.start_s <= at_s < one.end_s), None)
    if piece is None:
        raise AudioError(f"{prediction.file} has no moment at {at_s:g} s; it lasts {prediction.duration_s:.2f} s")
    window = cleaned(samples[round(piece.start_s * rate) : max(round(piece.end_s * rate), 1)], recipe.audio)
    sound = recipe.audio(window)
    values = feature.extract(sound, rate)
    fitted = export.load_weights(
        opened.folder / "model" / "weights.safetensors", recipe.make_model(), values.shape, len(hearer.classes)
    )
    said = np.exp(attribution.log_probabilities(fitted, values))
    if np.abs(said - list(piece.scores.values())).max() > export.PARITY:
        raise ModelError(f"{opened.folder}: its weights say other than its exported model; train again")
    meant = label or prediction.label
    number = hearer.classes.index(meant)
    direction = attribution.against_others(len(hearer.classes), number)
    first, last, before = recipe.audio.place(window)
    return Explanation(
        run=opened,
        prediction=prediction,
        label=meant,
        piece=piece,
        sound=sound,
        rate_hz=rate,
        from_s=piece.start_s + (first - before) / rate,
        sound_s=(before / rate, (before + last - first) / rate),
        learned=_learned(opened, source),
        refused=speech_gate.judge(read[RATE_HZ]).reason,
        values=values,
        names=tuple(feature.names) if feature.kind in ("vector", "sequence") else (),
        scaled=_scaled(fitted, values) if feature.kind == "vector" else None,
        parts=_watched(fitted, values, number, progress),
        attention=_attention(fitted, values, sound.size / rate),
        seen=saliency.grad_cam(fitted.module, values, direction) if isinstance(fitted, FittedNetwork) else None,
    )


def _opened(folder: Path) -> Run:
    if folder.name == "model" and not (folder / "started.json").exists():
        folder = folder.parent
    if (folder / "ensemble.yaml").is_file():
        members = yaml.safe_load((folder / "ensemble.yaml").read_text(encoding="utf-8"))["members"]
        raise RunError(f"{folder} is an ensemble; explain one of its members: {', '.join(map(str, members))}")
    run = Run.open(folder)
    if not (folder / "model" / "weights.safetensors").is_file():
        raise RunError(f"{folder} keeps no model (trained for its scores alone); run its training again to make one")
    return run


def _watched(fitted: FittedLinear | FittedNetwork, values: Values, label: int, progress: bool) -> Attribution:
    """The attribution, with a bar on standard error."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not (progress and console.is_terminal)) as bar:
        task = bar.add_task("integrating gradients", total=None)
        return attribution.attribute(
            fitted, values, label, on_step=lambda done, total: bar.update(task, completed=done, total=total)
        )


def _learned(run: Run, source: Source) -> bool:
    """Whether the recording is a file that the run's model learned from."""
    table = run.utterances
    if table is None or not isinstance(source, str | os.PathLike):
        return False
    return Path(source).resolve() in {row.file.resolve() for row in table}


def _scaled(fitted: FittedLinear | FittedNetwork, values: Values) -> Floats:
    """(dims,) a vector in deviations from the training mean."""
    if isinstance(fitted, FittedLinear):
        return Affine.standardise(values, fitted.affine.mean, fitted.affine.scale)
    mean, scale = (fitted.module.get_buffer(name).double().numpy() for name in ("mean", "scale"))
    return np.asarray((values - mean) / scale)


def _attention(fitted: FittedLinear | FittedNetwork, values: Values, seconds: float) -> tuple[Floats, Floats] | None:
    """Edges in seconds and weights of the places that a network attends to."""
    if isinstance(fitted, FittedLinear):
        return None
    if (found := saliency.attention(fitted.module, values)) is None:
        return None
    columns = values.shape[-1] if values.ndim == 3 else values.shape[0]
    return found[0] * (seconds / columns), found[1]
