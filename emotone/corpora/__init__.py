"""Corpora: facts about each, and a reader that turns its folder into utterances. One file each."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import ClassVar, Literal

from emotone.audio import EXTENSIONS
from emotone.errors import CorpusError
from emotone.registry import Shelf
from emotone.utterance import Table, Utterance

shelf = Shelf("emotone.corpora", "corpus")


@dataclass(frozen=True)
class Archive:
    """A file to download: where from, its checksum (`md5:...` or `sha256:...`; None where none is published)."""

    url: str
    checksum: str | None = None


@dataclass(frozen=True)
class IndexEntry:
    """What the distribution says of one of its files; the fields it does not state are None."""

    stem: str
    size_bytes: int
    checksum: str
    seconds: float | None = None


class Corpus:
    """The contract of the shelf: facts as class attributes, and `parse`.

    A subclass states every fact below and turns one file into one utterance. The file's extension and the
    folders above it do not matter unless the corpus keeps information in them.
    """

    name: ClassVar[str]
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
    folds: ClassVar[Literal["leave-one-speaker-out"] | tuple[tuple[str, ...], ...]]
    """Test speakers of each fold under the default protocol, as the corpus names them (without the corpus)."""
    downloads: ClassVar[tuple[Archive, ...]] = ()
    """What `corpora get` fetches; empty where a form or an account stands before it."""

    def parse(self, path: Path) -> Utterance | None:
        """The utterance of this file, or None when the name is not of this corpus."""
        raise NotImplementedError

    def read(self, root: Path) -> Table:
        """Every utterance below `root`, sorted by id.

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
        """Stem -> facts of every file as distributed; empty where no list was published."""
        listing = files("emotone.corpora") / "_index" / f"{self.name}.csv"
        if not listing.is_file():
            return {}
        with listing.open(encoding="utf-8") as handle:
            return {
                row["stem"]: IndexEntry(
                    row["stem"], int(row["bytes"]), row["checksum"], float(row["seconds"]) if row["seconds"] else None
                )
                for row in csv.DictReader(handle)
            }


def sound_files(root: Path) -> Iterator[Path]:
    """Every sound file below a folder, in a fixed order; hidden files and folders are passed over."""
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root).parts
        if path.suffix.lower() in EXTENSIONS and not any(part.startswith((".", "__MACOSX")) for part in relative):
            yield path
