"""`emotone demo`: the whole workflow on synthetic speech, offline."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from emotone.cli.output import Json, print_json, print_table, progress_bars, training_progress, writable_output


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to the app."""
    app.command()(demo)


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the synthetic corpus and the runs.")] = Path("demo"),
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the synthetic speech and of the training.")] = 0,
    json: Json = False,
) -> None:
    """Synthesise speech, train two models on it, compare them, write a report, predict a clip. Offline."""
    from emotone.experiments.demo import demo as run_demo
    from emotone.reports.wording import percent

    writable_output(out, folder=True)
    with progress_bars() as progress:
        result = run_demo(out, seed=seed, begin=partial(training_progress, progress))
    if json:
        print_json(result)
        return
    typer.echo("This speech is synthetic (espeak-ng): the numbers show that emotone works, not how accurate it is.\n")
    rows = [(row["title"], *(percent(row[score]) for score in ("uar", "accuracy"))) for row in result["rows"]]
    print_table(("model", "UAR [95 %], unseen speakers", "accuracy"), rows)
    difference = result["difference"]
    typer.echo(f"\ndifference in UAR {percent(difference['uar'])}, p = {difference['p_value']:.3g}")
    prediction = result["prediction"]
    typer.echo(f"report      {result['report']}")
    truth = f"an unseen speaker, synthesised as {result['target']}"
    typer.echo(f"prediction  {prediction['file']}: {prediction['label']} ({prediction['confidence']:.2f}); {truth}")
