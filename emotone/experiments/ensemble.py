"""Finished runs -> one that hears better: their scores pooled, or their features joined, fold by fold."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from emotone import models
from emotone.data.progress import Progress, no_progress
from emotone.errors import EmotoneError, ModelError, RunError, UnknownName
from emotone.evaluation import scores as evaluation
from emotone.evaluation.scores import Predictions
from emotone.evaluation.votes import evaluate_votes
from emotone.features.extraction.feature_set import FeatureSet
from emotone.files import atomic_write
from emotone.inference import predictor
from emotone.inference.pooling import Floats, equal_weights, likeliest_weights, pooled
from emotone.models import LinearModel
from emotone.reports import model_card
from emotone.reports.run_page import write_report
from emotone.runs.finished_run import FinishedRun, centre, held_out, load_members, same_clips_and_folds
from emotone.runs.run import Run, environment
from emotone.training.examples import Examples
from emotone.training.fit import fit
from emotone.training.onnx_merge import Part, Weight, merge
from emotone.training.settings import TrainingSettings

LEVELS = ("scores", "features")
WEIGHTS = ("equal", "development")


def ensemble(
    runs: Sequence[str | os.PathLike[str]],
    *,
    out: str | os.PathLike[str],
    level: str = "scores",
    weights: str | Sequence[float] | Mapping[str, Sequence[float]] = "equal",
    speaker_seconds: float | None = None,
    model: str = "ridge",
    progress: Progress = no_progress,
) -> Run:
    """A finished run that puts others together; the same call again finds it finished.

    Of scores, the members' log-probabilities are averaged; its model folder holds the members' models, and it predicts.
    Of features, what the members' models classify (embeddings of networks, features of linear models) is joined, and a
    linear model learns from it on each fold's training clips; nothing is kept to predict with.

    Args:
        runs: folders of finished runs with the same clips, classes, folds and protocol; ensembles too, of scores.
        out: the folder of the ensemble.
        level: `scores` or `features`.
        weights: of scores: `equal`; `development`: those under which each fold's development clips are likeliest; one
            per run, of which only the shares matter; or those of each corpus, where a member tells corpora apart.
        speaker_seconds: of scores: how many of other clips of each speaker are heard first; members that hear clips as
            they are have their scores centred on the speaker. What is tested so is transductive.
        model: of features: a linear model on the shelf.
        progress: called while clips are measured.

    Raises:
        RunError: a run that differs from the first or lacks what is needed, or a folder that holds something else.
        UnknownName: no such level, weights or model.
    """
    _check(level, weights, model, speaker_seconds)
    members = load_members(runs)
    if level == "scores":
        for member in members:
            _models_of(member.run)  # before anything is written
    chosen = _chosen(weights, len(members))
    settings: dict[str, Any] = {"level": level} | ({"weights": chosen} if level == "scores" else {"model": model})
    if speaker_seconds is not None:
        settings["speaker_seconds"] = speaker_seconds
    inputs = {"ensemble": {**settings, "members": [member.fingerprint for member in members]}}
    if Run(out).finished:
        return Run.begin(out, None, inputs)
    started = time.monotonic()
    if speaker_seconds is not None:
        centre(members, speaker_seconds, progress=progress)
    folds = _of_scores(members, chosen) if level == "scores" else _of_features(members, model)
    run = Run.begin(out, None, inputs)
    listing = {"members": [str(member) for member in members], **settings}
    run.write_text("ensemble.yaml", yaml.safe_dump(listing, sort_keys=False, allow_unicode=True))
    for fold in folds:
        if fold.development is not None:
            fold.development.to_csv(run.fold(fold.name) / "development.csv")
        fold.tested.to_csv(run.fold(fold.name) / "predictions.csv")
    if level == "scores":
        _keep_fold_models(run, members, folds, chosen)
    predictions = Predictions.concatenate([fold.tested for fold in folds])
    predictions.to_csv(run.folder / "predictions.csv")
    about = _about(members, folds, settings, time.monotonic() - started)
    about["not_exported"] = _keep_models(run, members, about, chosen)
    run.write_json("environment.json", environment(time.monotonic() - started))
    votes = None if "ensemble" in members[0].scores else members[0].dataset.votes
    scores = {**evaluation.evaluate(predictions), "votes": evaluate_votes(predictions, votes)}
    run.write_json("scores.json", {**about, **scores})
    write_report(run.folder)
    model_card.write_card(run.folder)
    return run


@dataclass(frozen=True)
class _Fold:
    """What the ensemble says in one fold; `weights` of the members, or the `parameters` it learned."""

    name: str
    tested: Predictions
    development: Predictions | None
    weights: Floats | None = None
    parameters: int = 0


_Chosen = str | list[float] | dict[str, list[float]]


def _chosen(weights: str | Sequence[float] | Mapping[str, Sequence[float]], members: int) -> _Chosen:
    if isinstance(weights, str):
        return weights
    if isinstance(weights, Mapping):
        return {corpus: _shares(of_corpus, members) for corpus, of_corpus in weights.items()}
    return _shares(weights, members)


def _shares(weights: Sequence[float], members: int) -> list[float]:
    """Weights that somebody chose, as shares that sum to one."""
    total = float(sum(weights))
    if len(weights) != members or min(weights) < 0 or not total > 0:
        raise EmotoneError(f"weights {[*weights]} are not for {members} runs; give one for each, from 0 on, not all 0")
    return [float(weight) / total for weight in weights]


_SHARED = ("protocol", "labels_note", "dropped", "folds", "folds_made", "seed", "clips_fingerprint")


def _check(level: str, weights: object, model: str, speaker_seconds: float | None) -> None:
    if level not in LEVELS:
        raise UnknownName("level", level, LEVELS)
    if isinstance(weights, str) and weights not in WEIGHTS:
        raise UnknownName("weights", weights, WEIGHTS)
    if level == "features" and weights != "equal":
        raise EmotoneError("weights=development is for level=scores; of features, the model learns what each is worth")
    if level == "features" and speaker_seconds is not None:
        raise EmotoneError("speaker_seconds is for level=scores; train members of features with data.speaker_seconds")
    if not isinstance(models.make(model), LinearModel):
        linear = [name for name in models.shelf.names() if issubclass(models.shelf.get(name), LinearModel)]
        raise ModelError(f"{model} is a network; an ensemble of features takes a linear model: {', '.join(linear)}")


def _of_scores(members: Sequence[FinishedRun], weights: _Chosen) -> list[_Fold]:
    """The members' scores pooled, with weights that no test clip has a say in."""
    folds = []
    for name in dict.fromkeys(members[0].predictions.fold.tolist()):
        tested, watched = [member.tested(name) for member in members], held_out(members, name)
        shares = np.array(weights) if isinstance(weights, list) else equal_weights(len(members))
        if isinstance(weights, dict):
            pools = [_pool_by_corpus(some, weights) for some in (tested, watched) if some is not None]
            mean = np.mean(list(weights.values()), axis=0)
            folds.append(_Fold(name, pools[0], pools[1] if watched is not None else None, mean))
            continue
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


