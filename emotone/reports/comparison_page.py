"""`comparison.html`: a table of runs per corpus, the cross-corpus matrices, and curves over a varied setting."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from emotone.reports import markdown as tables
from emotone.reports import templates, wording
from emotone.reports.charts.cross_corpus_matrix import cross_corpus_matrix
from emotone.reports.charts.score_bars import score_bars
from emotone.reports.charts.score_lines import score_lines
from emotone.reports.templates import Picture

_FEWEST = 3  # values; for two, the rows are enough


@dataclass(frozen=True)
class Curve:
    """The scores of one recipe at each value of a setting.

    Attributes:
        title: the recipe, and the settings that were changed for the whole table.
        setting: the path of the varied setting, such as `data.speaker_seconds`.
        values: as typed: categories before the first number, numbers in ascending order, the other categories.
        lines: corpus and the other varied settings -> value -> UAR as an interval.
        caveat_kinds: first words of the caveats of its points, such as `transductive`.
        speaker_independent: whether every point is.
    """

    title: str
    setting: str
    values: tuple[str, ...]
    lines: Mapping[str, Mapping[str, Mapping[str, float | None]]]
    caveat_kinds: tuple[str, ...]
    speaker_independent: bool

    @property
    def categories(self) -> tuple[str, ...]:
        """The values that are not numbers, to which no line leads."""
        return tuple(value for value in self.values if not is_number(value))


def curves(rows: Sequence[wording.Row]) -> list[Curve]:
    """A curve per recipe, if exactly one setting was varied over at least three values, two of them numbers.

    >>> score = {"value": 0.5, "low": 0.4, "high": 0.6}
    >>> common = {"recipe": "a/b", "corpus": "x", "protocol": "speakers", "speaker_independent": True, "uar": score}
    >>> (curve,) = curves([{**common, "varied": {"data.folds": value}} for value in ("null", "10", "5", "most")])
    >>> curve.setting, curve.values, list(curve.lines)
    ('data.folds', ('null', '5', '10', 'most'), ['x'])
    """
    varied = [row for row in rows if row.get("varied") and not row.get("cross")]
    values: dict[str, dict[str, None]] = {}  # setting -> its values, in the order of the rows
    for row in varied:
        for key, value in row["varied"].items():
            values.setdefault(key, {})[str(value)] = None
    numeric = [
        key for key, of_key in values.items() if len(of_key) >= _FEWEST and sum(map(is_number, of_key)) >= _FEWEST - 1
    ]
    if len(numeric) != 1:
        return []
    setting = numeric[0]
    varied = [row for row in varied if setting in row["varied"]]
    protocols = {row["protocol"] for row in varied}
    drawn: dict[str, list[wording.Row]] = {}
    for row in varied:
        drawn.setdefault(", ".join([row["recipe"], *row.get("changes", [])]), []).append(row)
    return [_curve(title, setting, list(values[setting]), rows, len(protocols) > 1) for title, rows in drawn.items()]


def is_number(value: str) -> bool:
    """Whether a typed value is a finite number.

    >>> is_number("1e3"), is_number("all"), is_number("nan")
    (True, False, False)
    """
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def write_comparison(
    rows: Iterable[Mapping[str, Any]],
    path: str | os.PathLike[str],
    matrices: Iterable[Mapping[str, Any]] = (),
) -> Path:
    """A page with a table of runs per corpus, best first; runs that are not speaker-independent are apart and marked.

    Args:
        rows: each with title, recipe, corpus, protocol, speaker_independent, uar, accuracy, macro_f1 (value, low,
            high, and spread over seeds where there are several), claimed (score -> number, or None), parameters,
            train_seconds, run (its folder), seconds; if known, classes (number), seeds, missing, failures,
            caveats, varied.
        path: of the page; a run is linked if its report is in the folder of the page or below.
        matrices: cross-corpus matrices (`cross_corpus.matrices`); their rows are in no other table.
    """
    page, all_rows = Path(path), [row for row in rows if not row.get("cross")]
    corpora: dict[str, list[tuple[bool, list[dict[str, Any]]]]] = {}
    for corpus in dict.fromkeys(row["corpus"] for row in all_rows):
        for independent in (True, False):
            group = [row for row in all_rows if (row["corpus"], row["speaker_independent"]) == (corpus, independent)]
            if group:
                group.sort(key=lambda row: (-(row["uar"]["value"] or 0.0), row["title"]))
                corpora.setdefault(corpus, []).append((independent, [_system(row, page.parent) for row in group]))
    return templates.write(
        page,
        "comparison.html",
        {
            "title": "Comparison of systems",
            "rows": len(all_rows),
            "corpora": corpora,
            "leak_steps": _leak_steps(all_rows),
            "curves": [(curve, _line_chart(curve, f"curve-{n}")) for n, curve in enumerate(curves(all_rows))],
            "marked": not all(row["speaker_independent"] for row in all_rows),
            "matrices": [_matrix(matrix, f"matrix{n}", page.parent) for n, matrix in enumerate(matrices)],
        },
    )


def _matrix(matrix: Mapping[str, Any], name: str, page_folder: Path) -> dict[str, Any]:
    """A matrix for the template: its heat map, and a list of its cells with links to their pages."""
    cells = [cell for line in matrix["lines"] for cell in line["cells"] if cell]
    rows = [(line["train_on"], line["cells"]) for line in matrix["lines"]]
    return {
        **matrix,
        "picture": Picture(cross_corpus_matrix(rows, matrix["corpora"], name=name)),
        "cells": [{**cell, "link": _link(cell["run"], page_folder)} for cell in cells],
    }


def _leak_steps(rows: list[Mapping[str, Any]]) -> dict[str, Picture]:
    """Recipe and corpus -> UAR without a leak and with each simulated leak."""
    return {
        title: Picture(score_bars(steps, axis_label="UAR, %", alt_text=title, name=f"leaks-{number}"))
        for number, (title, steps) in enumerate(tables.leak_steps(rows).items())
    }


def _line_chart(curve: Curve, name: str) -> Picture:
    return Picture(
        score_lines(curve.lines, curve.values, categories=curve.categories, setting=curve.setting, name=name)
    )


def _curve(title: str, setting: str, values: list[str], rows: Sequence[wording.Row], protocols: bool) -> Curve:
    lines: dict[str, dict[str, Mapping[str, float | None]]] = {}
    for row in rows:
        others = [str(value) for key, value in row["varied"].items() if key != setting]
        name = ", ".join([row["corpus"], *([row["protocol"]] if protocols else []), *others])
        lines.setdefault(name, {})[str(row["varied"][setting])] = row["uar"]
    first = next(index for index, value in enumerate(values) if is_number(value))
    categories = [[value for value in part if not is_number(value)] for part in (values[:first], values[first:])]
    numbers = sorted(filter(is_number, values), key=float)
    kinds = dict.fromkeys(caveat.partition(":")[0] for row in rows for caveat in row.get("caveats", []))
    independent = all(row["speaker_independent"] for row in rows)
    return Curve(title, setting, (*categories[0], *numbers, *categories[1]), lines, tuple(kinds), independent)


def _system(row: Mapping[str, Any], page_folder: Path) -> dict[str, Any]:
    """A row for the template: with the claim as text, and a link to the run's page if there is one."""
    claims = [f"{name} {value}" for name, value, _ in wording.claims(row)]
    known = {"chance": 1 / row["classes"] if row.get("classes") else None, "link": _link(row.get("run"), page_folder)}
    empty: dict[str, Any] = {"seeds": [], "missing": {}, "failures": [], "caveats": [], "claimed_on": "", "varied": {}}
    return {**empty, **row, **known, "claimed": ", ".join(claims)}


def _link(run: str | None, page_folder: Path) -> str:
    if not run:
        return ""
    report = Path(run).resolve() / "report.html"
    below = page_folder.resolve() in report.parents
    if not below or not report.is_file():
        return ""
    return quote(os.fsencode(report.relative_to(page_folder.resolve()).as_posix()))  # also of names that are not UTF-8
