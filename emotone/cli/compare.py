"""`emotone compare`: finished runs with intervals and paired tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emotone.cli.output import Json, print_json, print_table


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to the app."""
    app.command()(compare)


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; the later ones are compared with the first.")],
    half_width: Annotated[
        float | None,
        typer.Option(
            "--half-width", help="Also print how many speakers would give intervals of +- so many points of UAR."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Compare runs, with intervals and paired tests over speakers."""
    from emotone.experiments.compare import compare as compared
    from emotone.reports.wording import marked, percent, protocol_of

    result = compared(list(runs), half_width=None if half_width is None else half_width / 100)
    if json:
        print_json(result)
        return
    rows = []
    for row, difference in zip(result["runs"], [None, *result["differences"]], strict=True):
        change = "" if difference is None else percent(difference["uar"])
        p_values = ["", ""] if difference is None else [f"{difference[name]:.3g}" for name in ("p_value", "p_holm")]
        shown = (row["run"], marked(row["title"], row), protocol_of(row), percent(row["scores"]["uar"]))
        rows.append((*shown, change, *p_values))
    columns = ("run", "title", "protocol", "UAR [95 %]", "difference", "p", "p (Holm)")
    several = len(result["differences"]) > 1  # for a single difference both p-values are equal
    print_table(columns if several else columns[:-1], rows if several else [row[:-1] for row in rows])
    if half_width is not None:
        typer.echo(f"\nspeakers needed for an interval of +-{half_width:g} points:")
        for row in (*result["runs"], *result["differences"]):
            needed = row["speakers_needed"]
            which = "UAR" if "scores" in row else "difference"
            number = "unknown: there is no interval" if needed is None else f"{needed} (there are {row['speakers']})"
            typer.echo(f"  {which} of {row['run']}: {number}")
