"""`emotone ensemble`: combine several finished runs into one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emotone.cli.output import Json
from emotone.cli.train import print_run


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to the app."""
    app.command()(ensemble)


def ensemble(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs with the same clips and folds.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the ensemble.")],
    level: Annotated[
        str, typer.Option("--level", help="scores: average log-probabilities; features: train on all features.")
    ] = "scores",
    weights: Annotated[
        str,
        typer.Option(
            "--weights", help="equal; or development: chosen on the development clips of each fold (level scores)."
        ),
    ] = "equal",
    json: Json = False,
) -> None:
    """Combine finished runs into one, which is scored, compared and reported like a run."""
    from emotone.experiments.ensemble import ensemble as ensemble_of

    print_run(ensemble_of(list(runs), out=out, level=level, weights=weights), json)
