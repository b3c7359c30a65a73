"""Train a recipe: read its corpora, fit and score every fold, fit the final model, write the pages."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotone.analysis import embedding_map
from emotone.analysis.audit import audit
from emotone.data import corpora, splits
from emotone.data.progress import Progress, no_progress
from emotone.data.splits import Fold
from emotone.errors import EmotoneError, RecipeError, SplitError
from emotone.evaluation import scores as evaluation
from emotone.evaluation.scores import Predictions
from emotone.evaluation.votes import evaluate_votes
from emotone.experiments import model_files
from emotone.experiments.prepared import FINAL, Prepared, prepare
from emotone.files import writable_folder
from emotone.reports import model_card
from emotone.reports.run_page import write_report
from emotone.runs import inputs, leak_simulation
from emotone.runs import recipe as recipes
from emotone.runs.dataset import Dataset, read_data
from emotone.runs.recipe import Recipe
from emotone.runs.run import SCORES_ALONE, Run, environment
from emotone.training.examples import Epoch
from emotone.training.fit import FittedLinear, FittedNetwork, fit


class Interrupted(EmotoneError):
    """Ctrl-C: what is finished is kept, and the same command continues from there."""


@dataclass(frozen=True)
class Step:
    """Position in a long training, for a progress bar.

    Attributes:
        fold, folds: number of the fit, from 0, and how many there are; the final model is the last.
        name: of the fold.
        epochs: at most so many.
        epoch: the last one; None as the fold begins.
    """

    fold: int
    folds: int
    name: str
    epochs: int
    epoch: Epoch | None = None


def train(
    recipe: Recipe | str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    changes: Iterable[str] = (),
    keep_model: bool = True,
    keep_folds: bool = False,
    progress: Progress = no_progress,
    on_step: Callable[[Step], None] | None = None,
) -> Run:
    """A finished run: scores of cross-validation, and a model trained on all clips.

    A run that was interrupted continues where it stopped, with the same result.

    Args:
        recipe: a recipe, or the path of one.
        data: folder with one folder per corpus; None is `$EMOTONE_DATA`, or the current folder.
        out: the run's folder; None is `runs/<name of the recipe file>`.
        changes: `key=value` overrides.
        keep_model: False leaves out the model trained on all clips; the scores are the same. A later call makes it.
        keep_folds: also keep the models of the folds fitted in this call, which `emotone stress` needs to classify
            unseen speakers.
        progress: called while features are extracted.
        on_step: called when a fold begins and after each epoch.

    Raises:
        EmotoneError: the text says what to do; `Interrupted` after Ctrl-C.
    """
    _check_types(recipe, out, data, changes)
    if not isinstance(recipe, Recipe):
        out = out or Path("runs") / Path(recipe).stem
        recipe = recipes.load(recipe, changes)
    out = out or "runs/run"
    if not Run(out).finished:
        writable_folder(Path(out))
    dataset = read_data(recipe.data, corpora.data_folder(data))
    run = Run.begin(out, recipe, inputs.identity(recipe, dataset))
    is_new = not run.finished or (keep_model and not run.has_model)
    if is_new:
        experiment = _Experiment(recipe, dataset, run, keep_model, keep_folds, progress, on_step or (lambda step: None))
        _fit_and_score(experiment)
    if is_new or not (run.folder / "report.html").exists():
        audit.write_audit(run, progress=progress)
        embedding_map.write_map(run, seed=recipe.seed)
        write_report(run.folder)
        model_card.write_card(run.folder)
    return run


@dataclass(frozen=True)
class _Experiment:
    """The arguments of `train`, with the clips read and the run folder made."""

    recipe: Recipe
    dataset: Dataset
    run: Run
    keep_model: bool
    keep_folds: bool
    progress: Progress
    on_step: Callable[[Step], None]


def _check_types(recipe: Any, out: Any, data: Any, changes: Any) -> None:
    if not isinstance(recipe, Recipe | str | os.PathLike):
        raise RecipeError(f"a recipe is the path of a recipe file, or a Recipe; came {type(recipe).__name__}")
    for name, folder in (("out", out), ("data", data)):
        if folder is not None and not isinstance(folder, str | os.PathLike):
            raise RecipeError(f"{name} must be the path of a folder; came {type(folder).__name__}")
    if isinstance(changes, str) or not isinstance(changes, Iterable):
        raise RecipeError(f"changes must be a list such as ['training.epochs=5']; came {changes!r:.100}")


def _fit_and_score(experiment: _Experiment) -> None:
    """Everything that a run folder holds but its pages; scores.json comes last."""
    started, fitting_s = time.monotonic(), 0.0
    run = experiment.run
    prepared = prepare(experiment.recipe, experiment.dataset, progress=experiment.progress)
    run.write_utterances(prepared.dataset.table)
    for number, fold in enumerate(prepared.folds):
        if not (run.fold(fold.name) / "predictions.csv").exists():
            fitted, seconds = _fit(experiment, prepared, fold, number)
            fitting_s += seconds
            _keep_fold(experiment, prepared, fold, fitted)
    names = [fold.name for fold in prepared.folds]
    predictions = Predictions.concatenate([run.fold_predictions(name) for name in names])
    predictions.to_csv(run.folder / "predictions.csv")
    run.gather_curves(names)
    scores = {**evaluation.evaluate(predictions), "votes": evaluate_votes(predictions, prepared.dataset.votes)}
    difference, not_exported = None, SCORES_ALONE
    if experiment.keep_model:
        final = prepared.all_clips
        fitted, seconds = _fit(experiment, prepared, final, len(prepared.folds))
        fitting_s += seconds
        uar = scores["scores"]["uar"]
        difference, not_exported = model_files.write(prepared, final, fitted, run.folder / "model", uar=uar)
        names = [*names, final.name]
    all_fits = [run.read_json(f"folds/{name}/fitted.json") for name in names]  # of earlier processes too
    train_s = float(sum(fit["seconds"] for fit in all_fits))
    run.write_json("environment.json", environment(time.monotonic() - started - fitting_s + train_s, parity=difference))
    about = _about(experiment.dataset, prepared) | {
        "parameters": all_fits[-1]["parameters"],
        "train_seconds": round(train_s, 1),
        "not_exported": not_exported,
    }
    run.write_json("scores.json", {**about, **scores})
    _remove_checkpoints(run.fold(FINAL))


def _fit(
    experiment: _Experiment, prepared: Prepared, fold: Fold, number: int
) -> tuple[FittedLinear | FittedNetwork, float]:
    """The fitted model of a fold, and the seconds it took in this process."""
    settings, classes = prepared.recipe.training, prepared.dataset.map.classes
    fits, folder = len(prepared.folds) + experiment.keep_model, experiment.run.fold(fold.name)
    experiment.on_step(Step(number, fits, fold.name, settings.epochs))
    started = time.monotonic()
    examples = prepared.training_examples(fold, progress=experiment.progress)
    trained = set(examples.labels[examples.rows].tolist())
    if missing := [label for number, label in enumerate(classes) if number not in trained]:
        raise SplitError(
            f"fold {fold.name}: no training clip is {' or '.join(missing)}; too few speakers have it. Leave it out "
            "with data.labels or data.changes, or set data.folds"
        )
    fitted = fit(
        prepared.model,
        examples,
        prepared.development_examples(fold),
        len(classes),
        leak_simulation.training_settings(settings, prepared.recipe.data.leak),
        seed=prepared.recipe.seed if settings.seed is None else settings.seed,
        augmentations=prepared.recipe.batch_augmentations(),
        checkpoint=folder / "checkpoint.pt",
        on_epoch=lambda epoch: experiment.on_step(Step(number, fits, fold.name, settings.epochs, epoch)),
    )
    seconds = time.monotonic() - started
    earlier_s = max(0.0, sum(epoch.seconds for epoch in fitted.curve) - seconds)  # epochs before an interruption
    about = {"seconds": round(seconds + earlier_s, 3), "parameters": fitted.parameters}
    experiment.run.write_json(f"folds/{fold.name}/fitted.json", about)
    if not fitted.finished:
        _interrupted(experiment, prepared, fold, fitted)
    return fitted, seconds


def _keep_fold(experiment: _Experiment, prepared: Prepared, fold: Fold, fitted: FittedLinear | FittedNetwork) -> None:
    """Write the files of a fold; predictions.csv comes last, since it marks the fold as finished."""
    run, folder, values = experiment.run, experiment.run.fold(fold.name), prepared.model_input(fold)
    dataset = prepared.dataset
    run.write_curve(fold.name, fitted.curve)
    if len(fold.development):
        dataset.predictions(fold.development, fold.name, fitted.development).to_csv(folder / "development.csv")
    if isinstance(fitted, FittedNetwork):
        embeddings = fitted.embeddings(values, np.arange(len(dataset.table)))
        if embeddings is not None:
            run.write_embeddings(fold.name, embeddings)
    if experiment.keep_folds:
        model_files.write(prepared, fold, fitted, folder)
    tested = fitted.log_probabilities(values, fold.test)
    dataset.predictions(fold.test, fold.name, tested).to_csv(folder / "predictions.csv")
    _remove_checkpoints(folder)


def _interrupted(experiment: _Experiment, prepared: Prepared, fold: Fold, fitted: FittedLinear | FittedNetwork) -> None:
    """Keep the best model so far as the run's model, and raise `Interrupted`."""
    done, folder, kept = len(fitted.curve), experiment.run.folder / "model", ""
    if done:
        unfinished = f"stopped by hand in fold {fold.name} after epoch {done}"
        model_files.write(prepared, prepared.all_clips, fitted, folder, unfinished=unfinished)
        kept = f"the best model so far is in {folder}; "
    raise Interrupted(f"stopped in fold {fold.name} after {done} epochs; {kept}the same command continues from here")


