"""Feature cache: blocks on disk, found by content, complete or absent."""

from __future__ import annotations

import json
import logging
import os
import tempfile
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

_LOG = logging.getLogger("emotone")
_TYPES = (np.float32, np.float16)
_LEFT_OVER_S = 86_400  # a temporary file this old belongs to a process that was killed


def folder() -> Path | None:
    """The folder of the cache: `$EMOTONE_CACHE`, else `emotone` in `$XDG_CACHE_HOME`, else in `~/.cache`.

    None if there is no home folder; features are then computed without a cache, and a warning is logged once.
    """
    if named := os.environ.get("EMOTONE_CACHE"):
        return Path(named).absolute()
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        warn_without("there is no home folder")
        return None
    return Path(base).absolute() / "emotone"


def usable(folder: Path) -> bool:
    """Whether files can be written to the folder, which is created if absent; otherwise a warning is logged once."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        warn_without(f"{folder} cannot be written ({reason})")
        return False


@lru_cache(maxsize=32)
def warn_without(reason: str) -> None:
    """Log once per reason that features are not kept."""
    _LOG.warning(
        "emotone: features are computed but not cached: %s; EMOTONE_CACHE names another folder for them", reason
    )


def save(path: Path, values: Sequence[Values], about: dict[str, Any]) -> None:
    """Write a block; the file with the lengths is written last and marks the block as complete."""
    with atomic_write(path.with_suffix(".npy")) as temporary, temporary.open("wb") as file:
        np.save(file, np.concatenate(values))
    with atomic_write(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps({**about, "lengths": [len(value) for value in values]}), encoding="utf-8")


def load(path: Path, clips: int) -> list[Values] | None:
    """The features of a block, memory-mapped, in the precision they were saved in; None unless it is complete."""
    try:
        lengths = [int(length) for length in json.loads(path.with_suffix(".json").read_bytes())["lengths"]]
        values = np.asarray(np.load(path.with_suffix(".npy"), mmap_mode="r"))
        ends = np.cumsum(lengths).tolist()
        if len(lengths) != clips or min(lengths) < 0 or ends[-1] != len(values) or values.dtype not in _TYPES:
            return None
    except Exception:  # whatever numpy and json raise of a damaged file: the block is computed again
        return None
    return [values[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def sweep(folder: Path) -> None:
    """Remove temporary files of killed processes."""
    for left in folder.glob("*.tmp"):
        try:
            if time.time() - left.stat().st_mtime > _LEFT_OVER_S:
                left.unlink()
        except OSError:  # another process was faster, or the file is of another user
            continue


def contents_of(files: Sequence[Path]) -> dict[Path, str]:
    """File -> hash of its bytes; `not readable` for a file that cannot be opened."""

    def content(file: Path) -> str:
        try:
            facts = file.stat()
            return _hash(file, facts.st_size, facts.st_mtime_ns)
        except (OSError, ValueError):  # ValueError: a null byte in the name
            return "not readable"

    unique = list(dict.fromkeys(files))
    with ThreadPoolExecutor() as pool:
        return dict(zip(unique, pool.map(content, unique), strict=True))


@lru_cache(maxsize=1 << 17)
def _hash(file: Path, size_bytes: int, changed_ns: int) -> str:
    """Hash of the bytes; size and time of change are arguments so that a changed file is read again."""
    return blake2b(file.read_bytes(), digest_size=16).hexdigest()
