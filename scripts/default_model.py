"""Builds the model that comes with emotone from the corpora, and measures the same recipe on voices it never heard.

python scripts/default_model.py            build it: train what is not trained yet, put it together, write the file
python scripts/default_model.py --measure  tables and pictures of results/default-model.md, from the runs that are there

What was trained is kept under runs/default; stopped and begun again, it goes on from there.
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
from draw_curve import standing_alone
from numpy.typing import NDArray

from emotone import audio, deploy, evaluation, experiment, extraction, merge, metrics, pictures, tables
from emotone.audio import RATE_HZ
from emotone.blocks import folder as cache_folder
from emotone.ensemble import ensemble
from emotone.evaluation import Predictions
from emotone.export import load_weights
from emotone.feature_set import FeatureSet
from emotone.labels import LABEL_SETS
from emotone.members import Member, same_clips_and_folds
from emotone.merge import Part
from emotone.onnx_model import OnnxModel
from emotone.opinion_pool import pooled
from emotone.predictor import DEFAULT_MODEL, load_model
from emotone.runs import Run, environment
from emotone.speaker_adaptation import SpeakerAdaptation
from emotone.speaker_shift import KNOWN_S, speaker_shift
from emotone.splits import Fold
from emotone.whole import whole

ROOT = Path(__file__).parent.parent
RECIPES, RESULTS = ROOT / "recipes" / "default", ROOT / "results"
Floats = NDArray[np.float64]
TITLE = "emotone's default model: residual networks and kernel ridge regression, from scratch"
MOST_BYTES = 6_000_000
NETWORKS = tuple(f"network-{seed}" for seed in range(2))
COPIES = {"kernel": "kernel", "kernel-known": "kernel-known", **dict.fromkeys(NETWORKS, "network")}
"""Name of a run of what is shipped -> its recipe; the number is the seed of a network."""
KNOWN = {"a minute heard": (60.0, False), "10 s heard": (10.0, False), "a minute of one emotion heard": (60.0, True)}
"""What is heard of each tested speaker first: seconds, and whether all of it is of one emotion."""
TARGETS = {"ravdess": (0.73, 0.77), "emodb": (0.85, 0.90), "nemo": (0.58, 0.68)}
"""Corpus -> the UAR that was wished for alone, and with a minute of the speaker."""


def train(runs: Path, data: str | None) -> None:
    """Every run that is not finished yet."""
    for name, recipe in COPIES.items():
        seed = name.rpartition("-")[2] if recipe == "network" else "0"
        sys.stderr.write(f"{name} ...\n")
        changes = [f"seed={seed}"]
        experiment.train(
            RECIPES / f"{recipe}.yaml", data=data, out=runs / name, changes=changes, keep_folds=True, progress=True
        )


def together(runs: Path) -> dict[str, Run]:
    """The ensembles: of the networks; of them with the kernel machine, for unknown and for known speakers."""
    networks = ensemble([runs / name for name in NETWORKS], out=runs / "networks")
    return {
        "networks": networks,
        "default": ensemble([runs / "kernel", networks.folder], out=runs / "default"),
        "default-known": ensemble([runs / "kernel-known", networks.folder], out=runs / "default-known"),
    }


def build(runs: Path, data: str | None) -> None:
    """Train, put together, write the file that comes with emotone."""
    train(runs, data)
    made = together(runs)
    DEFAULT_MODEL.parent.mkdir(exist_ok=True)
    deploy.export(made["default"].folder, DEFAULT_MODEL, known=made["default-known"].folder, title=TITLE)
    size = DEFAULT_MODEL.stat().st_size
    sys.stderr.write(f"{DEFAULT_MODEL}: {size / 1e6:.2f} MB\n")
    if size > MOST_BYTES:
        raise SystemExit(f"{DEFAULT_MODEL} has {size} bytes; at most {MOST_BYTES} are right")


class Listener:
    """The files of the folds, each heard as `emotone predict --speaker` hears with what `emotone enrol` kept."""

    def __init__(self, runs: Path) -> None:
        self.dataset, self.folds = same_clips_and_folds([Member(Run(runs / "kernel"))])
        self.models = {fold.name: OnnxModel(_fold_model(runs, fold.name), threads=1) for fold in self.folds}
        some = next(iter(self.models.values()))
        sounds = (audio.read(row.file, RATE_HZ) for row in self.dataset.table)
        self.pieces = [some.features(sound, [(0.0, sound.size / RATE_HZ)])[0] for sound in sounds]
        self.adapted = [one.name for one in some.inputs if one.adaptation is not None]
        self.unknown = {fold.name: self._all(fold) for fold in self.folds}

    def _all(self, fold: Fold) -> Floats:
        """(clips, classes) log-probabilities of the tested clips before anything is known of a speaker."""
        found = np.zeros((len(self.pieces), len(self.dataset.map.classes)))
        for row in fold.test.tolist():
            found[row] = self.models[fold.name].log_probabilities([self.pieces[row]])[0]
        return found

    def hear(self, seconds: float, one_emotion: bool) -> Predictions:
        """Every tested clip, once so much was heard of other clips of its speaker."""
        speech_s = np.array([piece.seconds for piece in self.pieces])
        (name,) = self.adapted
        values = FeatureSet(self.dataset.table, [piece.values[name] for piece in self.pieces])
        one_of = self.dataset.labels if one_emotion else None
        histories = SpeakerAdaptation(values, speech_s, seconds, seed=0, one_of=one_of)
        parts = []
        for fold in self.folds:
            model, found = self.models[fold.name], []
            adaptation = next(one.adaptation for one in model.inputs if one.name == name)
            assert adaptation is not None
            for row, heard in histories.histories(fold).items():
                shift = speaker_shift(
                    np.mean([values[one] for one in heard], axis=0),
                    float(speech_s[heard].sum()),
                    adaptation.average,
                    np.exp(self.unknown[fold.name][heard]).mean(axis=0),
                    adaptation.emotion_shifts,
                )
                known = min(float(speech_s[heard].sum()) / KNOWN_S, 1.0)
                found.append(model.log_probabilities([self.pieces[row]], {name: shift}, known)[0])
            parts.append(self.dataset.predictions(fold.test, fold.name, np.array(found)))
        return Predictions.concatenate(parts)


def _fold_model(runs: Path, fold: str) -> Path:
    """The models of a fold as the shipped file holds those of all clips."""

    def parts(kernel: str) -> list[Part]:
        weights = {kernel: 0.5} | dict.fromkeys(NETWORKS, 0.5 / len(NETWORKS))
        return [Part(runs / name / "folds" / fold / "model.onnx", weight) for name, weight in weights.items()]

    file = runs / "listener" / f"{fold}.onnx"
    merge.merge(merge.for_both(parts("kernel"), parts("kernel-known")), file, title=f"fold {fold}")
    return file


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
    for name in ("kernel", *NETWORKS):
        run = Run(runs / name)
        recipe, classes = run.recipe, run.scores["classes"]
        features = extraction.extract(drawn, recipe.make_feature(), recipe.audio, cache=cache_folder())
        fitted = load_weights(
            run.folder / "model" / "weights.safetensors", recipe.make_model(), features.shape, len(classes)
        )
        heard.append(fitted.log_probabilities(features, np.arange(len(drawn))))
    networks = pooled(heard[1:], np.full(len(NETWORKS), 1 / len(NETWORKS)))
    original = np.exp(pooled([heard[0], networks], [0.5, 0.5]))
    model = load_model(DEFAULT_MODEL, threads=1)
    shipped = np.stack([model.probabilities(row.file) for row in drawn])
    return {
        "clips": len(drawn),
        "largest_difference": float(np.abs(original - shipped).max()),
        "megabytes": DEFAULT_MODEL.stat().st_size / 1e6,
        "same_label": int((original.argmax(axis=1) == shipped.argmax(axis=1)).sum()),
    }


def measure(runs: Path) -> None:
    """results/default-model.json, .md and the pictures."""
    made = together(runs)
    rows: dict[str, dict[str, Any]] = {name: by_corpus(Run(runs / name).predictions) for name in ("kernel", *NETWORKS)}
    rows |= {name: by_corpus(made[name].predictions) for name in ("networks", "default")}
    rows["kernel-known, a minute heard"] = by_corpus(Run(runs / "kernel-known").predictions)
    listener = Listener(runs)
    rows |= {f"default, {what}": by_corpus(listener.hear(*how)) for what, how in KNOWN.items()}
    predictions = made["default"].predictions
    calibration = {labels: _calibration(predictions, labels) for labels in ("all", *LABEL_SETS)}
    content = {
        "scores": {name: {corpus: _short(one) for corpus, one in found.items()} for name, found in rows.items()},
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


def _short(scores: Mapping[str, Any]) -> dict[str, Any]:
    return {"clips": scores["clips"], "speakers": scores["speakers"], **scores["scores"]}


def _calibration(predictions: Predictions, labels: str) -> dict[str, Any]:
    """Of a label set: how sure it is against how right, each fold calibrated on the others; and what it refuses."""
    probabilities, truth, kept = deploy.calibrated(predictions, labels)
    corpora = predictions.corpus[kept]
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    threshold = deploy.told(predictions, labels)["unsure_below"]
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
    probabilities, truth, _ = deploy.calibrated(predictions, "all")
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
            "Written by `python scripts/default_model.py --measure` from the runs of `make default-model` "
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
            "interval says that nothing is known.",
            116,
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
        "## What it does not stand",
        "",
        fill(
            "[default-model-stress.md](default-model-stress.md) (`emotone stress "
            "runs/default/default --data D`): every "
            "voice heard by a model that had not learned from it, under 31 disturbances, and women and men apart. "
            "Louder, softer, cropped and padded it hears the same; noise, telephones, rooms and "
            "tilted spectra change too "
            "much, for it learned from clean studios only. Across corpora nothing new was measured: "
            "[cross-corpus.md](cross-corpus.md) has a linear model's matrix.",
            116,
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder with one folder per corpus; $EMOTONE_DATA if not given")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "default", help="where trained runs are kept")
    parser.add_argument("--measure", action="store_true", help="only the tables and pictures")
    given = parser.parse_args()
    if given.measure:
        measure(given.runs)
    else:
        build(given.runs, given.data)
