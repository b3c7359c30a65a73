"""Writes the table and the charts of docs/leakage.md from the tables of `emotone benchmark --leaks`.

python -m scripts.pages.leakage docs/leakage.md results/leaks-ridge.json results/leaks-t1-last.json ...
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from emotone.files import atomic_write
from emotone.reports import markdown as tables
from emotone.reports import wording
from emotone.reports.charts.drawing import standing_alone
from emotone.reports.charts.score_bars import score_bars
from emotone.runs.leak_simulation import LEAKS

BEGIN, END = "<!-- begin: written by scripts/pages/leakage.py -->\n", "<!-- end -->\n"


def write(page: Path, sources: Sequence[Path]) -> None:
    """Replace the text between the marks of the page, and the charts next to the page."""
    content = {source: json.loads(source.read_text(encoding="utf-8")) for source in sources}
    systems = {source: [_current(row) for row in table["rows"]] for source, table in content.items()}
    titles = [rows[0]["title"] for rows in systems.values()]
    lines = ["| split and leak | " + " | ".join(titles) + " |", "|---|" + "---|" * len(titles)]
    for number, step in enumerate(map(wording.step_of, next(iter(systems.values())))):
        correct = number == 0
        cells = [_score(rows[number], correct) for rows in systems.values()]
        lines.append(f"| {'**' + step + ': no leak**' if correct else step} | " + " | ".join(cells) + " |")
    parts = ["\n".join(lines) + "\n"]
    for source, rows in systems.items():
        (steps,) = tables.leak_steps(rows).values()
        name = f"{page.stem}-{source.stem.removeprefix('leaks-')}"
        drawn = score_bars(steps, axis_label="UAR, %", alt_text=rows[0]["title"], name=name)
        with atomic_write(page.with_name(f"{name}.svg")) as temporary:
            temporary.write_text(standing_alone(drawn), encoding="utf-8")
        parts.append(f"![{rows[0]['recipe']}, UAR without a leak and with each simulated leak]({name}.svg)\n")
    parts.append(
        "```\n" + "\n".join(_wrapped(table["environment"]["command"]) for table in content.values()) + "\n```\n"
    )
    text = page.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    with atomic_write(page) as temporary:
        temporary.write_text(before + BEGIN + "\n".join(parts) + END + after, encoding="utf-8")


def _current(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row with the description of its leak as in the package, whenever it was measured."""
    leak = row["varied"]["data.leak"]
    return row if leak not in LEAKS else {**row, "caveats": [f"simulated leak, not a result: {LEAKS[leak]}"]}


def _score(row: Mapping[str, Any], correct: bool) -> str:
    uar = wording.percent(row["uar"])
    return f"**{uar}**" if correct else uar


def _wrapped(command: str) -> str:
    return fill(command, 116, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False).replace(
        "\n", " \\\n"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, help="the page with the marks")
    parser.add_argument("tables", type=Path, nargs="+", help="tables of one system each, as .json")
    given = parser.parse_args()
    write(given.page, given.tables)