def _pool_by_corpus(parts: Sequence[Predictions], weights: Mapping[str, Sequence[float]]) -> Predictions:
    """Each clip with the shares of its corpus; the model that is kept takes the corpus that the clip sounds of."""
    log_probs = np.empty_like(parts[0].log_probs)
    for corpus in np.unique(parts[0].corpus).tolist():
        if corpus not in weights:
            raise EmotoneError(f"no weights for {corpus}; there are some for {', '.join(weights)}")
        own = parts[0].corpus == corpus
        log_probs[own] = pooled([part.log_probs[own] for part in parts], weights[corpus])
    return replace(parts[0], log_probs=log_probs)


def _without_development(members: Sequence[FinishedRun], fold: str) -> str:
    for member in members:
        if member.run.development(fold) is None:
            return (
                f"{member} keeps no predictions of development clips (folds/{fold}/development.csv); train it "
                "again, or take weights=equal"
            )
    return f"the runs share no development clip in fold {fold}; train them with the same seed, or take weights=equal"


def _of_features(members: Sequence[FinishedRun], model: str) -> list[_Fold]:
    """A linear model on the members' features joined; like every linear model it scales them by the clips it learns."""
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
    """What the ensemble says of itself; what speaks against a member speaks against it."""
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


def _weights(fold: _Fold, chosen: _Chosen) -> list[Weight]:
    """Of each member, in one fold."""
    if isinstance(chosen, dict):
        return [dict(zip(chosen, column, strict=True)) for column in zip(*chosen.values(), strict=True)]
    assert fold.weights is not None
    return list(fold.weights.tolist())


