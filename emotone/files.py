"""Atomic writes: a file is complete or absent, never half written; and a test of output folders before the work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from uuid import uuid4

from emotone.errors import EmotoneError


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary path next to `path`; renamed to it at the end, removed after an error or Ctrl-C.

    The folder is made if it is missing. If two processes write at once, the last one to finish wins.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(Path(folder) / "a" / "notes.txt") as temporary:
    ...         _ = temporary.write_text("complete")
    ...     [path.name for path in (Path(folder) / "a").iterdir()]
    ['notes.txt']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{uuid4().hex}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def writable_folder(folder: Path) -> None:
    """Test that files can be written to a folder, before the work that fills it; the folder need not exist.

    Raises:
        EmotoneError: it is a file, or it cannot be made or written to; the text states the reason.
    """
    missing: list[Path] = []
    try:
        if folder.exists() and not folder.is_dir():
            raise EmotoneError(f"{folder} is a file; give the name of a folder")
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as handle:
            handle.write(bytes(4096))  # a full disk may still allow an empty file
            handle.flush()
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise EmotoneError(f"{folder}: cannot be written ({reason}); choose another folder") from problem
    finally:
        for path in missing:
            with suppress(OSError, ValueError):
                path.rmdir()
