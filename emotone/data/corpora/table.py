"""One's own recordings: a CSV with one row per clip, or an audformat database."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from emotone.data import utterance
from emotone.data.corpora import Reader
from emotone.data.corpora._audformat import audformat_rows
from emotone.data.labels import canonical
from emotone.data.utterance import Utterance
from emotone.errors import CorpusError, TableError

_NEEDED = {
    "file": "the path of the sound, relative to the table",
    "speaker": "who is heard. Without it no honest split can be made; if nobody is heard twice, repeat the file name",
    "emotion": "what is heard, by any of its usual names",
}
_OTHER_NAMES = {"start": "start_s", "end": "end_s", "gender": "sex"}
_SEXES = {"female": "female", "f": "female", "male": "male", "m": "male", "": ""}


class Table(Reader):
    """A CSV, TSV or audformat database of clips; nothing is published of it, so it states no facts.

    The columns `file`, `speaker` and `emotion` are needed; `start_s`, `end_s` (or `start`, `end`; in seconds),
    `sex` (or `gender`), `language`, `intensity`, `sentence`, `repetition`, `id` (default: the file as written,
    with `@start_s` behind it for a stretch), `corpus`, `vote_<emotion>` (the share of the listeners) and `listeners`
    (how many they were) are understood. Other columns are passed over. What `utterance.Table.to_csv` writes is read
    back as it was.

    Args:
        corpus: the name its clips go by where the table has no column of that name.
    """

    name = "table"

    def __init__(self, corpus: str = "table") -> None:
        self.corpus = corpus

    def read(self, root: Path) -> utterance.Table:
        """The utterances of a table, sorted by id.

        Args:
            root: a CSV or TSV file, a folder that holds exactly one, or an audformat database (holds `db.yaml`).

        Raises:
            CorpusError: there is no such table.
            TableError: a column, a cell or a file is missing or cannot be right; the text names column and row.
            MissingExtra: an audformat database without the package audformat.
        """
        root = Path(root)
        if (root / "db.yaml").is_file():
            rows, folder = audformat_rows(root), root
        else:
            path = _table_file(root)
            rows, folder = csv_rows(path), path.parent
        clips = [self._utterance(cells, folder, where) for where, cells in rows]
        if not clips:
            raise TableError(f"{root} has no row; write one per clip")
        absent = [clip.file for clip in clips if not clip.file.is_file()]
        if absent:
            raise TableError(f"{root}: {len(absent)} of {len(clips)} files are not there, the first is {absent[0]}")
        return utterance.Table(sorted(clips, key=lambda clip: clip.id))

    def _utterance(self, cells: Mapping[str, str], folder: Path, where: str) -> Utterance:
        """One row as an utterance; `where` begins every complaint about it."""
        for column, meaning in _NEEDED.items():
            if column not in cells:
                raise TableError(f"{where}: no column {column!r}. It says {meaning}. There are: {', '.join(cells)}")
            if not cells[column]:
                raise TableError(f"{where}: {column!r} is empty. It says {meaning}")
        sex = cells.get("sex", "").lower()
        if sex not in _SEXES:
            raise TableError(f"{where}: sex is {sex!r}; female, male or nothing is understood")
        start_s = number(cells, "start_s", where) or 0.0
        end_s = number(cells, "end_s", where)
        if end_s is not None and end_s <= start_s:
            raise TableError(f"{where}: the stretch {start_s} .. {end_s} s is empty; its end must come after its start")
        corpus, speaker = cells.get("corpus", ""), cells["speaker"]
        if not (corpus and "/" in speaker):  # where it says its corpus, it may name its speakers in full
            speaker = f"{corpus or self.corpus}/{speaker}"
        shares = {name: number(cells, name, where) for name in cells if name.startswith("vote_")}
        return Utterance(
            corpus=corpus or self.corpus,
            id=cells.get("id") or cells["file"] + (f"@{start_s}" if start_s or end_s is not None else ""),
            file=folder / cells["file"],
            emotion=canonical(cells["emotion"]),
            speaker=speaker,
            sex=_SEXES[sex],
            language=cells.get("language", ""),
            start_s=start_s,
            end_s=end_s,
            intensity=cells.get("intensity", ""),
            sentence=cells.get("sentence", ""),
            repetition=cells.get("repetition", ""),
            votes={name.removeprefix("vote_"): share for name, share in shares.items() if share is not None},
            listeners=int(number(cells, "listeners", where) or 0),
        )


def _table_file(root: Path) -> Path:
    if root.is_file():
        return root
    tables = sorted(path for path in root.glob("*") if path.suffix.lower() in (".csv", ".tsv"))
    if len(tables) != 1:
        what = f"{len(tables)} tables ({', '.join(path.name for path in tables)})" if tables else "no table"
        raise CorpusError(f"{what} at {root}; name one CSV with the columns {', '.join(_NEEDED)}")
    return tables[0]


def csv_rows(
    path: Path, needed: Mapping[str, str] = _NEEDED, other_names: Mapping[str, str] = _OTHER_NAMES
) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each row stands, and its cells by column; the separator is the one its header holds most of.

    Args:
        path: a CSV or TSV file in UTF-8.
        needed: column -> what it says, for those that must be there.
        other_names: what columns may be called -> what they are called here.

    Raises:
        TableError: not UTF-8, a needed column is absent, or a row has more or fewer cells than the header.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise TableError(f"{path} is not UTF-8 ({problem.reason}); save it as CSV UTF-8") from problem
    separator = max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    header = [name.strip().lower() for name in next(rows, [])]
    columns = [other_names.get(name, name) for name in header]
    for column, meaning in needed.items():
        if column not in columns:
            raise TableError(f"{path} has no column {column!r}. It says {meaning}. There are: {', '.join(header)}")
    for cells in rows:
        where = f"{path}, line {rows.line_num}"
        if len(cells) not in (0, len(columns)):
            raise TableError(f"{where}: {len(cells)} cells under {len(columns)} columns; quote cells that hold commas")
        if any(cells):
            yield where, dict(zip(columns, (cell.strip() for cell in cells), strict=True))


def number(cells: Mapping[str, str], column: str, where: str) -> float | None:
    """The number in a cell, None where it is empty or its column absent; `where` begins the complaint about another."""
    text = cells.get(column, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise TableError(f"{where}: {column} is {text!r}; a number from 0 on is expected, as 1.25")
    return value
