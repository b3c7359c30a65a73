"""Rows of a CSV file, whatever its separator, line ends or byte order mark, each with its line number."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from emotone.errors import TableError

_SEPARATORS = ",;\t|"
_BYTE_ORDER_MARKS = (  # UTF-32 before UTF-16, which begins with the same bytes
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_FORMATS = (
    (b"PK\x03\x04", "an Excel workbook or a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"PAR1", "a Parquet file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"RIFF", "an audio file"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file with `git lfs pull`"),
    (b"<", "an HTML or XML page"),
)


def csv_rows(
    path: Path,
    needed: Mapping[str, str],
    other_names: Mapping[str, str],
    *,
    refuse: Callable[[str, TableError], object] | None = None,
) -> Iterator[tuple[str, dict[str, str]]]:
    """`<path>, line <number>` and the cells by column, of each row that is not empty.

    The separator (comma, semicolon, tab or bar) is the most frequent one in the header. Column names are compared in
    lower case; blanks around cells are removed.

    Args:
        path: a CSV file in UTF-8, or in UTF-16 with a byte order mark.
        needed: required column -> its meaning, for messages.
        other_names: alias of a column -> its name.
        refuse: called with place and error of a row that does not fit the header; None raises the error.

    Raises:
        TableError: the file is not such a CSV, a required column is absent, two columns have one name, or a row does
            not fit the header.
    """
    text = _decoded(path)
    lines = text.splitlines()
    header_line = next((line for line in lines if line.strip()), "")
    separator = max(_SEPARATORS, key=header_line.count)
    if header_line.lower().startswith("sep=") and len(header_line.strip()) == 5:  # a directive for Excel
        separator = header_line.strip()[4]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    columns: list[str] = []
    try:
        for cells in rows:
            where = f"{path}, line {rows.line_num}"
            if not any(cell.strip() for cell in cells) or (not columns and "".join(cells).lower() == "sep="):
                continue
            if not columns:
                columns = _columns(path, cells, needed, other_names)
                continue
            try:
                fitted = _fitted(cells, len(columns), where)
            except TableError as problem:
                if refuse is None:
                    raise
                refuse(where, problem)
            else:
                yield where, dict(zip(columns, fitted, strict=True))
    except csv.Error as problem:
        raise TableError(f"{path}, line {rows.line_num}: not a row of a CSV ({problem}); is a quote missing?") from None
    if not columns:
        _columns(path, [], needed, other_names)


def _columns(path: Path, header: list[str], needed: Mapping[str, str], other_names: Mapping[str, str]) -> list[str]:
    """Names of the columns."""
    names = [name.strip().lower() for name in header]
    columns = [other_names.get(name, name) for name in names]
    for column, meaning in needed.items():
        if column not in columns:
            raise TableError(f"{path}: no column {column!r}. It is {meaning}. The columns are: {', '.join(names)}")
    understood = {*needed, *other_names.values()}
    for column, count in Counter(columns).items():
        if count > 1 and column in understood:
            same = [f"{name!r} (column {place})" for place, name in enumerate(names, 1) if columns[place - 1] == column]
            raise TableError(f"{path}: {' and '.join(same)} both are the column {column!r}; keep one of them")
    return columns


def _fitted(cells: list[str], count: int, where: str) -> list[str]:
    """The cells of a row without surrounding blanks, as many as there are columns."""
    if any("\n" in cell or "\r" in cell for cell in cells):
        raise TableError(f"{where}: a cell contains a line break; is a quote missing?")
    cells = [cell.strip() for cell in cells]
    if len(cells) > count and not any(cells[count:]):
        cells = cells[:count]
    if len(cells) != count:
        raise TableError(f"{where}: {len(cells)} cells under {count} columns; quote cells that contain the separator")
    return cells


def _decoded(path: Path) -> str:
    """The text of a file."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise TableError(f"{path}: cannot be read ({problem.strerror})") from problem
    for start, kind in _OTHER_FORMATS:
        if data.startswith(start):
            raise TableError(f"{path}: not a CSV but {kind}; save the table as CSV UTF-8")
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as problem:
        line = data[: problem.start].count(b"\n") + 1
        found = data[problem.start : problem.start + 1].hex()
        raise TableError(
            f"{path}, line {line}: not UTF-8 (byte {found}: {problem.reason}); save the table as CSV UTF-8"
        ) from problem
    if "\0" in text:
        raise TableError(f"{path}: contains zero bytes; if it is UTF-16, save the table as CSV UTF-8")
    return text
