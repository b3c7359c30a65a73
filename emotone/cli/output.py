"""Output of every command: tables for people, JSON for programs, progress bars on standard error."""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from emotone.data.progress import Progress, no_progress
from emotone.errors import EmotoneError
from emotone.files import writable_folder

if TYPE_CHECKING:
    from emotone.experiments.train import Step

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Data = Annotated[
    str | None,
    typer.Option("--data", envvar="EMOTONE_DATA", help="Folder with one folder per corpus, named as the corpus."),
]
Set = Annotated[list[str] | None, typer.Option("--set", help="Override a setting: training.epochs=5. Repeatable.")]

_WIDTH = 200  # of a table, where standard output is not a terminal
_SHORT_S = 0.5


def prepare_streams() -> None:
    """Make standard input, output and error usable: reopened if they are closed, letters escaped that they lack.

    Files that are opened later would otherwise have the number of a closed stream. A closed standard output is reopened
    so that writing to it fails.
    """
    for number, (name, mode) in enumerate((("stdin", os.O_RDONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY))):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115 (it stays open)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    _silence_libraries()


def _silence_libraries() -> None:
    """Keep what C libraries print on standard error away from it: libmpg123 prints lines for each damaged frame.

    Python writes to a copy of the stream. Where emotone stops, the message is an exception's, which Python prints.
    """
    if not isinstance(sys.stderr, io.TextIOWrapper) or sys.stderr.fileno() != 2:
        return
    encoding, errors = sys.stderr.encoding, sys.stderr.errors
    sys.stderr.flush()
    sys.stderr = open(os.dup(2), "w", buffering=1, encoding=encoding, errors=errors)  # noqa: SIM115 (it stays open)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def check_stdout() -> None:
    """Raise an `EmotoneError` if standard output is closed, or is a device that is full."""
    try:
        number = sys.stdout.fileno()
    except (AttributeError, io.UnsupportedOperation):  # replaced by an object without a number
        return
    try:
        os.write(number, b"")
    except OSError as problem:
        raise EmotoneError(f"standard output cannot be written ({problem.strerror})") from problem


def writable_output(path: Path, *, ending: str = "", folder: bool = False, parents: bool = False) -> Path:
    """The path of an output, after a test that it can be written; for the beginning of a command.

    Args:
        path: given by the user.
        ending: appended to a file name with another ending.
        folder: the output is a folder, which is made when it is needed, with the folders above it.
        parents: missing folders above a file are made when it is written; otherwise they are an error.

    Raises:
        EmotoneError: it cannot be written.
    """
    if ending and path.name and path.suffix.lower() != ending:
        path = path.with_name(path.name + ending)
    try:
        if folder:
            writable_folder(path)
        elif parents and not path.parent.exists():
            writable_folder(path.parent)
        else:
            _test_file(path)
    except OSError as problem:
        raise EmotoneError(f"{path}: cannot be written ({problem.strerror or problem})") from problem
    return path


def _test_file(path: Path) -> None:
    if path.is_dir():
        raise EmotoneError(f"{path} is a folder; give the name of a file")
    if path.exists() and not path.is_file():
        raise EmotoneError(f"{path} is not a regular file; give another name")
    if path.exists() and not os.access(path, os.W_OK):
        raise EmotoneError(f"{path} is read-only; give another name")
    if not path.parent.exists():
        raise EmotoneError(f"{path}: there is no folder {path.parent}; make it first")
    probe = path.with_name(f"{path.name}.{uuid4().hex}.tmp")  # as long a name as `atomic_write` needs
    try:
        probe.touch()
    finally:
        probe.unlink(missing_ok=True)


def print_json(content: Any, *, indent: bool = True) -> None:
    """JSON on standard output, indented or in one line; letters that the stream's encoding lacks are escaped."""
    lines = 1 if indent else None
    text = json.dumps(content, indent=lines, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(content, indent=lines)
    typer.echo(text)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str | None = None) -> None:
    """A table on standard output; numbers are aligned to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    number = [
        bool(rows) and all(row[place].strip()[:1] in set("0123456789-+") for row in cells)
        for place in range(len(columns))
    ]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    most = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH
    plain = all(cell.isascii() and cell.isprintable() for row in cells for cell in row)
    if title or not plain or sum(widths) + 2 * (len(widths) - 1) > most:
        _print_by_rich(columns, cells, number, title)
        return
    pads = [str.rjust if right else str.ljust for right in number]
    lines = [
        "  ".join(pad(cell, width) for pad, cell, width in zip(pads, row, widths, strict=True))
        for row in (columns, *cells)
    ]
    typer.echo("\n".join([typer.style(lines[0], bold=True), *lines[1:]]))


def _print_by_rich(
    columns: Sequence[str], cells: Sequence[Sequence[str]], number: Sequence[bool], title: str | None
) -> None:
    """By rich, which wraps wide cells and measures wide letters, and takes long to import."""
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
def progress_bars() -> Iterator[Progress]:
    """A callback that draws a progress bar on standard error; nothing where that is not a terminal.

    The bar shows the last report and is removed at the end. Work of less than `_SHORT_S` has none, so that rich, which
    takes long to import, is not needed for it.
    """
    if not sys.stderr.isatty():
        yield no_progress
        return
    started = time.monotonic()
    with ExitStack() as stack:
        task: list[Any] = []  # (bars, number) from the first report on that is drawn

        def show(description: str, done: int, total: int, /) -> None:
            if not task:
                if time.monotonic() - started < _SHORT_S:
                    return
                from rich.console import Console
                from rich.progress import Progress as Bars

                bars = stack.enter_context(Bars(console=Console(stderr=True), transient=True))
                task.extend((bars, bars.add_task(description)))
            bars, number = task
            bars.update(number, description=description, completed=done, total=total)

        yield show


def training_progress(progress: Progress, title: str) -> Callable[[Step], None]:
    """The `on_step` of a training that reports folds and epochs to a progress callback."""

    def on_step(step: Step) -> None:
        description, epochs = f"{title}: fold {step.fold + 1} of {step.folds}", max(step.epochs, 1)
        if step.epoch:
            uar = step.epoch.development_uar  # NaN if the fit uses the development clips, too
            score = "training on all clips" if math.isnan(uar) else f"development UAR {uar:.3f}"
            description += f", epoch {step.epoch.epoch}, {score}"
        progress(description, step.fold * epochs + (step.epoch.epoch if step.epoch else 0), step.folds * epochs)

    return on_step
