"""Stress test as files: JSON, HTML page and Markdown tables."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from emotone.analysis.stress import fairness
from emotone.analysis.stress.result import StressResult
from emotone.files import atomic_write
from emotone.reports import templates
from emotone.reports.charts.robustness_scores import robustness_scores
from emotone.reports.charts.score_bars import score_bars
from emotone.reports.templates import Picture


def write(found: StressResult, folder: str | os.PathLike[str]) -> Path:
    """`stress.json`, `stress.md` and `stress.html` in a folder, each written atomically; returns the path of the page.

    Raises:
        MissingExtra: matplotlib or jinja2 is absent.
    """
    place, plain, values = Path(folder), found.as_dict(), _values(found)
    with atomic_write(place / "stress.json") as temporary:
        text = json.dumps(plain, indent=1, ensure_ascii=False) + "\n"
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")  # names of files
    templates.write(place / "stress.md", "stress.md", values)
    return templates.write(place / "stress.html", "stress.html", values | {"drawn": _pictures(plain)})


def _values(found: StressResult) -> dict[str, Any]:
    """Values for both templates."""
    verdicts = [outcome.verdict for group in found.groups for outcome in group.outcomes]
    return {
        "title": "Stress test",
        "found": found,
        "seen": bool(found.seen_corpora),
        "chance": 1 / len(found.classes),
        "fewest": fairness.FEWEST,
        "passed": verdicts.count("pass"),
        "tested": len(verdicts),
    }


def _pictures(plain: dict[str, Any]) -> dict[str, Picture]:
    """One per group of disturbances, one per comparison of speaker groups."""
    drawn = {}
    for number, group in enumerate(plain["groups"]):
        drawn[group["name"]] = robustness_scores(
            group["outcomes"], group["least_unchanged"], group["least_uar_change"], name=f"group{number}"
        )
    for comparison in plain["fairness"]:
        name = f"fairness by {comparison['by']}"
        if comparison["groups"]:
            values = {
                f"{group['name']}\n{group['description']}".strip(): group["uar"] for group in comparison["groups"]
            }
            drawn[name] = score_bars(values, axis_label="UAR, %", alt_text=name, name=f"fairness-{comparison['by']}")
    return {name: Picture(svg) for name, svg in drawn.items()}
