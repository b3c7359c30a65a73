"""Sound files below a folder, without the companion files that operating systems leave there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from emotone.audio.read import EXTENSIONS, name_of
from emotone.errors import AudioError

_SYSTEM_FOLDERS = frozenset({"__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information"})


def sound_files(root: str | os.PathLike[str], failures: dict[str, AudioError] | None = None) -> Iterator[Path]:
    """Every sound file below a folder, by its extension, sorted by path.

    Hidden files and folders (`._clip.wav`, `.DS_Store`) and those of operating systems (`__MACOSX`, `@eaDir`) are
    passed over. Links to files are followed, links to folders are not.

    Args:
        root: the folder.
        failures: collects folder -> error for each folder that cannot be entered; without it, the first is raised.

    Raises:
        AudioError: a folder cannot be entered.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for name in ("b.WAV", "a.flac", "._a.flac", "notes.txt"):
    ...         Path(root, name).touch()
    ...     [path.name for path in sound_files(root)]
    ['a.flac', 'b.WAV']
    """
    found: list[Path] = []

    def fail(problem: OSError) -> None:
        place = os.fsdecode(problem.filename or root)
        error = AudioError(f"{name_of(place)}: the folder cannot be entered ({problem.strerror or problem})")
        if failures is None:
            raise error from problem
        failures[place] = error

    for folder, folders, names in os.walk(root, onerror=fail):
        folders[:] = [name for name in folders if not _passed_over(name)]
        found += [Path(folder, name) for name in names if not _passed_over(name) and _is_sound(folder, name)]
    yield from sorted(found)


def _passed_over(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM_FOLDERS


def _is_sound(folder: str, name: str) -> bool:
    """Whether it is a file by the name of a sound file; a broken link is, a pipe is not."""
    if os.path.splitext(name)[1].lower() not in EXTENSIONS:
        return False
    path = os.path.join(folder, name)
    return os.path.isfile(path) or os.path.islink(path)
