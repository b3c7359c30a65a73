"""ONNX models of an ensemble: those of its members with their weights, or all of them merged into one graph."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace

from emotone.errors import RunError
from emotone.files import atomic_write
from emotone.inference import ensemble_file, predictor
from emotone.inference.ensemble_file import EnsembleFile, ListedModel
from emotone.runs.finished_run import FinishedRun
from emotone.runs.run import Run
from emotone.training.onnx_merge import Part, Weight, merge


def write_fold_models(run: Run, members: Sequence[FinishedRun], weights: Mapping[str, Sequence[Weight]]) -> None:
    """Write the models of each fold as one ONNX file, if every member kept its own and all have one sampling rate.

    Args:
        run: the ensemble.
        weights: fold -> the weight of each member.
    """
    if len(_rates_hz(members)) > 1:
        return
    for fold, of_members in weights.items():
        files = [member.run.folder / "folds" / fold / "model.onnx" for member in members]
        if all(file.is_file() for file in files):
            parts = [
                Part(file, weight, centre=member.average_scores(fold))
                for file, weight, member in zip(files, of_members, members, strict=True)
            ]
            title = f"Fold {fold} of an ensemble of {len(members)}"
            merge(parts, run.fold(fold) / "model.onnx", title=title, trained_on=members[0].scores["corpora"])


def write_models(
    run: Run, members: Sequence[FinishedRun], weights: Sequence[Weight], *, title: str, refused: str = ""
) -> str:
    """Copy the members' models and write their weights; returns the reason if there are no models.

    If weights depend on the corpus or scores are centred, the models are also merged into one graph, which predicts.

    Args:
        run: the ensemble.
        weights: of each member.
        refused: a reason that is known before.
    """
    by_corpus = any(isinstance(weight, Mapping) for weight in weights)
    as_one = by_corpus or any(member.centring is not None for member in members)
    reason = refused or _reason(members, as_one)
    if reason:
        run.write_text(f"model/{predictor.NOT_EXPORTED}", f"{reason}\n")
        return reason
    folder = run.folder / "model"
    models = [
        ListedModel(model.file, _product(weight, model.weight), str(member), member.average_scores())
        for member, weight in zip(members, weights, strict=True)
        for model in listed_models(member.run)
    ]
    for number, model in enumerate(models):
        with atomic_write(folder / "members" / f"{number + 1}.onnx") as temporary:
            shutil.copyfile(model.file, temporary)
    copied = [replace(model, file=folder / "members" / f"{number + 1}.onnx") for number, model in enumerate(models)]
    EnsembleFile(title, tuple(copied)).write(folder / ensemble_file.NAME)
    if as_one:
        parts = [Part(model.file, model.weight, centre=model.centre) for model in models]
        merge(parts, folder / "model.onnx", title=title, trained_on=members[0].scores["corpora"])
    return ""


def listed_models(run: Run) -> list[ListedModel]:
    """The ONNX files of a run with their weights; those of its members for an ensemble.

    Raises:
        RunError: an ensemble with weights by corpus, which cannot be a member of another.
        ModelError: the model list of an ensemble is damaged.
    """
    folder = run.folder / "model"
    if (folder / ensemble_file.NAME).is_file():
        models = ensemble_file.read(folder / ensemble_file.NAME).models
        if any(isinstance(model.weight, Mapping) for model in models):
            raise RunError(f"{run.folder} has weights by corpus and cannot be a member; name its own members instead")
        return list(models)
    file = folder / "model.onnx"
    return [ListedModel(file, 1.0, str(run.folder))] if file.is_file() else []


def _reason(members: Sequence[FinishedRun], as_one: bool) -> str:
    """Why the members' models cannot be those of an ensemble; empty if they can."""
    rates_hz = _rates_hz(members)
    if as_one and len(rates_hz) > 1:
        rates = " and ".join(f"{rate_hz} Hz" for rate_hz in sorted(rates_hz))
        return f"its members have sampling rates of {rates}, and one graph needs one rate; train them at one"
    for member in members:
        if not listed_models(member.run):
            why = member.scores["not_exported"] or "its files are missing"
            return f"its member {member} has no exported model ({why})"
    return ""


def _rates_hz(members: Sequence[FinishedRun]) -> set[int]:
    return {member.run.recipe.audio.rate_hz for member in members if "ensemble" not in member.scores}


def _product(weight: Weight, share: Weight) -> Weight:
    """The weight of a model of a member; `listed_models` refuses members whose shares depend on the corpus."""
    assert isinstance(share, float)
    if isinstance(weight, Mapping):
        return {corpus: share * of_corpus for corpus, of_corpus in weight.items()}
    return share * weight
