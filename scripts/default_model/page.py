"""Writes results/default-model.md: the default model's recipe measured on unseen speakers, from finished runs.

python -m scripts.default_model.build --ablate; python -m scripts.default_model.page

What is not trained here (another seed, one speaker left out, a kernel machine with something left out) is kept as it
was measured before, if the recipes and the shares were the same; of the first two the page says at which commit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from scipy.special import softmax

from emotone.data.labels import LABEL_SETS
from emotone.evaluation import metrics
from emotone.evaluation import scores as evaluation
from emotone.evaluation.scores import Predictions
from emotone.experiments import export as deploy
from emotone.features.extraction import extract as extraction
from emotone.features.extraction.cache import folder as cache_folder
from emotone.files import atomic_write
from emotone.inference.pooling import pooled
from emotone.inference.predictor import DEFAULT_MODEL, load_model
from emotone.reports.charts.reliability_diagram import reliability_diagram
from emotone.reports.charts.risk_coverage_curve import risk_coverage_curve
from emotone.runs.run import Run, environment
from emotone.training.fit import FittedLinear
from emotone.training.onnx_export import load_weights
from scripts.default_model.build import (
    ABLATIONS,
    KINDS,
    LEARNED_BY_CHANCE,
    LEFT_ONE_OUT,
    OTHER_SEED,
    RECIPES,
    ROOT,
    RUNS,
    SEED,
    SHARES,
    ablation,
    is_finished,
    member,
    members,
)
from scripts.default_model.fold_models import Listener
from scripts.default_model.text import LEFT_OUT, MINUTE, OTHER, markdown
from scripts.pages.draw_curve import standing_alone

RESULTS = ROOT / "results"
KNOWN = {MINUTE: (60.0, False), "10 s heard": (10.0, False), "a minute of one emotion heard": (60.0, True)}
"""Speech of each test speaker that is enrolled: seconds, and whether all of it is of one emotion."""
SPEAKERS_APART = ("emodb", "nemo")
"""Corpora whose default folds hold one speaker each."""


def by_corpus(predictions: Predictions) -> dict[str, dict[str, Any]]:
    """Corpus -> its scores, when the model chooses among the labels that the corpus has."""
    found = {}
    for corpus in dict.fromkeys(predictions.corpus.tolist()):
        own = predictions.take(predictions.corpus == corpus)
        classes = tuple(label for label in own.classes if label in set(own.truth.tolist()))
        log_probs = own.log_probs[:, [own.classes.index(label) for label in classes]]
        log_probs = log_probs - np.logaddexp.reduce(log_probs, axis=1, keepdims=True)
        found[corpus] = evaluation.evaluate(replace(own, classes=classes, log_probs=log_probs))
    return found


def parity(runs: Path, clips: int = 500) -> dict[str, Any]:
    """The shipped file against the fitted originals, on random clips."""
    table = Run(runs / "kernel").utterances
    assert table is not None
    rows = np.sort(np.random.default_rng(0).permutation(len(table))[:clips])
    drawn = table.take(rows)
    outputs = []
    for name in members():
        run = Run(runs / name)
        recipe, classes = run.recipe, run.scores["classes"]
        features = extraction.extract(drawn, recipe.make_feature(), recipe.audio, cache=cache_folder())
        fitted = load_weights(
            run.folder / "model" / "weights.safetensors", recipe.make_model(), features.shape, len(classes)
        )
        outputs.append(fitted.log_probabilities(features, np.arange(len(drawn))))
        if isinstance(fitted, FittedLinear) and name == "kernel":
            domains, corpora = fitted.affine.domains(features.dense(np.arange(len(drawn)))), _sides_of(run)
    shares = domains @ np.array([SHARES[""][corpus] for corpus in corpora])
    original = softmax(sum(shares[:, [place]] * one for place, one in enumerate(outputs)), axis=1)
    model = load_model(DEFAULT_MODEL, threads=1)
    shipped = np.stack([model.probabilities(row.file) for row in drawn])
    return {
        "clips": len(drawn),
        "largest_difference": float(np.abs(original - shipped).max()),
        "megabytes": DEFAULT_MODEL.stat().st_size / 1e6,
        "same_label": int((original.argmax(axis=1) == shipped.argmax(axis=1)).sum()),
    }


def _sides_of(run: Run) -> list[str]:
    """The corpora that its model tells apart, in order."""
    facts = onnx.load(str(run.folder / "model" / "model.onnx")).metadata_props
    return list(json.loads(next(fact.value for fact in facts if fact.key == "emotone"))["sides"])


def measure(runs: Path) -> None:
    """results/default-model.json, .md and the pictures."""
    content = measured_before()
    rows, whole_model = content.get("scores", {}), is_finished(runs)
    if not whole_model and not content:
        raise SystemExit(f"{runs} holds no finished default model; python -m scripts.default_model.build trains it")
    listener = Listener(runs, SEED) if whole_model else None
    new: dict[str, dict[str, Any]] = {}
    if listener is not None:
        predictions = listener.listen_to(listener.files)
        new |= _this_seed(listener, predictions, runs)
        left_out = content.get("left_out", {})
        content |= _measured(predictions, runs)
        content["left_out"] = left_out | content["left_out"]
    if is_finished(runs, OTHER_SEED):
        new |= _other_seed(listener or Listener(runs, OTHER_SEED), runs)
    if is_finished(runs / LEFT_ONE_OUT):
        new |= {f"{LEFT_OUT}: {name}": found for name, found in _one_left_out(runs / LEFT_ONE_OUT).items()}
    now = environment(0.0)["commit"]
    content["scores"] = rows | {name: {one: _short(of) for one, of in found.items()} for name, found in new.items()}
    content["commits"] = content.get("commits", {}) | dict.fromkeys(new, now)
    with atomic_write(RESULTS / "default-model.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    stress, other = (_stress(name) for name in ("default-model-stress", "default-model-stress-other-seed"))
    if stress is None:
        raise SystemExit("results/default-model-stress.json is not there; emotone stress runs/default/default makes it")
    text = markdown(content, stress, other)
    with atomic_write(RESULTS / "default-model.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _stress(name: str) -> dict[str, Any] | None:
    """What the stress test gave, where it was made."""
    file = RESULTS / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def measured_before() -> dict[str, Any]:
    """What the file holds, if it was measured with the same recipes and shares; else nothing."""
    file = RESULTS / "default-model.json"
    before: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return before if before.get("identity") == identity() else {}


def identity() -> str:
    """A fingerprint of the recipes and the shares that are measured."""
    settings = json.dumps([KINDS, SHARES]).encode()
    return hashlib.sha256(settings + b"".join(file.read_bytes() for file in sorted(RECIPES.glob("*.yaml")))).hexdigest()


def _measured(predictions: Predictions, runs: Path) -> dict[str, Any]:
    """All that is measured of the seed that is shipped, but for its scores; its pictures are drawn."""
    kinds = {kind: Run(runs / member(kind)).predictions for kind in KINDS}
    less = {
        f"without {left_out}": by_corpus(_pool({kind: kinds[kind] for kind in KINDS if kind != left_out}))
        for left_out in KINDS
    }
    finished = [name for name in ABLATIONS if (ablation(runs, name) / "scores.json").is_file()]
    less |= {name: by_corpus(Run(ablation(runs, name)).predictions) for name in finished}
    _pictures(predictions)
    return {
        "left_out": {name: {corpus: _short(one) for corpus, one in found.items()} for name, found in less.items()},
        "calibration": {labels: _calibration(predictions, labels) for labels in ("all", *LABEL_SETS)},
        "parity": parity(runs),
        "environment": environment(0.0),
        "identity": identity(),
    }


def _this_seed(listener: Listener, predictions: Predictions, runs: Path) -> dict[str, dict[str, Any]]:
    """The scores of the members of the published seed, and of the ensemble, without and with enrolment."""
    rows = {kind: by_corpus(Run(runs / member(kind)).predictions) for kind in KINDS}
    rows["default"] = by_corpus(predictions)
    return rows | {f"default, {what}": by_corpus(listener.hear(*how)) for what, how in KNOWN.items()}


def _other_seed(listener: Listener, runs: Path) -> dict[str, dict[str, Any]]:
    """What another seed gives: of the members that it changes, and of the whole."""
    rows = {
        f"{kind}, another seed": by_corpus(Run(runs / member(kind, seed=OTHER_SEED)).predictions)
        for kind in LEARNED_BY_CHANCE
    }
    rows[OTHER] = by_corpus(listener.listen_to(listener.files_with(OTHER_SEED, runs)))
    return rows | {f"{OTHER}, {MINUTE}": by_corpus(listener.hear(*KNOWN[MINUTE]))}


def _one_left_out(runs: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """The default model where every speaker of EmoDB and nEMO has a fold of their own, as usual there."""
    listener = Listener(runs, SEED)
    outputs = {"default": listener.listen_to(listener.files)}
    outputs |= {f"default, {what}": listener.hear(*how) for what, how in KNOWN.items()}
    found = {name: by_corpus(predictions) for name, predictions in outputs.items()}
    return {name: {corpus: one[corpus] for corpus in SPEAKERS_APART} for name, one in found.items()}


def _pool(parts: Mapping[str, Predictions]) -> Predictions:
    """The default model of some kinds of member, their shares as they are to each other."""
    first, *_ = parts.values()
    log_probs = np.empty_like(first.log_probs)
    for corpus, of_corpus in SHARES[""].items():
        own = first.corpus == corpus
        shares = np.array([of_corpus[KINDS.index(kind)] for kind in parts])
        log_probs[own] = pooled([one.log_probs[own] for one in parts.values()], shares / shares.sum())
    return replace(first, log_probs=log_probs)


def _short(scores: Mapping[str, Any]) -> dict[str, Any]:
    return {"clips": scores["clips"], "speakers": scores["speakers"], **scores["scores"]}


def _calibration(predictions: Predictions, labels: str) -> dict[str, Any]:
    """Of a label set: how sure it is against how right, each fold calibrated on the others; and what it refuses."""
    probabilities, truth, kept = deploy.calibrated(predictions, labels, apart=True)
    corpora = predictions.corpus[kept]
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    threshold = deploy.calibration(predictions, labels, apart=True)["unsure_below"]
    gaps = {
        corpus: float(
            metrics.calibration_error(
                metrics.calibration_gaps(right[corpora == corpus], sure[corpora == corpus]).sum(axis=0)
            )
        )
        for corpus in np.unique(corpora).tolist()
    }
    return {
        "clips": len(truth),
        "ece": float(metrics.calibration_error(metrics.calibration_gaps(right, sure).sum(axis=0))),
        "ece_by_corpus": gaps,
        "right": float(right.mean()),
        "unsure_below": threshold,
        "answered": float((sure >= threshold).mean()),
        "right_of_answered": float(right[sure >= threshold].mean()),
    }


def _pictures(predictions: Predictions) -> None:
    probabilities, truth, _ = deploy.calibrated(predictions, "all", apart=True)
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    drawn = {
        "reliability": reliability_diagram(sure, right, name="reliability"),
        "risk-coverage": risk_coverage_curve(sure, right, name="risk-coverage"),
    }
    for name, svg in drawn.items():
        with atomic_write(RESULTS / f"default-model-{name}.svg") as temporary:
            temporary.write_text(standing_alone(svg), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=RUNS, help="where trained runs are kept")
    measure(parser.parse_args().runs)
