"""`emotone audit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emotone.cli.output import Data, Json, print_json, progress_bars


def add_to(app: typer.Typer) -> None:
    """Put the command of this file on the app."""
    app.command()(audit)


def audit(
    what: Annotated[Path, typer.Argument(help="A run, a folder of runs, or a CSV of files with a column split.")],
    data: Data = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page with every proof.")] = None,
    json: Json = False,
) -> None:
    """Look for leaks: voices, recordings and copies on both sides. Exit status 1 for a leak or an unreadable file."""
    from emotone.analysis.audit.audit import audit as audited
    from emotone.analysis.audit.audit import write_page

    with progress_bars() as progress:
        found = audited(what, data=data, progress=progress)
    if html is not None:
        write_page(found, html)
    if json:
        print_json(found[0].as_dict() if len(found) == 1 else [one.as_dict() for one in found])
    else:
        typer.echo("\n\n".join(one.as_text() for one in found))
        if html is not None:
            typer.echo(f"\n{html}")
    if not all(one.ok for one in found):
        raise typer.Exit(1)
