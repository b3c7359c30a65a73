"""ONNX models of an ensemble: those of its members with their weights, or all of them merged into one graph."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace

from emotone.files import atomic_write
from emotone.inference import ensemble_file, predictor
from emotone.inference.ensemble_file import EnsembleFile, ListedModel
from emotone.runs.finished_run import FinishedRun
from emotone.runs.run import Run
from emotone.training.onnx_merge import Part, merge


def write_fold_models(run: Run, members: Sequence[FinishedRun], weights: Mapping[str, Sequence[float]]) -> None:
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
            parts = [Part(file, weight) for file, weight in zip(files, of_members, strict=True)]
            title = f"Fold {fold} of an ensemble of {len(members)}"
            merge(parts, run.fold(fold) / "model.onnx", title=title, trained_on=members[0].scores["corpora"])


def write_models(
    run: Run, members: Sequence[FinishedRun], weights: Sequence[float], *, title: str, refused: str = ""
) -> str:
    """Copy the members' models and write their weights; returns the reason if there are no models.

    Args:
        run: the ensemble.
        weights: of each member.
        refused: a reason that is known before.
    """
    if reason := refused or _reason(members):
        run.write_text(f"model/{predictor.NOT_EXPORTED}", f"{reason}\n")
        return reason
    folder = run.folder / "model"
    models = [
        ListedModel(model.file, weight * model.weight, str(member))
        for member, weight in zip(members, weights, strict=True)
        for model in listed_models(member.run)
    ]
    for number, model in enumerate(models):
        with atomic_write(folder / "members" / f"{number + 1}.onnx") as temporary:
            shutil.copyfile(model.file, temporary)
    copied = [replace(model, file=folder / "members" / f"{number + 1}.onnx") for number, model in enumerate(models)]
    EnsembleFile(title, tuple(copied)).write(folder / ensemble_file.NAME)
    return ""


def listed_models(run: Run) -> list[ListedModel]:
    """The ONNX files of a run with their weights; those of its members for an ensemble.

    Raises:
        ModelError: the model list of an ensemble is damaged.
    """
    folder = run.folder / "model"
    if (folder / ensemble_file.NAME).is_file():
        return list(ensemble_file.read(folder / ensemble_file.NAME).models)
    file = folder / "model.onnx"
    return [ListedModel(file, 1.0, str(run.folder))] if file.is_file() else []


def _reason(members: Sequence[FinishedRun]) -> str:
    """Why the members' models cannot be those of an ensemble; empty if they can."""
    for member in members:
        if not listed_models(member.run):
            why = member.scores["not_exported"] or "its files are missing"
            return f"its member {member} has no exported model ({why})"
    return ""


def _rates_hz(members: Sequence[FinishedRun]) -> set[int]:
    return {member.run.recipe.audio.rate_hz for member in members if "ensemble" not in member.scores}
