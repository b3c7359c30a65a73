"""Command line: every file of this folder is a command; each command is one call of the Python API."""

from __future__ import annotations

import os
import pkgutil
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

import typer

from emotone.cli.output import prepare_streams
from emotone.errors import EmotoneError

app = typer.Typer(
    name="emotone",
    help="Speech emotion recognition: predict, train, compare under speaker-independent folds.",
    epilog=(
        "Environment variables: EMOTONE_DATA, folder of the corpora (as --data); EMOTONE_CACHE, folder of computed "
        "features (default: emotone in $XDG_CACHE_HOME or ~/.cache); EMOTONE_VOICES, folder of the voice profiles "
        "(default: emotone/voices in $XDG_DATA_HOME or ~/.local/share); EMOTONE_DOMAINS, folder of the domain profiles "
        "(default: emotone/domains there)."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for file in pkgutil.iter_modules(__path__):
    if file.name != "output":
        import_module(f"emotone.cli.{file.name}").add_to(app)


def main() -> None:
    """Run the command; an `EmotoneError` and an `OSError` become one line and exit status 2 (130 after Ctrl-C)."""
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")  # waiting threads yield to other processes
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # the search for plugins takes a tenth of a prediction
    prepare_streams()
    try:
        app()
    except EmotoneError as problem:
        _end(str(problem), 130 if type(problem).__name__ == "Interrupted" else 2)
    except KeyboardInterrupt:
        _end("stopped", 130)
    except MemoryError:
        _end("not enough memory", 2)
    except OSError as problem:  # a full disk, a standard output that is full or closed
        _end(f"{problem.filename or 'reading or writing failed'}: {problem.strerror or problem}", 2)


def _end(message: str, status: int) -> NoReturn:
    """Print a line on standard error and exit; what standard output still holds is dropped if it cannot be written."""
    with suppress(OSError):
        typer.echo(f"emotone: {message}", err=True)
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(status)
