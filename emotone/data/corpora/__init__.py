"""Corpora: facts about each, and a reader that turns its folder into utterances. One file each."""

from __future__ import annotations

import csv
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Literal

from emotone.audio.read import EXTENSIONS
from emotone.data.utterance import Table, Utterance
from emotone.errors import CorpusError, UnknownName
from emotone.registry import Shelf

shelf = Shelf("emotone.data.corpora", "corpus")

Folds = Literal["leave-one-speaker-out"] | tuple[tuple[str, ...], ...]
"""Test speakers of each fold, as the corpus names them (without the corpus)."""


@dataclass(frozen=True)
class Download:
    """A file to fetch.

    Attributes:
        url: where it is.
        path: where it goes below the corpus's folder; a zip or tar is unpacked there and then removed.
        checksum: `md5:...` or `sha256:...`; None where none is published.
    """

    url: str
    path: str
    checksum: str | None = None


@dataclass(frozen=True)
class IndexEntry:
    """What is known of one file as distributed (WAV); `seconds` is None where nobody measured it."""

    stem: str
    size_bytes: int
    checksum: str
    seconds: float | None = None


class Reader(ABC):
    """The least the shelf asks for: a name, and `read`."""

    name: ClassVar[str]
    folds: ClassVar[Folds | None] = None
    """The default protocol; None where none is agreed on: group k-fold over the speakers."""

    @abstractmethod
    def read(self, root: Path) -> Table:
        """Every utterance at `root`, sorted by id.

        Raises:
            CorpusError: nothing is there; the text says how to get it.
        """


class Corpus(Reader):
    """The contract of a published corpus: facts as class attributes, and `parse`.

    A subclass states every fact below and turns one file into one utterance. The file's extension and the
    folders above it do not matter unless the corpus keeps information in them.
    """

    title: ClassVar[str]
    language: ClassVar[str]
    licence: ClassVar[str]
    citation: ClassVar[str]
    homepage: ClassVar[str]
    obtain: ClassVar[str]
    """Exactly what to do to get it, for people; one or two sentences."""
    clips: ClassVar[int]
    speakers: ClassVar[int]
    classes: ClassVar[Mapping[str, int]]
    """Canonical emotion -> clips, as published."""
    folds: ClassVar[Folds]

    @abstractmethod
    def parse(self, path: Path) -> Utterance | None:
        """The utterance of this file, or None when the name is not of this corpus; the file is not opened."""

    def read(self, root: Path) -> Table:
        """Every utterance below `root`, sorted by id; of two files with one id the first by path counts.

        Raises:
            CorpusError: the folder is absent, or holds no clip of this corpus.
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
        """Id -> facts of every file as distributed; empty where no list was published."""
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
        """What `corpora get` fetches; empty where a form or an account stands before it."""
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
    """The corpus of this name, with facts to hold a folder against.

    Raises:
        UnknownName: there is none.
        CorpusError: it is a reader of people's own tables, of which nothing is published.

    >>> published("ravdess").clips
    1440
    """
    reader = make(name)
    if not isinstance(reader, Corpus):
        known = ", ".join(published_names())
        raise CorpusError(f"{name!r} reads your own data; no facts are published of it. Published corpora: {known}")
    return reader


def published_names() -> list[str]:
    """Names of the shelf's published corpora, sorted.

    >>> "ravdess" in published_names(), "table" in published_names()
    (True, False)
    """
    return [name for name in shelf.names() if issubclass(shelf.get(name), Corpus)]


def data_folder(data: str | os.PathLike[str] | None) -> Path:
    """The folder that holds one folder per corpus: `data`, or `$EMOTONE_DATA`, or the current one."""
    return Path(data or os.environ.get("EMOTONE_DATA") or ".")


def locate(name: str, data: Path, **settings: Any) -> tuple[Reader, Path]:
    """The reader of a corpus and where its clips are to be looked for.

    Args:
        name: a name on the shelf (its folder is `data/name`); `table` (`data` itself is the table, or holds it);
            or the path of a table or audformat database, as it stands or below `data`. The clips of such a
            table go by its file name unless the setting `corpus` says otherwise.
        data: the folder that holds one folder per corpus.
        settings: those of the corpus.

    Raises:
        UnknownName: neither a corpus nor a table that is there.

    >>> locate("savee", Path("corpora"))[1].as_posix()
    'corpora/savee'
    """
    if name == "table":
        return make(name, **settings), data
    if name in shelf.names():
        return make(name, **settings), data / name
    for place in (Path(name), data / name):
        if place.is_file() or (place / "db.yaml").is_file():
            return make("table", **{"corpus": place.stem, **settings}), place
    raise UnknownName("corpus or table", name, shelf.names())


def sound_files(root: Path) -> Iterator[Path]:
    """Every sound file below a folder, in a fixed order; hidden files and folders are passed over."""
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root).parts
        if path.suffix.lower() in EXTENSIONS and not any(part.startswith((".", "__MACOSX")) for part in relative):
            yield path
