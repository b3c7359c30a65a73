"""A stress test as files: numbers, a page, and tables for documents."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from emotone.analysis.stress import fairness
from emotone.analysis.stress.result import Endurance
from emotone.files import atomic_write
from emotone.reports import charts as pictures
from emotone.reports import templates
from emotone.reports.templates import Picture


def write(found: Endurance, folder: str | os.PathLike[str]) -> Path:
    """`stress.json`, `stress.md` and `stress.html` in the folder, each whole or not at all; the path of the page.

    Raises:
        MissingExtra: matplotlib or jinja2 is absent.
    """
    place, plain, values = Path(folder), found.as_dict(), _values(found)
    with atomic_write(place / "stress.json") as temporary:
        temporary.write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    templates.write(place / "stress.md", "stress.md", values)
    return templates.write(place / "stress.html", "stress.html", values | {"drawn": _pictures(plain)})


def _values(found: Endurance) -> dict[str, Any]:
    """What both templates are given."""
    tried = [one.verdict for group in found.groups for one in group.outcomes]
    return {
        "title": "What it still hears",
        "found": found,
        "learned": bool(found.learned),
        "chance": 1 / len(found.classes),
        "fewest": fairness.FEWEST,
        "passed": tried.count("pass"),
        "tried": len(tried),
    }


def _pictures(plain: dict[str, Any]) -> dict[str, Picture]:
    """One per group of disturbances, one per comparison of voices."""
    drawn = {}
    for number, group in enumerate(plain["groups"]):
        drawn[group["name"]] = pictures.against_limits(
            group["outcomes"], group["least_unchanged"], group["least_uar_change"], name=f"group{number}"
        )
    for comparison in plain["fairness"]:
        name = f"fairness by {comparison['by']}"
        if comparison["sides"]:
            values = {f"{side['name']}\n{side['told']}".strip(): side["uar"] for side in comparison["sides"]}
            drawn[name] = pictures.intervals(values, what="UAR, %", told=name, name=f"fairness-{comparison['by']}")
    return {name: Picture(svg) for name, svg in drawn.items()}