def _keep_fold_models(run: Run, members: Sequence[FinishedRun], folds: Sequence[_Fold], weights: _Chosen) -> None:
    """The models of each fold as one, where every member kept its own and all hear at one rate."""
    if len(_rates_hz(members)) > 1:
        return
    for fold in folds:
        files = [member.run.folder / "folds" / fold.name / "model.onnx" for member in members]
        if fold.weights is not None and all(file.is_file() for file in files):
            parts = [
                Part(file, weight, centre=member.average_scores(fold.name))
                for file, weight, member in zip(files, _weights(fold, weights), members, strict=True)
            ]
            title = f"Fold {fold.name} of an ensemble of {len(members)}"
            merge(parts, run.fold(fold.name) / "model.onnx", title=title, trained_on=members[0].scores["corpora"])


def _keep_models(run: Run, members: Sequence[FinishedRun], about: dict[str, Any], chosen: _Chosen) -> str:
    """Copies of the members' models, with the share of each; why there are none, where there are none.

    Where shares depend on the corpus that a clip sounds of, or scores are centred, one graph of all is what predicts.
    """
    reason, files = "", []
    as_one = isinstance(chosen, dict) or any(member.centring is not None for member in members)
    rates_hz = _rates_hz(members)
    if about["ensemble"]["level"] == "features":
        reason = "an ensemble by features keeps no model to predict with; one by scores does"
    elif as_one and len(rates_hz) > 1:
        told = " and ".join(f"{rate_hz} Hz" for rate_hz in sorted(rates_hz))
        reason = f"its members hear sounds at {told}, and what is one graph hears at one rate; train them at one"
    for place, (member, facts) in enumerate(zip(members, about["ensemble"]["members"], strict=True)):
        own = _models_of(member.run)
        if not own and not reason:
            why = member.scores["not_exported"] or "its files are gone"
            reason = f"its member {member} has no exported model ({why})"
        if reason:
            continue
        weight = {one: shares[place] for one, shares in chosen.items()} if isinstance(chosen, dict) else facts["weight"]
        centre = member.average_scores()
        files += [(Part(path, _part_of(weight, share), centre=centre), str(member)) for path, share in own]
    if reason:
        run.write_text(f"model/{predictor.NOT_EXPORTED}", f"{reason}\n")
        return reason
    listed = []
    for number, (part, name) in enumerate(files, start=1):
        with atomic_write(run.folder / "model" / "members" / f"{number}.onnx") as temporary:
            shutil.copyfile(part.file, temporary)
        one = {"file": f"members/{number}.onnx", "weight": part.weight, "run": name}
        listed.append(one | ({"centre": part.centre} if part.centre is not None else {}))
    run.write_json(f"model/{predictor.ENSEMBLE}", {"title": about["title"], "members": listed})
    if as_one:
        parts = [part for part, _ in files]
        merge(parts, run.folder / "model" / "model.onnx", title=about["title"], trained_on=members[0].scores["corpora"])
    return ""


def _rates_hz(members: Sequence[FinishedRun]) -> set[int]:
    return {member.run.recipe.audio.rate_hz for member in members if "ensemble" not in member.scores}


def _part_of(weight: Weight, share: float) -> Weight:
    return {one: share * own for one, own in weight.items()} if isinstance(weight, Mapping) else share * weight


def _models_of(run: Run) -> list[tuple[Path, float]]:
    """The ONNX files of a run with their shares in it; a pool of pools is a pool.

    Raises:
        RunError: an ensemble of which the shares depend on the corpus; it can be no part of another.
    """
    folder = run.folder / "model"
    if (folder / predictor.ENSEMBLE).is_file():
        listed = json.loads((folder / predictor.ENSEMBLE).read_text(encoding="utf-8"))
        if any(isinstance(member["weight"], dict) for member in listed["members"]):
            raise RunError(f"{run.folder} has shares by corpus and cannot be a member; name its own members instead")
        return [(folder / member["file"], member["weight"]) for member in listed["members"]]
    return [(folder / "model.onnx", 1.0)] if (folder / "model.onnx").is_file() else []
