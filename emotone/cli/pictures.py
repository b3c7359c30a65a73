"""`emotone pictures`: spectrogram pictures of all clips as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emotone.cli.output import Data, Json, Set, print_json, progress_bars, writable_output


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to the app."""
    app.command()(pictures)


def pictures(
    recipe: Annotated[Path, typer.Argument(help="A recipe file whose feature is an image.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the pictures; existing ones are kept.")],
    data: Data = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Draw the spectrogram picture of every clip; train on them with --set data.pictures=FOLDER."""
    from emotone.experiments.draw_images import pictures as draw

    writable_output(out, folder=True)
    with progress_bars() as progress:
        result = draw(recipe, out=out, data=data, changes=set_ or [], progress=progress)
    for name, reason in result.missing.items():
        typer.echo(f"emotone: without {name}: {reason}", err=True)
    for failure in result.failures:
        typer.echo(f"emotone: left out: {failure.reason}", err=True)
    if json:
        failures = [{"key": key, "file": str(file), "reason": reason} for key, file, reason in result.failures]
        print_json(
            {
                "folder": str(result.folder),
                "drawn": result.drawn,
                "kept": result.kept,
                "missing": result.missing,
                "failures": failures,
            }
        )
    else:
        kept = f", {result.kept} already existed" if result.kept else ""
        typer.echo(f"{result.drawn} pictures drawn{kept}\n{result.folder}  (--set data.pictures={result.folder})")
    if result.failures:
        raise typer.Exit(1)
