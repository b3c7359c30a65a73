"""`emotone export`: a run or an ensemble as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emotone.cli.output import Json, print_json, writable_output


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to the app."""
    app.command()(export)


def export(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run or ensemble.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The .onnx file to write.")],
    known: Annotated[
        Path | None, typer.Option("--known", help="A run or ensemble that is used if the speaker is known.")
    ] = None,
    title: Annotated[str, typer.Option("--title", help="Of the model; the run's if not given.")] = "",
    json: Json = False,
) -> None:
    """Write a run's model, or those of an ensemble, as one ONNX file, calibrated for every common label set."""
    from emotone.experiments import export as deploy
    from emotone.inference.predictor import load_model

    file = deploy.export(run, writable_output(out, ending=".onnx"), known=known, title=title)
    model = load_model(file)
    about = {"file": str(file), "bytes": file.stat().st_size, "title": model.title, "classes": list(model.classes)}
    if json:
        print_json(about)
        return
    typer.echo(f"{file}: {file.stat().st_size / 1e6:.2f} MB, {', '.join(model.classes)}")
