"""Runs as pages: one self-contained HTML file per run, and one for a table of runs."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from emotone.errors import RunError
from emotone.evaluation.scores import Predictions
from emotone.reports import charts as pictures
from emotone.reports import curves, templates, wording
from emotone.reports import markdown as tables
from emotone.reports.templates import Picture

_MOST_VOICES = 9  # maps by voice; more are too small to read


def write_report(run_folder: str | os.PathLike[str]) -> Path:
    """`report.html` in the folder of a finished run, made from what the folder holds; returns its path.

    Read are scores.json and, where they are there, audit.json, predictions.csv, curves.csv, map.json and map.csv,
    environment.json, and recipe.yaml or ensemble.yaml.

    Raises:
        RunError: there is no such folder, or it has no scores.
        MissingExtra: matplotlib or jinja2 is absent.
    """
    folder = Path(run_folder)
    if not (folder / "scores.json").is_file():
        raise RunError(f"{folder}: no scores.json, so there is nothing to report; `emotone train` writes it at its end")
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    environment, audit = folder / "environment.json", folder / "audit.json"
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
            "votes": wording.votes_of(scores["votes"]) if scores.get("votes") else [],
            "voted": scores["votes"]["clips"] if scores.get("votes") else 0,
            "map": _map(folder, scores["classes"]),
            "audit": json.loads(audit.read_text(encoding="utf-8")) if audit.is_file() else None,
            "environment": json.loads(environment.read_text(encoding="utf-8")) if environment.is_file() else {},
            "recipe_name": recipe.name,
            "recipe": recipe.read_text(encoding="utf-8") if recipe.is_file() else "",
        },
    )


def write_comparison(
    rows: Iterable[Mapping[str, Any]],
    path: str | os.PathLike[str],
    matrices: Iterable[Mapping[str, Any]] = (),
) -> Path:
    """A page with a table of runs per corpus, best first; runs that are not speaker-independent stand apart, marked.

    Args:
        rows: each with title, recipe, corpus, protocol, speaker_independent, uar, accuracy, macro_f1 (value, low,
            high, and spread over seeds where there are several), claimed (score -> number, or None), parameters,
            train_seconds, run (its folder), seconds; where known, classes (how many), seeds, missing, failures,
            caveats, varied.
        path: of the page; a run is linked where its report lies at or below the page's folder.
        matrices: of corpora, as `cross_corpus.matrices` puts them together; their rows stand in no other table.
    """
    page, all_rows = Path(path), [row for row in rows if not row.get("cross")]
    corpora: dict[str, list[tuple[bool, list[dict[str, Any]]]]] = {}
    for corpus in dict.fromkeys(row["corpus"] for row in all_rows):
        for independent in (True, False):
            group = [row for row in all_rows if (row["corpus"], row["speaker_independent"]) == (corpus, independent)]
            if group:
                group.sort(key=lambda row: (-(row["uar"]["value"] or 0.0), row["title"]))
                corpora.setdefault(corpus, []).append((independent, [_compared(row, page.parent) for row in group]))
    return templates.write(
        page,
        "comparison.html",
        {
            "title": "Systems compared",
            "rows": len(all_rows),
            "corpora": corpora,
            "stairs": _stairs(all_rows),
            "curves": [(curve, _line_chart(curve, f"curve-{n}")) for n, curve in enumerate(curves.curves(all_rows))],
            "marked": not all(row["speaker_independent"] for row in all_rows),
            "matrices": [_drawn(matrix, f"matrix{n}", page.parent) for n, matrix in enumerate(matrices)],
        },
    )


def _drawn(matrix: Mapping[str, Any], name: str, page_folder: Path) -> dict[str, Any]:
    """A matrix for the template: its heat map, and its cells in one list with a link to the page of each."""
    cells = [cell for line in matrix["lines"] for cell in line["cells"] if cell]
    rows = [(line["train_on"], line["cells"]) for line in matrix["lines"]]
    return {
        **matrix,
        "picture": Picture(pictures.heat_map(rows, matrix["corpora"], name=name)),
        "cells": [{**cell, "link": _link(cell["run"], page_folder)} for cell in cells],
    }


def _stairs(rows: list[Mapping[str, Any]]) -> dict[str, Picture]:
    """Recipe and corpus -> the staircase from the honest score to that of the worst mistake."""
    return {
        title: Picture(pictures.intervals(steps, what="UAR, %", told=title, name=f"stairs-{number}"))
        for number, (title, steps) in enumerate(tables.stairs(rows).items())
    }


def _line_chart(curve: curves.Curve, name: str) -> Picture:
    return Picture(pictures.score_lines(curve.lines, curve.values, words=curve.words, setting=curve.setting, name=name))


def _pictures(folder: Path, scores: Mapping[str, Any], chance: float) -> dict[str, Picture]:
    """The pictures that the files of a run allow; an absent one is empty."""
    drawn = dict.fromkeys(("speakers", "reliability", "losses", "uars"), "")
    drawn["recalls"] = pictures.recalls(scores["per_class"])
    if scores["per_speaker"]:
        drawn["speakers"] = pictures.speakers(scores["per_speaker"], scores["scores"]["uar"], chance)
    if (folder / "curves.csv").is_file():
        epochs = _epochs(folder / "curves.csv")
        drawn["losses"], drawn["uars"] = pictures.losses(epochs), pictures.development_uars(epochs)
    if (folder / "predictions.csv").is_file():
        drawn["reliability"] = pictures.reliability(*_confidence(folder / "predictions.csv"))
    return {name: Picture(svg) for name, svg in drawn.items()}


def _map(folder: Path, classes: Sequence[str]) -> dict[str, Any] | None:
    """What map.json says, and the map drawn by emotion and by voice; None where the run keeps none."""
    if not ((folder / "map.json").is_file() and (folder / "map.csv").is_file()):
        return None
    with (folder / "map.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    emotion, speaker = (np.array([row[name] for row in rows]) for name in ("emotion", "speaker"))
    x, y = ([float(row[name]) for row in rows] for name in ("x", "y"))
    tested = [row["tested"] == "1" for row in rows]
    voices = pictures.most_tested(speaker.tolist(), tested, _MOST_VOICES)
    groups = {
        "emotions": ("By emotion", {label: emotion == label for label in classes if label in emotion}),
        "voices": ("By voice", {voice: speaker == voice for voice in voices}),
    }
    drawn = {
        name: Picture(pictures.small_maps(x, y, tested, members, told=told, name=f"map-{name}"))
        for name, (told, members) in groups.items()
    }
    facts: dict[str, Any] = json.loads((folder / "map.json").read_text(encoding="utf-8"))
    return {**facts, **drawn, "shown": len(voices), "of_voices": len(set(speaker[np.array(tested)].tolist()))}


def _confidence(path: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(clips,) probability of each predicted label, and whether it was right."""
    predictions = Predictions.from_csv(path)
    return np.exp(predictions.log_probs).max(axis=1), predictions.prediction == predictions.truth


def _epochs(path: Path) -> list[dict[str, Any]]:
    """Rows of curves.csv, the numbers as floats; an empty cell (no development side) is not a number."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    return [{name: text if name == "fold" else float(text or "nan") for name, text in row.items()} for row in rows]


def _compared(row: Mapping[str, Any], page_folder: Path) -> dict[str, Any]:
    """A row for the template: with what was claimed as text, and a link to the run's page where there is one."""
    claims = [f"{name} {value}" for name, value, _ in wording.claims(row)]
    known = {"chance": 1 / row["classes"] if row.get("classes") else None, "link": _link(row.get("run"), page_folder)}
    empty: dict[str, Any] = {"seeds": [], "missing": {}, "failures": [], "caveats": [], "claimed_on": "", "varied": {}}
    return {**empty, **row, **known, "claimed": ", ".join(claims)}


def _link(run: str | None, page_folder: Path) -> str:
    if not run:
        return ""
    report = Path(run).resolve() / "report.html"
    below = page_folder.resolve() in report.parents
    return quote(report.relative_to(page_folder.resolve()).as_posix()) if below and report.is_file() else ""
