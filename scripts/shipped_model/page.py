"""Writes results/default-model.json and .md: the shipped models on unseen speakers and on corpora left out.

python -m scripts.shipped_model.page

Needs the runs of `python -m scripts.shipped_model.build`; the outputs of their test clips are computed once and kept.
"""

from __future__ import annotations

import argparse
import json
import os
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from emotone.data.labels import label_map
from emotone.evaluation import metrics
from emotone.evaluation.scores import Predictions
from emotone.files import atomic_write
from emotone.runs.run import Run, environment
from scripts.shipped_model.build import CORPORA, FILES, LEFT_OUT_LABELS, ROOT, RUNS, is_finished, left_out, other_seed
from scripts.shipped_model.measure import TestedRun, by_corpus, metadata, of_corpora

RESULTS = ROOT / "results"
MINUTE, TEN = "with a minute of the speaker", "with 10 s of the speaker"
ONE_EMOTION = "with a minute of the speaker in one emotion"
RECORDINGS = (5, 20, 100, 500)
"""Recordings of a domain profile."""
DRAWS = 5
"""Random choices of these recordings, whose scores are averaged."""
Scores = dict[str, dict[str, Any]]


def unseen_speakers(runs: Path, name: str, processes: int) -> dict[str, Scores]:
    """System -> corpus -> scores of a run with folds by speakers."""
    tested = TestedRun(runs / name, processes=processes)
    return {
        "alone": _short(by_corpus(tested.alone)),
        MINUTE: _short(by_corpus(tested.enrolled(60.0))),
        TEN: _short(by_corpus(tested.enrolled(10.0))),
        ONE_EMOTION: _short(by_corpus(tested.enrolled(60.0, one_emotion=True))),
    }


def unseen_corpora(runs: Path, model: str, processes: int) -> tuple[dict[str, Scores], list[Predictions]]:
    """System -> corpus -> scores of the runs without this corpus; and their predictions."""
    found: dict[str, Scores] = {}
    predictions = []
    for corpus in CORPORA:
        tested = TestedRun(runs / left_out(model, corpus), processes=processes)
        predictions.append(tested.alone)
        rows: dict[str, list[Scores]] = {"alone": [by_corpus(tested.alone)]}
        for number in RECORDINGS:
            rows[f"domain of {number} recordings"] = [
                by_corpus(tested.in_domain(number, seed=seed)) for seed in range(DRAWS)
            ]
        rows["domain of all recordings"] = [by_corpus(tested.in_domain(None))]
        rows["domain of 100 recordings of one emotion"] = [
            by_corpus(tested.in_domain(100, one_emotion=True, seed=seed)) for seed in range(DRAWS)
        ]
        rows[MINUTE] = [by_corpus(tested.enrolled(60.0))]
        for system, draws in rows.items():
            found.setdefault(system, {})[corpus] = _mean([_short(scores)[corpus] for scores in draws])
    return found, predictions


def answers(predictions: Sequence[Predictions], calibration: Mapping[str, float], labels: str) -> Scores:
    """Corpus -> what the file answers with its calibration: shares answered, right among all and answered, ECE."""
    found = {}
    for part in predictions:
        for corpus, own in of_corpora(part):
            probabilities, right = calibrated(own, calibration["sharpness"], labels)
            confidence = probabilities.max(axis=1)
            answered = confidence >= calibration["unsure_below"]
            found[corpus] = {
                "clips": len(right),
                "answered": float(answered.mean()),
                "right": float(right.mean()),
                "right_of_answered": float(right[answered].mean()) if answered.any() else None,
                "ece": float(metrics.calibration_error(metrics.calibration_gaps(right, confidence).sum(axis=0))),
            }
    return found


