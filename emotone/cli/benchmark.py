"""`emotone benchmark`: recipes on corpora, their scores in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emotone.cli.output import (
    Data,
    Json,
    Set,
    print_json,
    print_table,
    progress_bars,
    training_progress,
    writable_output,
)
from emotone.cli.train import known_protocol
from emotone.errors import RecipeError


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to the app."""
    app.command()(benchmark)


def benchmark(
    recipes: Annotated[list[Path], typer.Argument(help="Recipe files, or folders of them.")],
    corpora: Annotated[str, typer.Option("--corpora", help="Corpora, by comma, each alone; a+b: together.")] = "",
    instead: Annotated[
        str, typer.Option("--instead", help="Corpora, by comma, for recipes whose own corpora are all absent.")
    ] = "",
    data: Data = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the runs; the table is written next to it.")] = Path(
        "runs/benchmark"
    ),
    set_: Set = None,
    protocol: Annotated[
        str,
        typer.Option(
            "--protocol",
            help="speakers, random, or several by comma; cross-corpus: every pair of corpora, as a matrix.",
        ),
    ] = "",
    vary: Annotated[
        list[str] | None, typer.Option("--vary", help="KEY=A,B,C: the setting at each value; may be repeated.")
    ] = None,
    leaks: Annotated[
        bool, typer.Option("--leaks", help="Simulate one leak at a time and report how much it raises the score.")
    ] = False,
    scores_only: Annotated[
        bool, typer.Option("--scores-only", help="Do not train the final model on all clips.")
    ] = False,
    finished_only: Annotated[
        bool, typer.Option("--finished-only", help="Train nothing; make the table of the finished runs.")
    ] = False,
    plumbing: Annotated[
        bool,
        typer.Option(
            "--plumbing",
            help="Use random weights if pretrained ones are absent, to test that a recipe runs; not a result.",
        ),
    ] = False,
    with_: Annotated[
        list[Path] | None,
        typer.Option("--with", help="The .json of another table whose rows are added; may be repeated."),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Runs per cell; the table shows means.")] = 1,
    json: Json = False,
) -> None:
    """Train recipes on corpora and put their scores in one table. Finished cells are not run again."""
    from emotone.experiments import benchmark as bench
    from emotone.experiments.benchmark_cells import Plan
    from emotone.reports import markdown as tables
    from emotone.reports import wording

    writable_output(out, folder=True)
    if out.parent.exists():
        for ending in (".json", ".md", ".html"):
            writable_output(Path(f"{out}{ending}"))
    with progress_bars() as progress:
        result = bench.benchmark(
            Plan(
                recipes,
                corpora=_listed(corpora),
                instead=_listed(instead),
                protocols=[known_protocol(name) for name in _listed(protocol)],
                vary=dict(_varied(text) for text in vary or []),
                changes=set_ or [],
                seeds=seeds,
                leaks=leaks,
            ),
            options=bench.Options(
                keep_models=not scores_only, finished_only=finished_only, plumbing=plumbing, tables=with_ or []
            ),
            data=data,
            out=out,
            progress=progress,
            on_cell=lambda cell, seed: training_progress(progress, f"{cell.name} on {cell.corpora}"),
        )
    if json:
        print_json(bench.as_dict(result))
    else:
        rows = [
            (
                wording.marked(row["recipe"], row),
                wording.corpora_of(row),
                wording.protocol_of(row),
                *(wording.percent(row[score]) for score in tables.SCORES),
                f"{row['parameters']:,}",
                f"{row['seconds']:.0f}",
            )
            for row in result.rows
            if not row.get("cross")
        ]
        for matrix in result.matrices:
            lines = [(line["train_on"], *map(tables.matrix_cell, line["cells"])) for line in matrix["lines"]]
            columns = ("trained on", *(f"on {name}" for name in matrix["corpora"]))
            print_table(columns, lines, title=f"{wording.marked(matrix['recipe'], matrix)}: UAR")
        columns = ("recipe", "corpus", "protocol", "UAR [95 %]", "accuracy", "macro-F1", "parameters", "seconds")
        if rows:
            print_table(columns, rows)
        typer.echo(f"\n{out}.html")
    for failure in result.failures:
        typer.echo(f"emotone: {failure['recipe']} on {failure['corpora']}: {failure['reason']}", err=True)
    if result.failures or any(row["failures"] for row in result.rows):
        raise typer.Exit(1)


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _varied(text: str) -> tuple[str, list[str]]:
    key, equals, values = text.partition("=")
    if not equals or not _listed(values):
        raise RecipeError(f"--vary {text!r}: expected key=value,value, as in data.balance=none,oversample")
    return key, _listed(values)
