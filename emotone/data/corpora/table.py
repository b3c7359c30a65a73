"""User tables: a CSV with one row per clip, or an audformat database."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from emotone.audio import read as audio
from emotone.data import utterance
from emotone.data.cells import Row, number, optional, require, stretch
from emotone.data.corpora import Reader
from emotone.data.corpora._audformat import audformat_rows
from emotone.data.csv_rows import csv_rows
from emotone.data.file_finder import FileFinder, hint, identity
from emotone.data.labels import canonical
from emotone.data.speaker_ids import one_number
from emotone.data.utterance import Utterance
from emotone.errors import CorpusError, EmotoneError, TableError

_NEEDED = {
    "file": "the path of the audio file, relative to the table",
    "speaker": "who speaks. Without it no honest split can be made; if no speaker has two clips, repeat the file name",
    "emotion": "the emotion, by any of its usual names",
}
_OTHER_NAMES = {"start": "start_s", "end": "end_s", "gender": "sex"}
_SEXES = {"female": "female", "f": "female", "male": "male", "m": "male", "": ""}
_TOLERANCE_S = 0.05  # an end this far past the end of the file is a rounding error


class Table(Reader):
    """A CSV, TSV or audformat database of clips. It is not a published corpus, so it has no facts.

    Required columns: `file`, `speaker` and `emotion`. Optional: `start_s`, `end_s` (or `start`, `end`; in seconds),
    `sex` (or `gender`), `language`, `intensity`, `sentence`, `repetition`, `id` (default: the file as written, followed
    by `@start_s` for a stretch), `corpus`, `vote_<emotion>` (share of the listeners) and `listeners` (their number).
    Other columns are ignored. A file of `utterance.Table.to_csv` is read back exactly.

    Missing values (`nan`, `NA`, `None`, `-`, ...) in a required column are refused, never read as a speaker or an
    emotion. A stretch must lie inside its file. The same clip must not be listed twice, under whatever spelling of its
    path. A speaker `3.0` is read as `3`; other spellings of one person are handled by `emotone.data.speaker_ids`.

    Args:
        corpus: corpus name of the clips if the table has no column `corpus`.
    """

    name = "table"

    def __init__(self, corpus: str = "table") -> None:
        self.corpus = corpus

    def read(self, root: Path) -> utterance.Table:
        """The utterances of a table, sorted by id.

        Args:
            root: a CSV or TSV file, a folder with exactly one, or an audformat database (a folder with `db.yaml`).

        Raises:
            CorpusError: there is no such table.
            TableError: a column, a cell or a file is missing or invalid; the text names column and row.
            MissingExtra: an audformat database without the package audformat.
        """
        root = Path(root)
        rows: list[Row]
        if os.path.isfile(root / "db.yaml"):
            rows, folder = [*audformat_rows(root)], root
        else:
            path = _table_file(root)
            rows, folder = [*csv_rows(path, _NEEDED, _OTHER_NAMES)], path.parent
        if not rows:
            raise TableError(f"{root} has no row; write one per clip")
        require(rows, _NEEDED)
        files = _found_files(root, rows, folder)
        clips = [self._utterance(cells, file, where) for (where, cells), file in zip(rows, files, strict=True)]
        _refuse_same_clip(rows, clips)
        _refuse_past_the_end(rows, clips)
        return utterance.Table(sorted(clips, key=lambda clip: clip.id))

    def _utterance(self, cells: Mapping[str, str], file: Path, where: str) -> Utterance:
        """One row as an utterance; errors begin with `where`."""
        sex = optional(cells, "sex").lower()
        if sex not in _SEXES:
            raise TableError(f"{where}: sex is {sex!r}; female, male or an empty cell is expected")
        start_s, end_s = stretch(cells, where)
        corpus, speaker = optional(cells, "corpus"), one_number(cells["speaker"])
        if not (corpus and "/" in speaker):  # a table with a column corpus may name its speakers in full
            speaker = f"{corpus or self.corpus}/{speaker}"
        written = cells["file"] if os.sep == "\\" or "\\" in file.name else cells["file"].replace("\\", "/")
        shares = {name: number(cells, name, where) for name in cells if name.startswith("vote_")}
        return Utterance(
            corpus=corpus or self.corpus,
            id=optional(cells, "id") or written + (f"@{start_s}" if start_s or end_s is not None else ""),
            file=file,
            emotion=canonical(one_number(cells["emotion"])),
            speaker=speaker,
            sex=_SEXES[sex],
            language=optional(cells, "language"),
            start_s=start_s,
            end_s=end_s,
            intensity=optional(cells, "intensity"),
            sentence=optional(cells, "sentence"),
            repetition=optional(cells, "repetition"),
            votes={name.removeprefix("vote_"): share for name, share in shares.items() if share is not None},
            listeners=int(number(cells, "listeners", where) or 0),
        )


def _table_file(root: Path) -> Path:
    if os.path.isfile(root):
        return root
    tables = sorted(path for path in root.glob("*") if path.suffix.lower() in (".csv", ".tsv"))
    tables = [path for path in tables if not path.name.startswith(".")]  # `._my.csv` of macOS
    if len(tables) != 1:
        what = f"{len(tables)} tables ({', '.join(path.name for path in tables)})" if tables else "no table"
        raise CorpusError(f"{what} at {root}; name one CSV with the columns {', '.join(_NEEDED)}")
    return tables[0]


def _found_files(root: Path, rows: Sequence[Row], folder: Path) -> list[Path]:
    """(rows,) the file of each row.

    Raises:
        TableError: some are not there.
    """
    finder = FileFinder([folder])
    files = {written: finder.find(written) for written in dict.fromkeys(cells["file"] for _, cells in rows)}
    absent = [(where, cells["file"]) for where, cells in rows if files[cells["file"]] is None]
    if absent:
        where, written = absent[0]
        raise TableError(
            f"{root}: {len(absent)} of {len(rows)} files are not there or cannot be opened, the first is "
            f"{folder / written} ({where.rpartition(', ')[2]}){hint([written for _, written in absent])}"
        )
    return [file for _, cells in rows if (file := files[cells["file"]]) is not None]


def _refuse_same_clip(rows: Sequence[Row], clips: Sequence[Utterance]) -> None:
    seen: dict[tuple[object, ...], int] = {}
    identities = {file: identity(file) for file in {clip.file for clip in clips}}
    for place, clip in enumerate(clips):
        first = seen.setdefault((identities[clip.file], clip.start_s, clip.end_s), place)
        if first != place:
            (where, cells), (earlier, other) = rows[place], rows[first]
            raise TableError(
                f"{where}: {cells['file']!r} is listed twice: it is the same clip as {other['file']!r} in "
                f"{earlier.rpartition(', ')[2]}; delete one of the two rows"
            )


def _refuse_past_the_end(rows: Sequence[Row], clips: Sequence[Utterance]) -> None:
    """Stretches must end inside their file; files that cannot be read are reported when features are extracted."""
    durations: dict[Path, float | None] = {}
    for (where, _), clip in zip(rows, clips, strict=True):
        if not clip.start_s and clip.end_s is None:
            continue
        if clip.file not in durations:
            try:
                durations[clip.file] = audio.duration_s(clip.file)
            except EmotoneError:
                durations[clip.file] = None
        duration_s = durations[clip.file]
        if duration_s is None:
            continue
        for column, value in (("start_s", clip.start_s), ("end_s", clip.end_s or 0.0)):
            if value > duration_s + _TOLERANCE_S or (column == "start_s" and value >= duration_s):
                raise TableError(
                    f"{where}: {column} is {value:g}, but {clip.file.name} ends at {duration_s:.3f} s; correct it, or "
                    "leave end_s empty for the end of the file"
                )