def calibrated(own: Predictions, sharpness: float, labels: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(clips, labels) probabilities among all labels of a set, and (clips,) whether the most probable is right."""
    mapping = label_map(own.classes if labels == "all" else labels, own.classes)
    truth = [mapping(label) for label in own.truth.tolist()]
    kept = np.array([label is not None for label in truth])
    numbers = np.array([mapping.classes.index(label) for label in truth if label is not None])
    scores = sharpness * own.log_probs[kept]
    probabilities = softmax(scores, axis=1) @ mapping.matrix(own.classes)
    return probabilities, probabilities.argmax(axis=1) == numbers


def _short(scores: Scores) -> Scores:
    return {
        corpus: {"uar": own["scores"]["uar"], "accuracy": own["scores"]["accuracy"]} for corpus, own in scores.items()
    }


def _mean(scores: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean of each number of each score."""
    return {
        score: {
            part: None if scores[0][score][part] is None else float(np.mean([one[score][part] for one in scores]))
            for part in scores[0][score]
        }
        for score in scores[0]
    }


def measure(runs: Path, processes: int) -> dict[str, Any]:
    """Everything that the page shows."""
    content: dict[str, Any] = {}
    for model, file in FILES.items():
        if not is_finished(runs, model) or not file.is_file():
            continue
        found: dict[str, Any] = {"speakers": unseen_speakers(runs, model, processes)}
        if is_finished(runs, other_seed(model)):
            found["other_seed"] = unseen_speakers(runs, other_seed(model), processes)
        found["corpora"], without = unseen_corpora(runs, model, processes)
        facts = metadata(file)
        found["label_sets"] = facts["label_sets"]
        found["answers"] = answers(without, facts["label_sets"][LEFT_OUT_LABELS], LEFT_OUT_LABELS)
        found["megabytes"] = file.stat().st_size / 1e6
        found["title"], found["trained"] = facts["title"], Run(runs / model).read_json("environment.json")["commit"]
        content[model] = found
    if not content:
        raise SystemExit(f"no finished model in {runs}; python -m scripts.shipped_model.build trains it")
    return {"about": environment(0.0), "models": content}


def markdown(content: Mapping[str, Any]) -> str:
    """The page."""
    about = content["about"]
    lines = ["# The models that come with emotone, measured", ""]
    lines += wrapped(
        "Written by `python -m scripts.shipped_model.page` from the runs of `make default-model` (recipes/default, "
        f"commit {about['commit']}, emotone {about['emotone']}, {about['hardware']}). UAR in %, [95 % over speakers]. "
        "Every clip was classified by a model that was not trained on its speaker, in five folds, or on its corpus. "
        "Weights are rounded as in the shipped file. On each corpus the model chooses among the emotions of the corpus."
    )
    for model, found in content["models"].items():
        lines += ["", f"## {model}: {found['title']}", "", f"{found['megabytes']:.1f} MB.", ""]
        lines += ["### Recordings from corpora it was not trained on", ""]
        lines += wrapped(
            "One model per column, trained on all other corpora; labels: angry, disgust, fear, happy, neutral, sad and "
            "surprise, as far as the corpus has them; calm counts as neutral. This is what to expect of recordings of "
            "another kind. A domain profile is the mean embedding of unlabelled recordings (`emotone enrol --domain`); "
            f"choices of 5 to 500 recordings are means of {DRAWS} draws."
        )
        lines += ["", *table(found["corpora"])]
        lines += ["", *wrapped(_answers_text(found)), "", *answers_table(found["answers"])]
        lines += ["", "### Unseen speakers of the corpora it was trained on", ""]
        lines += table(found["speakers"])
        if "other_seed" in found:
            lines += ["", "The same with another seed:", "", *table(found["other_seed"])]
        lines += ["", *wrapped(_speakers_text())]
    return "\n".join(lines) + "\n"


def table(systems: Mapping[str, Scores]) -> list[str]:
    """A row per system, a column per corpus."""
    corpora = list(next(iter(systems.values())))
    lines = [f"| | {' | '.join(corpora)} |", "|---" * (len(corpora) + 1) + "|"]
    for system, scores in systems.items():
        lines.append(f"| {system} | {' | '.join(_interval(scores[corpus]['uar']) for corpus in corpora)} |")
    return lines


def answers_table(found: Scores) -> list[str]:
    """A row per corpus."""
    lines = ["| corpus left out | clips | answered | right of the answered | right of all | ECE |", "|---" * 6 + "|"]
    for corpus, own in found.items():
        of_answered = own["right_of_answered"]
        cells = [
            corpus,
            f"{own['clips']:,}",
            f"{100 * own['answered']:.0f} %",
            "-" if of_answered is None else f"{100 * of_answered:.0f} %",
            f"{100 * own['right']:.0f} %",
            f"{own['ece']:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def wrapped(text: str) -> list[str]:
    """The lines of a paragraph."""
    return textwrap.wrap(text, 118)


def _interval(score: Mapping[str, float | None]) -> str:
    value, low, high = (score[part] for part in ("value", "low", "high"))
    if value is None:
        return "-"
    bounds = "" if low is None or high is None else f" [{100 * low:.0f}, {100 * high:.0f}]"
    return f"{100 * value:.1f}{bounds}"


def _answers_text(found: Mapping[str, Any]) -> str:
    calibration = found["label_sets"][LEFT_OUT_LABELS]
    return (
        f"Below a confidence of {calibration['unsure_below']:.2f} the model answers `unsure`. Sharpness and threshold "
        "were chosen on these clips, so that at least half of the answers are right in every corpus that was left out, "
        "among all seven labels. So the calibration holds for these corpora by choice; for others it is expected."
    )


def _speakers_text() -> str:
    return (
        "'With a minute of the speaker' uses other clips of the test speaker, without labels (transductive), as "
        "`emotone enrol` and `predict --speaker` do. TESS has two speakers, so its interval is meaningless. Fold 1 of "
        "RAVDESS was looked at while the model was designed, its other folds were not."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=RUNS, help="where trained runs are kept")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="processes that classify clips")
    given = parser.parse_args()
    content = measure(given.runs, given.processes)
    with atomic_write(RESULTS / "default-model.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    with atomic_write(RESULTS / "default-model.md") as temporary:
        temporary.write_text(markdown(content), encoding="utf-8")


if __name__ == "__main__":
    from scripts.shipped_model.page import main as as_module  # by this name other processes find what they are given

    as_module()
