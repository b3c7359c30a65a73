"""Corpora: facts about each, and a reader from its folder to utterances. One file each."""

from __future__ import annotations

import csv
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Literal

from emotone.audio.folder import sound_files
from emotone.data.utterance import Table, Utterance
from emotone.errors import CorpusError, UnknownName
from emotone.registry import Shelf

shelf = Shelf("emotone.data.corpora", "corpus")

Folds = Literal["leave-one-speaker-out"] | tuple[tuple[str, ...], ...]
"""Test speakers of each fold, by their ids in the corpus (without the corpus name)."""


@dataclass(frozen=True)
class Download:
    """A file to fetch.

    Attributes:
        url: address of the file.
        path: target below the corpus's folder; a zip or tar is unpacked there and then removed.
        checksum: `md5:...` or `sha256:...`; None if none is published.
    """

    url: str
    path: str
    checksum: str | None = None


@dataclass(frozen=True)
class IndexEntry:
    """Facts about one original file (WAV); `seconds` is None if it is unknown."""

    stem: str
    size_bytes: int
    checksum: str
    seconds: float | None = None


class Reader(ABC):
    """Base class of the shelf: a name, and `read`."""

    name: ClassVar[str]
    folds: ClassVar[Folds | None] = None
    """The default protocol; None: group k-fold over the speakers."""

    @abstractmethod
    def read(self, root: Path) -> Table:
        """Every utterance at `root`, sorted by id.

        Raises:
            CorpusError: there are no clips; the message explains how to obtain them.
        """


class Corpus(Reader):
    """Base class of published corpora: facts as class attributes, and `parse`.

    A subclass sets every attribute below and parses the path of one file into one utterance. The file's extension and
    the folders above it do not matter unless the corpus stores information in them.
    """

    title: ClassVar[str]
    language: ClassVar[str]
    licence: ClassVar[str]
    citation: ClassVar[str]
    homepage: ClassVar[str]
    obtain: ClassVar[str]
    """How to obtain it, in one or two sentences for users."""
    clips: ClassVar[int]
    speakers: ClassVar[int]
    classes: ClassVar[Mapping[str, int]]
    """Canonical emotion -> clips, as published."""
    folds: ClassVar[Folds]

    @abstractmethod
    def parse(self, path: Path) -> Utterance | None:
        """The utterance of this file, or None if its name is not of this corpus; the file is not opened."""

    def read(self, root: Path) -> Table:
        """Every utterance below `root`, sorted by id; of two files with the same id, the first by path is used.

        Raises:
            CorpusError: the folder does not exist or has no clip of this corpus.
        """
        root = Path(root)
        if not root.is_dir():
            raise CorpusError(f"no folder {root}; {self.name} is expected there. {self.obtain}")
        found: dict[str, Utterance] = {}
        for path in sound_files(root):
            utterance = self.parse(path)
            if utterance is not None:
                found.setdefault(utterance.id, utterance)
        if not found:
            raise CorpusError(f"no clip of {self.name} under {root}. {self.obtain}")
        return Table(found[key] for key in sorted(found))

    def index(self) -> dict[str, IndexEntry]:
        """Id -> facts of every original file; empty if no list was published."""
        listing = files("emotone.data.corpora") / "_index" / f"{self.name}.csv"
        if not listing.is_file():
            return {}
        with listing.open(encoding="utf-8") as handle:
            return {
                row["stem"]: IndexEntry(
                    row["stem"], int(row["bytes"]), row["checksum"], float(row["seconds"]) if row["seconds"] else None
                )
                for row in csv.DictReader(handle)
            }

    def downloads(self) -> Sequence[Download]:
        """Files for `corpora get`; empty if the corpus needs a form or an account."""
        return ()


def make(name: str, **settings: Any) -> Reader:
    """The corpus of this name with these settings.

    Raises:
        UnknownName: there is none.

    >>> make("savee").folds
    'leave-one-speaker-out'
    """
    reader: Reader = shelf.get(name)(**settings)
    return reader


def published(name: str) -> Corpus:
    """The published corpus of this name.

    Raises:
        UnknownName: there is none.
        CorpusError: it is the reader of user tables, which are not published.

    >>> published("ravdess").clips
    1440
    """
    reader = make(name)
    if not isinstance(reader, Corpus):
        known = ", ".join(published_names())
        raise CorpusError(f"{name!r} reads your own data, which is not a published corpus. Published corpora: {known}")
    return reader


def published_names() -> list[str]:
    """Names of the shelf's published corpora, sorted.

    >>> "ravdess" in published_names(), "table" in published_names()
    (True, False)
    """
    return [name for name in shelf.names() if issubclass(shelf.get(name), Corpus)]


def data_folder(data: str | os.PathLike[str] | None) -> Path:
    """The folder with one folder per corpus: `data`, or `$EMOTONE_DATA`, or the current folder."""
    return Path(data or os.environ.get("EMOTONE_DATA") or ".")


def locate(name: str, data: Path, /, **settings: Any) -> tuple[Reader, Path]:
    """The reader of a corpus, and the path to read.

    Args:
        name: a name on the shelf (its folder is `data/name`); `table` (`data` is the table, or its folder); or the
            path of a table or audformat database, as given or below `data`. The corpus name of such a table is its
            file name, unless the setting `corpus` gives another.
        data: the folder with one folder per corpus.
        settings: settings of the corpus.

    Raises:
        UnknownName: neither a corpus nor an existing table.

    >>> locate("savee", Path("corpora"))[1].as_posix()
    'corpora/savee'
    """
    if name == "table":
        return make(name, **settings), data
    if name in shelf.names():
        return make(name, **settings), data / name
    for place in (Path(name), data / name):
        if os.path.isfile(place) or os.path.isfile(place / "db.yaml"):
            return make("table", **{"corpus": place.stem, **settings}), place
    raise UnknownName("corpus or table", name, shelf.names())
