"""Atomic writes: a file is complete or absent, never half written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


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
