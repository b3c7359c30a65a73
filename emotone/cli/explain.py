"""`emotone explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emotone.cli.output import Json, print_json


def add_to(app: typer.Typer) -> None:
    """Put the command of this file on the app."""
    app.command()(explain)


def explain(
    run: Annotated[Path, typer.Argument(help="A finished run, or its model folder.")],
    file: Annotated[str, typer.Argument(help="A sound file, or - for standard input.")],
    label: Annotated[str | None, typer.Option("--label", help="Explain this label, not the one that is heard.")] = None,
    at: Annotated[float, typer.Option("--at", help="Second of a long recording whose piece is explained.")] = 0.0,
    out: Annotated[Path | None, typer.Option("--out", help="The page; none: <name of the file>.explain.html.")] = None,
    json: Json = False,
) -> None:
    """Show what in a recording spoke for the emotion that is heard: when, at which frequencies, by which features."""
    from emotone.analysis.explain.explain import explain as explained
    from emotone.analysis.explain.page import write_page

    found = explained(run, file, label=label, at_s=at, progress=True)
    stem = "standard-input" if file == "-" else Path(file).stem
    page = write_page(found, out or Path(f"{stem}.explain.html"))
    if json:
        print_json({**found.as_dict(), "page": str(page)})
        return
    heard, parts = found.prediction, found.parts
    typer.echo(f"{heard.file}: {heard.label}, {100 * heard.confidence:.0f} % sure")
    if found.refused:
        typer.echo(f"`emotone predict` names no emotion here: {found.refused.replace('_', ' ')}")
    how = "exact" if parts.steps == 0 else f"integrated gradients, {parts.steps} steps"
    typer.echo(
        f"score of {found.label} {parts.score:+.3f}, of the training mean {parts.baseline:+.3f}; "
        f"the parts miss the difference by {parts.gap:+.1e} ({how})"
    )
    typer.echo(f"{page}  (holds the sound)")
