"""Feature cache: blocks on disk, found by content, complete or absent."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from emotone.features import Values
from emotone.files import atomic_write

_LEFT_OVER_S = 86_400  # a temporary file this old belongs to a process that was killed


def folder() -> Path:
    """Where features are kept: `$EMOTONE_CACHE`, or `emotone` in the user's cache folder."""
    return Path(os.environ.get("EMOTONE_CACHE") or Path.home() / ".cache" / "emotone")


def save(path: Path, values: Sequence[Values], about: dict[str, Any]) -> None:
    """Write a block; the file with the lengths is written last and marks the block as complete."""
    with atomic_write(path.with_suffix(".npy")) as temporary, temporary.open("wb") as file:
        np.save(file, np.concatenate(values))
    with atomic_write(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps({**about, "lengths": [len(value) for value in values]}), encoding="utf-8")


def load(path: Path, clips: int) -> list[Values] | None:
    """The features of a block, memory-mapped; None unless the block is complete."""
    try:
        lengths = json.loads(path.with_suffix(".json").read_bytes())["lengths"]
        values = np.asarray(np.load(path.with_suffix(".npy"), mmap_mode="r"))
    except (OSError, EOFError, ValueError, KeyError):
        return None
    ends = np.cumsum(lengths).tolist()
    if len(lengths) != clips or ends[-1] != len(values):
        return None
    return [values[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def sweep(folder: Path) -> None:
    """Remove temporary files of killed processes."""
    for left in folder.glob("*.tmp"):
        try:
            if time.time() - left.stat().st_mtime > _LEFT_OVER_S:
                left.unlink()
        except FileNotFoundError:  # another process was faster
            continue


def contents_of(files: Sequence[Path]) -> dict[Path, str]:
    """File -> hash of its bytes; `not readable` for a file that cannot be opened."""

    def content(file: Path) -> str:
        try:
            facts = file.stat()
            return _hash(file, facts.st_size, facts.st_mtime_ns)
        except OSError:
            return "not readable"

    unique = list(dict.fromkeys(files))
    with ThreadPoolExecutor() as pool:
        return dict(zip(unique, pool.map(content, unique), strict=True))


@lru_cache(maxsize=1 << 17)
def _hash(file: Path, size_bytes: int, changed_ns: int) -> str:
    """Hash of the bytes; size and time of change are arguments so that a changed file is read again."""
    return blake2b(file.read_bytes(), digest_size=16).hexdigest()
