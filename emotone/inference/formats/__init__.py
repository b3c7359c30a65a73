"""Files that predictions are written to. One file per format; the name of the output file chooses it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from emotone.errors import EmotoneError
from emotone.files import atomic_write
from emotone.inference.prediction import Prediction
from emotone.registry import Shelf

shelf = Shelf("emotone.inference.formats", "format")
TEXT: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}
"""How text files are opened; bytes of names that are not UTF-8 are escaped."""


class Format(ABC):
    """The contract of the shelf: the extension, and how predictions are written.

    Attributes:
        suffix: of the files, in small letters.
        several: whether a file holds any number of recordings; otherwise one, with its segments.
        folder: whether it is a folder; `write` then completes one file after the other.
    """

    suffix: ClassVar[str]
    several: ClassVar[bool] = False
    folder: ClassVar[bool] = False

    @abstractmethod
    def write(
        self, path: Path, predictions: Sequence[Prediction], failures: Sequence[Mapping[str, str]], *, segments: bool
    ) -> None:
        """Write the file.

        Args:
            path: of the file or folder; what exists is replaced.
            predictions: one if not `several`.
            failures: `file` and `error` of each recording without a prediction; left out by formats of one recording.
            segments: a row for each segment in place of each recording, in tables.
        """


def of(path: str | os.PathLike[str]) -> Format:
    """The format of a file, by its extension.

    Raises:
        EmotoneError: there is none.
        MissingExtra: it needs a package that is absent.

    >>> of("calls.CSV").suffix
    '.csv'
    """
    suffix = Path(path).suffix.lower()
    formats: list[type[Format]] = [shelf.get(name) for name in shelf.names()]
    if found := next((item for item in formats if item.suffix == suffix), None):
        return found()
    known = ", ".join(sorted(item.suffix for item in formats))
    raise EmotoneError(f"{os.fspath(path)}: cannot write {suffix or 'a file without an ending'}; use one of {known}")


def write(
    path: str | os.PathLike[str],
    predictions: Sequence[Prediction],
    failures: Sequence[Mapping[str, str]] = (),
    *,
    segments: bool = False,
) -> None:
    """Write predictions to a file; it is complete or absent.

    Args:
        path: its extension chooses the format.
        predictions, failures, segments: as in `Format.write`.

    Raises:
        EmotoneError: no such format, or one of a single recording for several.
        OSError: the file cannot be written.
    """
    form = of(path)
    check_number(path, form, len(predictions))
    if form.folder:
        form.write(Path(path), predictions, failures, segments=segments)
        return
    with atomic_write(Path(path)) as temporary:
        form.write(temporary, predictions, failures, segments=segments)


def check_number(path: str | os.PathLike[str], form: Format, recordings: int) -> None:
    """Raise an EmotoneError if a format of one recording is to hold several."""
    if not form.several and recordings > 1:
        known = ", ".join(item.suffix for item in map(shelf.get, shelf.names()) if item.several)
        raise EmotoneError(
            f"{os.fspath(path)}: {form.suffix} holds one recording, {recordings} came; use one of {known}, or "
            f"a folder: -o FOLDER --format {form.suffix[1:]}"
        )
