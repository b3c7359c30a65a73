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
    title: Annotated[str, typer.Option("--title", help="Of the model; the run's if not given.")] = "",
    weights: Annotated[
        str,
        typer.Option(
            "--weights",
            help="Of a model that takes samples: float32 (as in the run), float16 or int8.",
        ),
    ] = "float32",
    left_out: Annotated[
        list[Path] | None,
        typer.Option(
            "--left-out",
            help="A run of the same recipe, tested on a corpus that it was not trained on; calibrates the model. May "
            "be repeated.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write a run's model, or those of an ensemble, as one ONNX file, calibrated for every common label set."""
    from emotone.experiments import export as deploy
    from emotone.inference.predictor import load_model

    place = writable_output(out, ending=".onnx")
    file = deploy.export(run, place, title=title, weights=weights, left_out=left_out or ())
    model = load_model(file)
    about = {"file": str(file), "bytes": file.stat().st_size, "title": model.title, "classes": list(model.classes)}
    change = None
    if weights != "float32":
        change = deploy.probability_change(run, file)
        about |= {"weights": weights, "probability_change": change}
    if json:
        print_json(about)
        return
    typer.echo(f"{file}: {file.stat().st_size / 1e6:.2f} MB, {', '.join(model.classes)}")
    if change is not None:
        typer.echo(f"{weights} changes a probability by up to {change:.2g} (on a few clips of the run)")
