"""Ensemble of finished runs: their scores averaged, or a linear model on their features, fold by fold."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from emotone import models
from emotone.errors import EmotoneError, ModelError, RunError, UnknownName
from emotone.evaluation import scores as evaluation
from emotone.evaluation.scores import Predictions
from emotone.evaluation.votes import evaluate_votes
from emotone.experiments import ensemble_models
from emotone.features.extraction.feature_set import FeatureSet
from emotone.files import writable_folder
from emotone.inference.pooling import Floats, equal_weights, likeliest_weights, pooled
from emotone.models import LinearModel
from emotone.reports import model_card
from emotone.reports.run_page import write_report
from emotone.runs.finished_run import FinishedRun, held_out, load_members, same_clips_and_folds
from emotone.runs.run import Run, environment
from emotone.training.examples import Examples
from emotone.training.fit import fit
from emotone.training.settings import TrainingSettings

LEVELS = ("scores", "features")
WEIGHTS = ("equal", "development")


def ensemble(
    runs: Sequence[str | os.PathLike[str]],
    *,
    out: str | os.PathLike[str],
    level: str = "scores",
    weights: str | Sequence[float] = "equal",
    model: str = "ridge",
) -> Run:
    """The run of an ensemble; a finished one is returned as it is.

    `scores`: the log-probabilities of the members are averaged. Its model folder holds the members' models, and it can
    predict. `features`: the inputs of the members' classifiers (embeddings of networks, features of linear models) are
    concatenated, and a linear model is fitted on the training clips of each fold. It keeps no model to predict with.

    Args:
        runs: folders of finished runs with the same clips, classes, folds and protocol; for `scores` also ensembles.
        out: the folder of the ensemble.
        level: `scores` or `features`.
        weights: for `scores`: `equal`; `development`, those that maximise the likelihood of each fold's development
            clips; or one per run, scaled to sum to one.
        model: for `features`: name of a linear model.

    Raises:
        RunError: a run that differs from the first or lacks a file, or a folder that holds something else.
        UnknownName: no such level, weights or model.
    """
    _check(level, weights, model)
    if not Run(out).finished:
        writable_folder(Path(out))
    members = load_members(runs)
    if level == "scores":
        for member in members:
            ensemble_models.listed_models(member.run)  # raises before anything is written
    chosen = _normalised(weights, len(members))
    settings: dict[str, Any] = {"level": level} | ({"weights": chosen} if level == "scores" else {"model": model})
    inputs = {"ensemble": {**settings, "members": [member.fingerprint for member in members]}}
    if Run(out).finished:
        return Run.begin(out, None, inputs)
    started = time.monotonic()
    folds = _of_scores(members, chosen) if level == "scores" else _of_features(members, model)
    run = Run.begin(out, None, inputs)
    listing = {"members": [str(member) for member in members], **settings}
    run.write_text("ensemble.yaml", yaml.safe_dump(listing, sort_keys=False, allow_unicode=True))
    for fold in folds:
        if fold.development is not None:
            fold.development.to_csv(run.fold(fold.name) / "development.csv")
        fold.tested.to_csv(run.fold(fold.name) / "predictions.csv")
    if level == "scores":
        by_fold = {fold.name: fold.weights.tolist() for fold in folds if fold.weights is not None}
        ensemble_models.write_fold_models(run, members, by_fold)
    predictions = Predictions.concatenate([fold.tested for fold in folds])
    predictions.to_csv(run.folder / "predictions.csv")
    about = _about(members, folds, settings, time.monotonic() - started)
    final = [member["weight"] for member in about["ensemble"]["members"]]
    refused = "" if level == "scores" else "an ensemble by features keeps no model to predict with; one by scores does"
    about["not_exported"] = ensemble_models.write_models(run, members, final, title=about["title"], refused=refused)
    run.write_json("environment.json", environment(time.monotonic() - started))
    first = members[0]
    votes = first.dataset.votes if first.run.utterances is not None else None  # an ensemble has no list of clips
    scores = {**evaluation.evaluate(predictions), "votes": evaluate_votes(predictions, votes)}
    run.write_json("scores.json", {**about, **scores})
    write_report(run.folder)
    model_card.write_card(run.folder)
    return run


@dataclass(frozen=True)
class _Fold:
    """Predictions of the ensemble in one fold; `weights` of the members, or number of `parameters` fitted."""

    name: str
    tested: Predictions
    development: Predictions | None
    weights: Floats | None = None
    parameters: int = 0


def _normalised(weights: str | Sequence[float], members: int) -> str | list[float]:
    """Weights of members scaled to sum to one; a name as it is."""
    if isinstance(weights, str):
        return weights
    total = float(sum(weights))
    if len(weights) != members or min(weights) < 0 or not total > 0:
        raise EmotoneError(f"weights {[*weights]} do not fit {members} runs; give one for each, from 0 on, not all 0")
    return [float(weight) / total for weight in weights]


_SHARED = ("protocol", "labels_note", "dropped", "folds", "folds_made", "seed", "clips_fingerprint")


def _check(level: str, weights: object, model: str) -> None:
    if level not in LEVELS:
        raise UnknownName("level", level, LEVELS)
    if isinstance(weights, str) and weights not in WEIGHTS:
        raise UnknownName("weights", weights, WEIGHTS)
    if level == "features" and weights != "equal":
        raise EmotoneError("weights are for level=scores; with level=features the model fits them")
    if not isinstance(models.make(model), LinearModel):
        linear = [name for name in models.shelf.names() if issubclass(models.shelf.get(name), LinearModel)]
        raise ModelError(f"{model} is a network; level=features takes a linear model: {', '.join(linear)}")


def _of_scores(members: Sequence[FinishedRun], weights: str | list[float]) -> list[_Fold]:
    """The averaged scores of the members; no weight depends on test clips."""
    folds = []
    for name in dict.fromkeys(members[0].predictions.fold.tolist()):
        tested, watched = [member.tested(name) for member in members], held_out(members, name)
        shares = np.array(weights) if isinstance(weights, list) else equal_weights(len(members))
        if weights == "development":
            if watched is None:
                raise RunError(_without_development(members, name))
            classes = watched[0].classes
            truth = np.array([classes.index(label) for label in watched[0].truth.tolist()])
            shares = likeliest_weights([part.log_probs for part in watched], truth)
        folds.append(_Fold(name, _pool(tested, shares), None if watched is None else _pool(watched, shares), shares))
    return folds


def _pool(parts: Sequence[Predictions], weights: Floats) -> Predictions:
    return replace(parts[0], log_probs=pooled([part.log_probs for part in parts], weights))


def _without_development(members: Sequence[FinishedRun], fold: str) -> str:
    for member in members:
        if member.run.development(fold) is None:
            return (
                f"{member} has no predictions of development clips (folds/{fold}/development.csv); train it "
                "again, or take weights=equal"
            )
    return f"the runs share no development clip in fold {fold}; train them with the same seed, or take weights=equal"


def _of_features(members: Sequence[FinishedRun], model: str) -> list[_Fold]:
    """A linear model on the concatenated features of the members."""
    dataset, made = same_clips_and_folds(members)
    folds = []
    for fold in made:
        joined = np.concatenate([member.features(fold.name) for member in members], axis=1)
        values = FeatureSet(dataset.table, list(joined))
        fitted = fit(
            models.make(model),
            Examples(values, dataset.labels, fold.train),
            Examples(values, dataset.labels, fold.development),
            len(dataset.map.classes),
            TrainingSettings(),
            seed=0,
        )
        tested = dataset.predictions(fold.test, fold.name, fitted.log_probabilities(values, fold.test))
        development = dataset.predictions(fold.development, fold.name, fitted.development)
        folds.append(_Fold(fold.name, tested, development, parameters=fitted.parameters))
    return folds


def _about(
    members: Sequence[FinishedRun], folds: Sequence[_Fold], settings: dict[str, Any], seconds: float
) -> dict[str, Any]:
    """The facts in scores.json; the caveats of a member hold for the ensemble."""
    scores = [member.scores for member in members]
    weights = {fold.name: fold.weights.tolist() for fold in folds if fold.weights is not None}
    shares = np.mean(list(weights.values()), axis=0).tolist() if weights else [None] * len(members)
    failures = {failure["key"]: failure for one in scores for failure in one["failures"]}
    return {
        "title": f"Ensemble of {len(members)} by {settings['level']}: {'; '.join(one['title'] for one in scores)}",
        "ensemble": {
            **settings,
            "members": [
                {"run": str(member), "title": one["title"], "uar": one["scores"]["uar"], "weight": share}
                for member, one, share in zip(members, scores, shares, strict=True)
            ],
            "weights_by_fold": weights,
        },
        "caveats": list(dict.fromkeys(caveat for member in members for caveat in member.caveats)),
        "claimed": None,
        "claimed_on": "",
        "speaker_independent": all(one["speaker_independent"] for one in scores),
        "development_by": sorted({by for one in scores for by in one["development_by"]}),
        **{key: scores[0][key] for key in _SHARED},
        "missing": {corpus: reason for one in scores for corpus, reason in one["missing"].items()},
        "failures": list(failures.values()),
        "parameters": sum(one["parameters"] for one in scores) + folds[-1].parameters,
        "train_seconds": round(sum(one["train_seconds"] for one in scores) + seconds, 1),
    }
