"""The rows of an audformat database: what `emotone.data.corpora.table` reads beside CSV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emotone.errors import MissingExtra, TableError

_SCHEMES = {"emotion": "emotion", "speaker": "speaker", "gender": "sex", "language": "language"}


def audformat_rows(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each clip stands, and its cells by column; schemes are found in all tables of the database.

    Raises:
        MissingExtra: without the package audformat.
        TableError: nothing is labelled `emotion`, or two tables disagree about a clip.
    """
    try:
        import audformat
    except ImportError as problem:
        raise MissingExtra("reading an audformat database", "audformat") from problem
    database = audformat.Database.load(str(root))
    try:
        frame = database.get("emotion", ["speaker", "gender", "language"])
    except ValueError as problem:
        raise TableError(f"{root}: two of its tables disagree ({problem})") from problem
    if frame.empty:
        known = ", ".join([*database.schemes]) or "none"
        raise TableError(f"{root}: nothing in it is labelled by a scheme 'emotion'; its schemes are: {known}")
    frame = audformat.utils.to_segmented_index(frame)
    for number, ((file, start, end), labels) in enumerate(frame.iterrows(), start=1):
        cells = {"file": str(file), "start_s": str(start.total_seconds())}
        # an end that is not a time (NaT) is the only value unequal to itself
        cells["end_s"] = str(end.total_seconds()) if end == end else ""
        for scheme, column in _SCHEMES.items():
            if scheme in labels and labels[scheme] == labels[scheme]:
                cells[column] = str(labels[scheme])
        yield f"{root}, clip {number}", cells
