"""Command line: every file of this folder is a command; each command is one call of the Python API."""

from __future__ import annotations

import os
import pkgutil
import sys
from importlib import import_module

import typer

from emotone.errors import EmotoneError

app = typer.Typer(
    name="emotone",
    help="Speech emotion recognition: predict, train, compare under speaker-independent folds.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for file in pkgutil.iter_modules(__path__):
    if file.name != "output":
        import_module(f"emotone.cli.{file.name}").add_to(app)


def main() -> None:
    """Run the command; an `EmotoneError` becomes one line and exit status 2 (130 after Ctrl-C)."""
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")  # waiting threads yield to other processes
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # the search for plugins takes a tenth of a prediction
    try:
        app()
    except EmotoneError as problem:
        typer.echo(f"emotone: {problem}", err=True)
        sys.exit(130 if type(problem).__name__ == "Interrupted" else 2)
    except KeyboardInterrupt:
        typer.echo("emotone: stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:  # `emotone ... | head`
        sys.stderr.close()
        sys.exit(0)
