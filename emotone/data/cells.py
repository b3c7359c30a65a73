"""Cells of tables: missing values, numbers and times, with errors that name the row."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from emotone.errors import TableError

Row = tuple[str, Mapping[str, str]]
"""Where a row is (`my.csv, line 3`), and its cells by column."""

_MISSING = {
    *("nan", "-nan", "na", "n/a", "n.a.", "#n/a", "#na", "<na>", "nat", "1.#ind", "#value!", "#ref!"),
    *("null", "nil", "none", "undefined", "missing", "-", "--", "---", "?"),
}
_CLOCK = re.compile(
    r"(\d+) days?|(?:(\d+) days? )?(\d+):(\d{2}):(\d{2}(?:\.\d+)?)"
)  # as pandas and audformat write durations
_LISTED = 5


def is_missing(cell: str) -> bool:
    """Whether a cell is empty or a word that programs write for a missing value.

    >>> [is_missing(cell) for cell in ("", "NaN", "N/A", "None", "-", "neutral", "Nan Li")]
    [True, True, True, True, True, False, False]
    """
    return not cell or cell.casefold() in _MISSING


def require(rows: Sequence[Row], needed: Mapping[str, str]) -> None:
    """Refuse rows without a value in a required column.

    Args:
        rows: all rows of a table.
        needed: required column -> its meaning, for the message.

    Raises:
        TableError: the text names the first row, the number of others, and what to do.
    """
    for column, meaning in needed.items():
        found = [(where, cells.get(column, "")) for where, cells in rows if is_missing(cells.get(column, ""))]
        if not found:
            continue
        where, cell = found[0]
        problem = f"is {cell!r}, which means a missing value" if cell else "is empty"
        others = [place.rpartition(", ")[2] for place, _ in found[1 : _LISTED + 1]]
        more = f", ... {len(found) - 1 - len(others)} more" if len(found) - 1 > len(others) else ""
        also = f"; so it is in {len(found) - 1} other rows ({', '.join(others)}{more})" if others else ""
        raise TableError(f"{where}: {column!r} {problem}{also}. It is {meaning}. Fill it in, or delete the row")


def optional(cells: Mapping[str, str], column: str) -> str:
    """The text of a cell; empty for a missing value or an absent column."""
    cell = cells.get(column, "")
    return "" if is_missing(cell) else cell


def number(cells: Mapping[str, str], column: str, where: str) -> float | None:
    """The number in a cell; None if the cell is empty or its column absent.

    Raises:
        TableError: not a finite number from 0 on; the text begins with `where`.
    """
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


def seconds(cells: Mapping[str, str], column: str, where: str) -> float | None:
    """The time in a cell: seconds, or `0 days 00:00:01.5` as pandas writes it; None if empty, absent or `NaT`.

    Raises:
        TableError: not a time from 0 on; the text begins with `where`.

    >>> seconds({"end_s": "0 days 00:01:01.5"}, "end_s", "line 2"), seconds({"end_s": "NaT"}, "end_s", "line 2")
    (61.5, None)
    """
    text = cells.get(column, "")
    if text == "NaT":
        return None
    if match := _CLOCK.fullmatch(text):
        whole_days, days, hours, minutes, rest = (float(part or 0) for part in match.groups())
        return (((whole_days + days) * 24 + hours) * 60 + minutes) * 60 + rest
    return number(cells, column, where)


def stretch(cells: Mapping[str, str], where: str) -> tuple[float, float | None]:
    """(start_s, end_s) of a row; end_s None means to the end of the file.

    Raises:
        TableError: not times, or the end is not after the start.
    """
    start_s, end_s = seconds(cells, "start_s", where) or 0.0, seconds(cells, "end_s", where)
    if end_s is not None and end_s <= start_s:
        raise TableError(f"{where}: the stretch {start_s} .. {end_s} s is empty; its end must come after its start")
    return start_s, end_s
