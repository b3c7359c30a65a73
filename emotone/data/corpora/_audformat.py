"""Rows of an audformat database, for `emotone.data.corpora.table`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emotone.errors import MissingExtra, TableError

_SCHEMES = {"emotion": "emotion", "speaker": "speaker", "gender": "sex", "language": "language"}


def audformat_rows(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """`<root>, clip <number>` and the cells by column; schemes are found in all tables of the database.

    Raises:
        MissingExtra: without the package audformat.
        TableError: the database cannot be read, nothing is labelled `emotion`, or two tables disagree about a clip.
    """
    try:
        import audformat
        import pandas
    except ImportError as problem:
        raise MissingExtra("reading an audformat database", "audformat") from problem
    try:
        database = audformat.Database.load(str(root))
    except Exception as problem:  # whatever YAML, CSV or pandas raise of a damaged database
        reason = " ".join(str(problem).split())
        raise TableError(f"{root}: not readable as an audformat database ({reason})") from problem
    try:
        frame = database.get("emotion", ["speaker", "gender", "language"])
    except ValueError as problem:
        raise TableError(f"{root}: two of its tables disagree ({problem})") from problem
    except Exception as problem:  # a table without its file, an index that is not one
        reason = " ".join(str(problem).split())
        raise TableError(f"{root}: its tables cannot be read ({reason})") from problem
    if frame.empty:
        known = ", ".join([*database.schemes]) or "none"
        raise TableError(f"{root}: nothing in it is labelled by a scheme 'emotion'; its schemes are: {known}")
    frame = audformat.utils.to_segmented_index(frame)

    def text(value: Any) -> str:
        return "" if pandas.isna(value) else str(value).strip()

    for number, ((file, start, end), labels) in enumerate(frame.iterrows(), start=1):
        cells = {"file": text(file), "start_s": "" if pandas.isna(start) else str(start.total_seconds())}
        cells["end_s"] = "" if pandas.isna(end) else str(end.total_seconds())
        cells |= {column: text(labels[scheme]) for scheme, column in _SCHEMES.items() if scheme in labels}
        yield f"{root}, clip {number} ({cells['file']})", cells
