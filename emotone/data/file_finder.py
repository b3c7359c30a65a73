"""Files that a table names, also if the table was written on another system."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath


class FileFinder:
    """Finds the files of a table in some folders.

    A path is first tried as written. If there is no such file, backslashes count as slashes, and the case and the
    Unicode form of names may differ, as long as only one file fits.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (Path(folder) / "wav").mkdir()
    ...     (Path(folder) / "wav" / "a.wav").touch()
    ...     FileFinder([Path(folder)]).find("Wav\\\\A.WAV").relative_to(folder).as_posix()
    'wav/a.wav'
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._listings: dict[Path, dict[str, list[str]]] = {}

    def find(self, written: str) -> Path | None:
        """The path of a file, or None; a file in a folder that must not be entered counts as found.

        What cannot be read is then the failure of one clip, as a damaged file is.
        """
        for folder in self._folders:
            for name in dict.fromkeys((written, written.replace("\\", "/"))):
                if _is_file(folder / name):
                    return folder / name
        for folder in self._folders:
            path = self._similar(folder, written.replace("\\", "/"))
            if path is not None:
                return path
        return None

    def _similar(self, folder: Path, name: str) -> Path | None:
        """The only file whose path differs in nothing but case and Unicode form."""
        path = Path(folder.anchor) if name.startswith("/") else folder
        for part in name.split("/"):
            if part in ("", "."):
                continue
            if part == ".." or os.path.lexists(path / part):
                path = path / part
                continue
            fitting = self._listing(path).get(_plain(part), [])
            if len(fitting) != 1:
                return None
            path = path / fitting[0]
        return path if os.path.isfile(path) else None

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        if folder not in self._listings:
            names: dict[str, list[str]] = {}
            try:
                for name in os.listdir(folder):
                    names.setdefault(_plain(name), []).append(name)
            except (OSError, ValueError):  # not a folder, or not readable
                pass
            self._listings[folder] = names
        return self._listings[folder]


def hint(written: Sequence[str]) -> str:
    """What may be wrong with paths that were not found; empty if nothing is known."""
    if any(PureWindowsPath(path).drive for path in written) and os.name != "nt":
        return "; these are absolute Windows paths: write them relative to the folder of the table"
    if any("\\" in path for path in written) and os.name != "nt":
        return "; the table has Windows paths, whose backslashes were tried as slashes, too"
    if any(Path(path).is_absolute() for path in written):
        return "; absolute paths fail on another machine: write them relative to the folder of the table"
    return ""


def identity(path: Path) -> tuple[object, ...]:
    """A value that is equal for all names of one file: `a.wav`, `./a.wav`, links, other case where case is ignored."""
    try:
        facts = os.stat(path)
    except OSError:
        return (os.path.realpath(path),)
    except ValueError:  # no file has such a name
        return (str(path),)
    return (facts.st_dev, facts.st_ino) if facts.st_ino else (os.path.realpath(path),)


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