def _about(dataset: Dataset, prepared: Prepared) -> dict[str, Any]:
    """The facts in scores.json that are known before anything is fitted."""
    recipe, table, folds = prepared.recipe, prepared.dataset.table, prepared.folds
    independent = recipe.data.leak is None and all(splits.speaker_independent(fold, table) for fold in folds)
    return {
        "title": prepared.title,
        "caveats": prepared.caveats,
        "claimed": dict(recipe.source.claimed) if recipe.source else None,
        "claimed_on": recipe.source.claimed_on if recipe.source else "",
        "protocol": recipe.data.protocol,
        "learned_from": _training_corpora(prepared) if recipe.data.test_on else [],
        "speaker_independent": independent,
        "development_by": sorted({fold.development_by for fold in folds}),
        "labels_note": dataset.map.describe(),
        "targets": recipe.data.targets,
        "speaker_adaptation": prepared.speaker_facts,
        "dropped": dataset.dropped,
        "missing": dataset.missing,
        "failures": [
            {"key": key, "file": str(file), "reason": reason} for key, file, reason in prepared.features.failures
        ],
        "folds": len(folds),
        "folds_made": prepared.folds_made,
        "seed": recipe.seed,
        "clips_fingerprint": dataset.fingerprint,
    }


def _training_corpora(prepared: Prepared) -> Sequence[str]:
    rows = np.concatenate([fold.train for fold in prepared.folds])
    return prepared.dataset.table.take(rows).corpora()


def _remove_checkpoints(folder: Path) -> None:
    for checkpoint in folder.glob("*checkpoint.pt"):
        checkpoint.unlink()
