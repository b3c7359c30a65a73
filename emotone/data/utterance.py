"""Utterance (one clip of one speaker), and the table of utterances that every step uses."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from emotone.errors import LengthMismatch, TableError


@dataclass(frozen=True)
class Utterance:
    """One clip with all metadata of its corpus.

    Attributes:
        corpus: name of the corpus, as on the shelf.
        id: unique within the corpus; stable across encodings and folder layouts.
        file: path of the audio.
        emotion: canonical name of the acted (or agreed) emotion.
        speaker: `<corpus>/<speaker>`, so that ids of two corpora never coincide.
        sex: `female`, `male` or empty.
        language: ISO 639-1 code, or empty.
        start_s, end_s: the stretch of the file; end_s None means to its end.
        intensity: as named by the corpus (`normal`, `strong`, `LO` ...), or empty.
        sentence: the corpus's id of the spoken text, or empty.
        repetition: the corpus's number of the take, or empty.
        votes: share of listeners per emotion, if the corpus has votes.
        listeners: number of listeners; 0 if the corpus does not state it.
    """

    corpus: str
    id: str
    file: Path
    emotion: str
    speaker: str
    sex: str = ""
    language: str = ""
    start_s: float = 0.0
    end_s: float | None = None
    intensity: str = ""
    sentence: str = ""
    repetition: str = ""
    votes: Mapping[str, float] = field(default_factory=dict)
    listeners: int = 0

    @property
    def key(self) -> str:
        """`<corpus>/<id>`: unique among all corpora."""
        return f"{self.corpus}/{self.id}"


_CSV_COLUMNS = [item.name for item in fields(Utterance) if item.name != "votes"]


class Table(Sequence[Utterance]):
    """Utterances in a fixed order, with columns as arrays. Immutable.

    >>> first = Utterance("x", "1", Path("1.wav"), "sad", "x/a")
    >>> clips = Table([first, Utterance("x", "2", Path("2.wav"), "angry", "x/b")])
    >>> len(clips), clips.column("emotion").tolist(), clips.take([1])[0].id
    (2, ['sad', 'angry'], '2')
    """

    def __init__(self, utterances: Iterable[Utterance]) -> None:
        self._rows = tuple(utterances)
        seen: dict[str, Utterance] = {}
        for row in self._rows:
            if row.key in seen:
                raise TableError(f"{row.key} is listed twice: {seen[row.key].file} and {row.file}; ids must be unique")
            seen[row.key] = row

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self._rows)

    @overload
    def __getitem__(self, index: int) -> Utterance: ...
    @overload
    def __getitem__(self, index: slice) -> Table: ...
    def __getitem__(self, index: int | slice) -> Utterance | Table:
        return Table(self._rows[index]) if isinstance(index, slice) else self._rows[index]

    def __add__(self, other: Table) -> Table:
        return Table([*self, *other])

    def take(self, index: Iterable[int] | NDArray[Any]) -> Table:
        """The rows at these positions, or where a boolean mask is true.

        Raises:
            LengthMismatch: the mask is longer or shorter than the table.
        """
        positions = np.asarray(list(index) if not isinstance(index, np.ndarray) else index)
        if positions.dtype == bool:
            if len(positions) != len(self):
                raise LengthMismatch("the mask", len(positions), "the table", len(self))
            positions = np.flatnonzero(positions)
        return Table(self._rows[int(i)] for i in positions)

    def column(self, name: str) -> NDArray[Any]:
        """(clips,) one attribute of every utterance."""
        return np.array([getattr(row, name) for row in self._rows], dtype=str if name != "start_s" else float)

    def corpora(self) -> list[str]:
        """Names of the corpora in the table, in order of appearance."""
        return list(dict.fromkeys(row.corpus for row in self._rows))

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write one row per utterance; the columns are the attributes (votes as `vote_<emotion>`)."""
        voted = sorted({emotion for row in self._rows for emotion in row.votes})
        with Path(path).open("w", newline="", encoding="utf-8", errors="surrogateescape") as handle:
            writer = csv.writer(handle)
            writer.writerow([*_CSV_COLUMNS, *(f"vote_{emotion}" for emotion in voted)])
            for row in self._rows:
                cells = ["" if (value := getattr(row, name)) is None else value for name in _CSV_COLUMNS]
                writer.writerow([*cells, *(row.votes.get(emotion, "") for emotion in voted)])

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str]) -> Table:
        """Read a file of `to_csv`, in its order; the audio files are not looked for.

        Raises:
            TableError: it is not such a file.
        """
        try:
            with Path(path).open(newline="", encoding="utf-8", errors="surrogateescape") as handle:
                return cls(_utterance(cells) for cells in csv.DictReader(handle))
        except (
            OSError,
            KeyError,
            ValueError,
            TypeError,
            AttributeError,
            csv.Error,
        ) as problem:  # cells too few or many
            raise TableError(f"{path}: not a table written by emotone ({problem!r})") from problem


def _utterance(cells: Mapping[str, str]) -> Utterance:
    """The utterance of one row."""
    if "\0" in cells["file"]:
        raise ValueError("a file name with a NUL byte")
    numbers = ("start_s", "end_s", "listeners")
    text = {name: cells[name] for name in _CSV_COLUMNS if name not in ("file", *numbers)}
    votes = {name[5:]: float(share) for name, share in cells.items() if name.startswith("vote_") and share}
    end_s = float(cells["end_s"]) if cells["end_s"] else None
    return Utterance(
        **text,
        file=Path(cells["file"]),
        start_s=float(cells["start_s"]),
        end_s=end_s,
        votes=votes,
        listeners=int(cells["listeners"]),
    )
