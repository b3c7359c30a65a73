"""`emotone audit`: search a run or a split for leaks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emotone.cli.output import Data, Json, print_json, progress_bars, writable_output


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to the app."""
    app.command()(audit)


def audit(
    what: Annotated[Path, typer.Argument(help="A run, a folder of runs, or a CSV of files with a column split.")],
    data: Data = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page with all evidence.")] = None,
    json: Json = False,
) -> None:
    """Search for leaks: speakers, recordings, copies on both sides. Exit status 1 for a leak or an unreadable file."""
    from emotone.analysis.audit.audit import audit as audited
    from emotone.analysis.audit.audit import write_page

    html = None if html is None else writable_output(html, ending=".html", parents=True)
    with progress_bars() as progress:
        found = audited(what, data=data, progress=progress)
    if html is not None:
        write_page(found, html)
    if json:
        print_json(found[0].as_dict() if len(found) == 1 else [result.as_dict() for result in found])
    else:
        typer.echo("\n\n".join(result.as_text() for result in found))
        if html is not None:
            typer.echo(f"\n{html}")
    if not all(result.ok for result in found):
        raise typer.Exit(1)
