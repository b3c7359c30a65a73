"""What every command prints with: tables for people, JSON for programs, bars on standard error."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from emotone.experiments.train import Step

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Data = Annotated[
    str | None,
    typer.Option("--data", envvar="EMOTONE_DATA", help="Folder with one folder per corpus, named as the corpus."),
]
Set = Annotated[list[str] | None, typer.Option("--set", help="Override a setting: training.epochs=5. Repeatable.")]

_WIDTH = 200  # of a table that no terminal shows


def print_json(content: Any) -> None:
    """JSON on standard output, readable by people too."""
    typer.echo(json.dumps(content, indent=1, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str | None = None) -> None:
    """A table on standard output; numbers stand to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    number = [
        bool(rows) and all(row[place].strip()[:1] in set("0123456789-+") for row in cells)
        for place in range(len(columns))
    ]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    most = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH
    plain = all(cell.isascii() and cell.isprintable() for row in cells for cell in row)
    if title or not plain or sum(widths) + 2 * (len(widths) - 1) > most:
        _print_laid_out(columns, cells, number, title)
        return
    pads = [str.rjust if right else str.ljust for right in number]
    lines = [
        "  ".join(pad(cell, width) for pad, cell, width in zip(pads, row, widths, strict=True))
        for row in (columns, *cells)
    ]
    typer.echo("\n".join([typer.style(lines[0], bold=True), *lines[1:]]))


def _print_laid_out(
    columns: Sequence[str], cells: Sequence[Sequence[str]], number: Sequence[bool], title: str | None
) -> None:
    """By rich, which folds what is too wide and knows wide letters, and takes long to import."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(soft_wrap=False)
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column, right in zip(columns, number, strict=True):
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table)


@contextmanager
def training_bar() -> Iterator[Callable[[str], Callable[[Step], None]]]:
    """A bar over folds and epochs on standard error; give it a title, get the `on_step` of a training."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[now]}"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:

        def begin(title: str) -> Callable[[Step], None]:
            for old in progress.task_ids:
                progress.remove_task(old)
            task = progress.add_task(title, total=None, now="reading")

            def on_step(step: Step) -> None:
                part = step.epoch.epoch / step.epochs if step.epoch else 0.0
                now = f"fold {step.fold + 1} of {step.folds}"
                if step.epoch:
                    uar = step.epoch.development_uar  # none of a fit that learns development clips, too
                    now += f", epoch {step.epoch.epoch}"
                    now += ", learning all clips" if math.isnan(uar) else f", development UAR {uar:.3f}"
                progress.update(task, total=step.folds, completed=step.fold + part, now=now)

            return on_step

        yield begin
