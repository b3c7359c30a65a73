"""Writes results/default-model.md: the default model's recipe measured on voices it never heard, from finished runs.

python scripts/default_model.py; python scripts/default_model.py --ablate; python scripts/default_model_page.py
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import onnx
from default_model import ABLATIONS, KINDS, LEFT_ONE_OUT, NETWORK, OTHER_SEED, ROOT, RUNS, SHARES, ablation
from default_model_voices import Listener
from draw_curve import standing_alone
from scipy.special import softmax

from emotone import deploy, evaluation, extraction, metrics, pictures, tables
from emotone.blocks import folder as cache_folder
from emotone.evaluation import Predictions
from emotone.export import load_weights
from emotone.labels import LABEL_SETS
from emotone.opinion_pool import pooled
from emotone.predictor import DEFAULT_MODEL, load_model
from emotone.runs import Run, environment
from emotone.training import FittedLinear
from emotone.whole import whole

RESULTS = ROOT / "results"
KNOWN = {"a minute heard": (60.0, False), "10 s heard": (10.0, False), "a minute of one emotion heard": (60.0, True)}
"""What is heard of each tested speaker first: seconds, and whether all of it is of one emotion."""
POOLS = {
    "kernel + correlations": ("kernel", "correlations"),
    "kernel + network": ("kernel", "network"),
    "correlations + network": ("correlations", "network"),
}
"""The default model with a kind of member left out; the shares of the others stay as they are to each other."""
TARGETS = {"ravdess": (0.73, 0.77), "emodb": (0.85, 0.90), "nemo": (0.58, 0.68)}
"""Corpus -> the UAR that was wished for alone, and with a minute of the speaker."""


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
    """The shipped file against the fitted originals, on clips drawn by chance."""
    table = Run(runs / "kernel").utterances
    assert table is not None
    rows = np.sort(np.random.default_rng(0).permutation(len(table))[:clips])
    drawn = table.take(rows)
    heard = []
    for name in ("kernel", "correlations", NETWORK):
        run = Run(runs / name)
        recipe, classes = run.recipe, run.scores["classes"]
        features = extraction.extract(drawn, recipe.make_feature(), recipe.audio, cache=cache_folder())
        fitted = load_weights(
            run.folder / "model" / "weights.safetensors", recipe.make_model(), features.shape, len(classes)
        )
        heard.append(fitted.log_probabilities(features, np.arange(len(drawn))))
        if isinstance(fitted, FittedLinear) and name == "kernel":
            sides, corpora = fitted.affine.sides(features.dense(np.arange(len(drawn)))), _sides_of(run)
    shares = sides @ np.array([SHARES[corpus] for corpus in corpora])
    original = softmax(sum(shares[:, [place]] * one for place, one in enumerate(heard)), axis=1)
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
    kinds = {kind: Run(runs / (NETWORK if kind == "network" else kind)).predictions for kind in KINDS}
    rows = {name: by_corpus(one) for name, one in kinds.items()}
    rows["network, another seed"] = by_corpus(Run(runs / OTHER_SEED).predictions)
    listener = Listener(runs)
    other = listener.files_with(OTHER_SEED, runs)
    rows["default, another seed"] = by_corpus(listener.listen_to(other))
    rows["default, another seed, a minute heard"] = by_corpus(listener.hear(*KNOWN["a minute heard"]))
    predictions = listener.listen_to(listener.files)
    rows["default"] = by_corpus(predictions)
    rows |= {f"default, {what}": by_corpus(listener.hear(*how)) for what, how in KNOWN.items()}
    less = {name: by_corpus(_pool({kind: kinds[kind] for kind in some})) for name, some in POOLS.items()}
    alone = [runs / "leave-one-out" / name for name in LEFT_ONE_OUT]
    if all((folder / "scores.json").is_file() for folder in alone):
        pool = _pool({folder.name: Run(folder).predictions for folder in alone})
        less[f"{' + '.join(LEFT_ONE_OUT)}, EmoDB and nEMO leave one out"] = by_corpus(pool)
    finished = [name for name in ABLATIONS if (ablation(runs, name) / "scores.json").is_file()]
    less |= {name: by_corpus(Run(ablation(runs, name)).predictions) for name in finished}
    calibration = {labels: _calibration(predictions, labels) for labels in ("all", *LABEL_SETS)}
    content = {
        "scores": {name: {corpus: _short(one) for corpus, one in found.items()} for name, found in rows.items()},
        "left_out": {name: {corpus: _short(one) for corpus, one in found.items()} for name, found in less.items()},
        "calibration": calibration,
        "parity": parity(runs),
        "environment": environment(0.0),
    }
    with whole(RESULTS / "default-model.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    _pictures(predictions)
    with whole(RESULTS / "default-model.md") as temporary:
        temporary.write_text(_markdown(content), encoding="utf-8")
    sys.stdout.write(_markdown(content))


def _pool(parts: Mapping[str, Predictions]) -> Predictions:
    """Some kinds of member, their shares as they are to each other."""
    first, *_ = parts.values()
    log_probs = np.empty_like(first.log_probs)
    for corpus, of_corpus in SHARES.items():
        own = first.corpus == corpus
        shares = np.array([of_corpus[KINDS.index(kind)] for kind in parts])
        log_probs[own] = pooled([one.log_probs[own] for one in parts.values()], shares / shares.sum())
    return replace(first, log_probs=log_probs)


def _stood(stress: Mapping[str, Any]) -> list[str]:
    """What the stress test gave, in short."""
    passed = [group for group, verdict in stress["verdicts"].items() if verdict == "pass"]
    lines = [
        fill(
            "[default-model-stress.md](default-model-stress.md) (`emotone stress runs/default/default --data D`): each "
            "voice heard by a model that had not learned from it, under 31 disturbances, and groups of voices apart. "
            "It learned from copies with disturbances of the same kinds, of which no sound is played twice. Passed: "
            f"{', '.join(passed) or 'no group'}.",
            116,
        ),
        "",
        "| group | survived | label kept, least and mean, % | UAR changes by, worst and mean, points |",
        "|---|---|---|---|",
    ]
    for group in stress["groups"]:
        outcomes = group["outcomes"]
        kept = [100 * one["unchanged"]["value"] for one in outcomes]
        change = [100 * one["uar_change"]["value"] for one in outcomes]
        lines.append(
            f"| {group['name']} | {sum(one['verdict'] == 'pass' for one in outcomes)} of {len(outcomes)} "
            f"| {min(kept):.0f}, {np.mean(kept):.0f} | {min(change):+.1f}, {np.mean(change):+.1f} |"
        )
    return lines


def _short(scores: Mapping[str, Any]) -> dict[str, Any]:
    return {"clips": scores["clips"], "speakers": scores["speakers"], **scores["scores"]}


def _calibration(predictions: Predictions, labels: str) -> dict[str, Any]:
    """Of a label set: how sure it is against how right, each fold calibrated on the others; and what it refuses."""
    probabilities, truth, kept = deploy.calibrated(predictions, labels, apart=True)
    corpora = predictions.corpus[kept]
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    threshold = deploy.told(predictions, labels, apart=True)["unsure_below"]
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
        "reliability": pictures.reliability(sure, right, name="reliability"),
        "risk-coverage": pictures.risk_coverage(sure, right, name="risk-coverage"),
    }
    for name, svg in drawn.items():
        with whole(RESULTS / f"default-model-{name}.svg") as temporary:
            temporary.write_text(standing_alone(svg), encoding="utf-8")


def _markdown(content: Mapping[str, Any]) -> str:
    scores, environment = content["scores"], content["environment"]
    corpora = [*TARGETS, *(name for name in scores["default"] if name not in TARGETS)]
    lines = [
        "# The default model, measured",
        "",
        fill(
            "Written by `python scripts/default_model_page.py` from the runs of `make default-model` "
            f"(recipes/default, commit {environment['commit']}, emotone {environment['emotone']}, "
            f"{environment['hardware']}). UAR in %, [95 % over speakers]. Every clip was heard by models that had "
            "learned from none of its speaker; five folds in which the default folds of the corpora "
            "are united, so EmoDB's and "
            "nEMO's speakers are tested two by two, not one by one. The model knows nine emotions; for each corpus it "
            "chooses among those that the corpus has.",
            116,
        ),
        "",
        "| system | " + " | ".join(corpora) + " |",
        "|---|" + "---|" * len(corpora),
    ]
    for name, found in scores.items():
        cells = [tables.percent(found[corpus]["uar"]) for corpus in corpora]
        lines.append(f"| {f'**{name}**' if name == 'default' else name} | " + " | ".join(cells) + " |")
    for number, what in enumerate(("wished for, alone", "wished for, with a minute of the speaker")):
        cells = [f"{100 * TARGETS[corpus][number]:.0f}" if corpus in TARGETS else "" for corpus in corpora]
        lines.append(f"| *{what}* | " + " | ".join(cells) + " |")
    missed = [
        f"{corpus} {what}"
        for number, (system, what) in enumerate((("default", "alone"), ("default, a minute heard", "with a minute")))
        for corpus, wished in TARGETS.items()
        if system in scores and scores[system][corpus]["uar"]["value"] < wished[number]
    ]
    lines += [
        "",
        fill(
            (f"Not reached: {', '.join(missed)}. " if missed else "")
            + "What is heard first are other clips of the tested speaker, without labels (transductive), as "
            "`emotone enrol` and `predict --speaker` do it, with the models of the folds. TESS has two speakers: its "
            "interval says that nothing is known. The shares of the members, three numbers for each corpus, were "
            "chosen once for all folds, on the development clips of all folds, and each of these speakers is tested "
            "in some other fold; so a little may have come from there.",
            116,
        ),
        "",
        "## What limits it",
        "",
        fill(
            "How many voices it can learn from. The kernel machine of one corpus alone, without copies, on the same "
            "tested speakers (`python scripts/default_model_speakers.py`): each doubling of the speakers is worth some "
            "points, and no curve has come to its end. What else was tried, and what it gave, is in "
            "[LOG.md](../LOG.md).",
            116,
        ),
        "",
        "![UAR on new voices against how many speakers were learned from](default-model-speakers.svg)",
        "",
        "## What each part gives",
        "",
        "The default model with a kind of member left out, and the kernel machine with something left out.",
        "",
        "| | " + " | ".join(corpora) + " |",
        "|---|" + "---|" * len(corpora),
        *(
            f"| {name} | " + " | ".join(tables.percent(found[corpus]["uar"]) for corpus in corpora) + " |"
            for name, found in content["left_out"].items()
        ),
        "",
        "## How sure it is",
        "",
        fill(
            "Expected calibration error (ECE) of all tested clips, each fold calibrated on the other folds; `unsure "
            "below` is the confidence under which fewer than half of the clips that are about as sure are right.",
            116,
        ),
        "",
        "| labels | clips | ECE | right | unsure below | answered | right of those |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {one['clips']:,} | {one['ece']:.3f} | {one['right']:.3f} | {one['unsure_below']:.2f} "
        f"| {one['answered']:.3f} | {one['right_of_answered']:.3f} |"
        for name, one in content["calibration"].items()
    ]
    by_corpus = ", ".join(f"{name} {gap:.3f}" for name, gap in content["calibration"]["all"]["ece_by_corpus"].items())
    shipped = content["parity"]
    lines += [
        "",
        f"By corpus, of all labels: {by_corpus}.",
        "",
        "![How often it is right, against how sure it is](default-model-reliability.svg)",
        "![Share of wrong answers against share of clips answered](default-model-risk-coverage.svg)",
        "",
        "## The file that is shipped",
        "",
        fill(
            f"{shipped['megabytes']:.2f} MB. Against the fitted originals (torch and NumPy), on "
            f"{shipped['clips']} clips "
            f"drawn by chance: the largest difference of a probability is "
            f"{shipped['largest_difference']:.1e}, the label "
            f"is the same on {shipped['same_label']} of {shipped['clips']}.",
            116,
        ),
        "",
        "Smaller numbers: [default-model-variants.md](default-model-variants.md). Speed: "
        "[default-model-speed.md](default-model-speed.md).",
        "",
        "## What it stands",
        "",
        *_stood(json.loads((RESULTS / "default-model-stress.json").read_text(encoding="utf-8"))),
        "",
        "## Corpora it never heard",
        "",
        fill(
            "[default-cross-corpus.md](default-cross-corpus.md) is the matrix of the kernel machine (without copies), "
            "[cross-corpus.md](cross-corpus.md) that of a linear model on the same features: what is learned from "
            "acted studio speech of one corpus is worth little on another.",
            116,
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=RUNS, help="where trained runs are kept")
    measure(parser.parse_args().runs)
