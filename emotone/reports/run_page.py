"""`report.html` of a run: one self-contained page made from the files of its folder."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.evaluation.scores import Predictions
from emotone.reports import templates, wording
from emotone.reports.charts.confusion_matrix import confusion_matrix
from emotone.reports.charts.embedding_map import embedding_map, most_tested
from emotone.reports.charts.learning_curves import loss_curves, uar_curves
from emotone.reports.charts.reliability_diagram import reliability_diagram
from emotone.reports.charts.score_bars import recall_bars
from emotone.reports.charts.speaker_scores import speaker_scores
from emotone.reports.templates import Picture
from emotone.runs.run import Run

_MOST_SPEAKERS = 9  # maps by speaker; more are too small to read


def write_report(run_folder: str | os.PathLike[str]) -> Path:
    """`report.html` in the folder of a finished run, made from the files of the folder; returns its path.

    It reads scores.json and, if present, audit.json, predictions.csv, curves.csv, map.json and map.csv,
    environment.json, and recipe.yaml or ensemble.yaml.

    Raises:
        RunError: there is no such folder, or it has no scores.
        MissingExtra: matplotlib or jinja2 is absent.
    """
    run = Run.open(run_folder)
    folder, scores = run.folder, run.scores
    recipe = folder / ("ensemble.yaml" if "ensemble" in scores else "recipe.yaml")
    chance = 1 / len(scores["classes"])
    return templates.write(
        folder / "report.html",
        "report.html",
        {
            "claimed_on": "",
            "ensemble": None,
            **scores,
            "independent": scores["speaker_independent"],
            "facts": wording.facts(scores),
            "chance": chance,
            "claims": wording.claims(scores),
            "limits": [*wording.limits(scores), *((sentence, False) for sentence in wording.conditions(scores))],
            "pictures": _pictures(folder, scores, chance),
            "confusion_matrix": partial(_confusion_matrix, scores["classes"]),
            "votes": wording.votes_of(scores["votes"]) if scores.get("votes") else [],
            "voted": scores["votes"]["clips"] if scores.get("votes") else 0,
            "map": _map(folder, scores["classes"]),
            "audit": run.read_json("audit.json") if (folder / "audit.json").is_file() else None,
            "environment": run.read_json("environment.json") if (folder / "environment.json").is_file() else {},
            "recipe_name": recipe.name,
            "recipe": recipe.read_text(encoding="utf-8") if recipe.is_file() else "",
        },
    )


def _pictures(folder: Path, scores: Mapping[str, Any], chance: float) -> dict[str, Picture]:
    """The charts for which the run has the files; the others are empty."""
    drawn = dict.fromkeys(("speakers", "reliability", "losses", "uars"), "")
    drawn["recalls"] = recall_bars(scores["per_class"])
    if scores["per_speaker"]:
        drawn["speakers"] = speaker_scores(scores["per_speaker"], scores["scores"]["uar"], chance)
    if (folder / "curves.csv").is_file():
        epochs = _epochs(folder / "curves.csv")
        drawn["losses"], drawn["uars"] = loss_curves(epochs), uar_curves(epochs)
    if (folder / "predictions.csv").is_file():
        drawn["reliability"] = reliability_diagram(*_confidence(folder / "predictions.csv"))
    return {name: Picture(svg) for name, svg in drawn.items()}


def _confusion_matrix(classes: Sequence[str], counts: Sequence[Sequence[int]], caption: str, mark: str) -> Picture:
    return Picture(confusion_matrix(counts, classes, caption=caption, mark=mark))


def _map(folder: Path, classes: Sequence[str]) -> dict[str, Any] | None:
    """The content of map.json, and the map drawn by emotion and by speaker; None if the run has no map."""
    if not ((folder / "map.json").is_file() and (folder / "map.csv").is_file()):
        return None
    rows = _csv_rows(folder / "map.csv")
    emotion, speaker = (np.array([row[name] for row in rows]) for name in ("emotion", "speaker"))
    x, y = ([float(row[name]) for row in rows] for name in ("x", "y"))
    tested = [row["tested"] == "1" for row in rows]
    shown = most_tested(speaker.tolist(), tested, _MOST_SPEAKERS)
    groups = {
        "by_emotion": ("By emotion", {label: emotion == label for label in classes if label in emotion}),
        "by_speaker": ("By speaker", {name: speaker == name for name in shown}),
    }
    drawn = {
        name: Picture(embedding_map(x, y, tested, members, alt_text=alt_text, name=f"map-{name}"))
        for name, (alt_text, members) in groups.items()
    }
    facts: dict[str, Any] = json.loads((folder / "map.json").read_text(encoding="utf-8"))
    test_speakers = set(speaker[np.array(tested)].tolist())
    return {**facts, **drawn, "speakers_shown": len(shown), "test_speakers": len(test_speakers)}


def _confidence(path: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(clips,) probability of each predicted label, and whether it was right."""
    predictions = Predictions.from_csv(path)
    return np.exp(predictions.log_probs).max(axis=1), predictions.prediction == predictions.truth


def _epochs(path: Path) -> list[dict[str, Any]]:
    """Rows of curves.csv, the numbers as floats; an empty cell (no development clips) becomes NaN."""
    return [
        {name: text if name == "fold" else float(text or "nan") for name, text in row.items()}
        for row in _csv_rows(path)
    ]


def _csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))
