"""Draws the curve of a benchmark's .json as a standalone SVG, in light and dark mode."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from emotone.errors import RunError
from emotone.files import atomic_write
from emotone.reports.charts.drawing import standing_alone
from emotone.reports.charts.score_lines import score_lines
from emotone.reports.comparison_page import curves


def draw(table: Path, out: Path, setting: str | None) -> None:
    """Draw the curve of the table's first recipe; `setting` is the label of the x-axis.

    Raises:
        RunError: no single setting was varied over numbers.
    """
    found = curves(json.loads(table.read_text(encoding="utf-8"))["rows"])
    if not found:
        raise RunError(f"{table}: no single setting was varied over at least three values, two of them numbers")
    curve, name = found[0], out.stem
    drawn = score_lines(
        curve.lines, curve.values, categories=curve.categories, setting=setting or curve.setting, name=name
    )
    with atomic_write(out) as temporary:
        temporary.write_text(standing_alone(drawn), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path, help="the .json that `emotone benchmark --vary` wrote")
    parser.add_argument("out", type=Path, help="the .svg")
    parser.add_argument("--setting", help="label of the x-axis in place of the name of the setting")
    given = parser.parse_args()
    draw(given.table, given.out, given.setting)
