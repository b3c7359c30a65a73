"""`emotone ensemble`: several finished runs as one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emotone.cli.output import Json, progress_bars
from emotone.cli.train import print_run


def add_to(app: typer.Typer) -> None:
    """Put the command of this file on the app."""
    app.command()(ensemble)


def ensemble(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs with the same clips and folds.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the ensemble.")],
    level: Annotated[
        str, typer.Option("--level", help="scores: average what they say; features: learn from what they classify.")
    ] = "scores",
    weights: Annotated[
        str,
        typer.Option("--weights", help="equal, or development: of scores, chosen on each fold's development clips."),
    ] = "equal",
    speaker_seconds: Annotated[
        float | None,
        typer.Option(help="Of scores: seconds of each speaker heard first, on whose mean scores are centred."),
    ] = None,
    json: Json = False,
) -> None:
    """Make one run of several finished ones; it is scored, compared and reported as they are."""
    from emotone.experiments.ensemble import ensemble as ensemble_of

    with progress_bars() as progress:
        run = ensemble_of(
            list(runs), out=out, level=level, weights=weights, speaker_seconds=speaker_seconds, progress=progress
        )
    print_run(run, json)
