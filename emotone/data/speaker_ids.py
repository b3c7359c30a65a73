"""Speaker ids: several spellings of one person are refused or merged, never counted as several speakers."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from emotone.data.utterance import Table
from emotone.errors import TableError

SpeakerIds = Literal["strict", "merge"]

_INVISIBLE = ("Z", "C")  # Unicode categories of blanks; of control and zero-width characters
_DECIMALS = re.compile(r"(?<=\d)[.,]0*$")  # 3.0, 3.00, 3.
_LEADING_ZEROS = re.compile(r"(?<!\d)(?<!\d[.,])0+(?=\d)")  # 03, s003; not 1.05
_WHOLE_NUMBER = re.compile(r"(\d+)\.0+")
_LISTED = 5  # groups of spellings in a message


def speaker_key(speaker: str) -> str:
    """A text that is equal for all spellings of one person.

    It ignores case, all blanks (also non-breaking and zero-width ones), leading zeros of numbers, `.0` at the end of
    a number, and the Unicode form (NFKC). Each part of `<corpus>/<speaker>` is treated in this way.

    >>> [speaker_key(id) for id in ("S 01", "s1", "x/03", "X/3.0", "s10", "1.05")]
    ['s1', 's1', 'x/3', 'x/3', 's10', '1.05']
    """
    return "/".join(map(_key, speaker.split("/")))


def _key(part: str) -> str:
    """Simplified until nothing changes: what is left after one step may compose to a letter that has a simpler form."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", part).casefold())
    visible = "".join(letter for letter in plain if unicodedata.category(letter)[0] not in _INVISIBLE)
    key = _LEADING_ZEROS.sub("", _DECIMALS.sub("", visible))
    return key if key == part else _key(key)


def one_number(cell: str) -> str:
    """A whole number without the decimals that pandas adds to columns with missing values; other text unchanged.

    >>> one_number("3.0"), one_number("003"), one_number("3.5"), one_number("s3.0")
    ('3', '003', '3.5', 's3.0')
    """
    match = _WHOLE_NUMBER.fullmatch(cell)
    return match[1] if match else cell


def spellings(speakers: Iterable[str]) -> list[dict[str, int]]:
    """Of each person with several spellings: spelling -> number of rows, the most frequent first.

    Args:
        speakers: the speaker of each row; empty texts are unknown speakers and are ignored.

    >>> spellings(["s1", "S1", "s2", "s1"])
    [{'s1': 2, 'S1': 1}]
    """
    groups: dict[str, dict[str, int]] = {}
    for speaker, rows in sorted(Counter(speakers).items(), key=lambda item: (-item[1], item[0])):
        if speaker:
            groups.setdefault(speaker_key(speaker), {})[speaker] = rows
    return [group for _, group in sorted(groups.items()) if len(group) > 1]


def require_one_spelling(speakers: Iterable[str]) -> None:
    """Refuse speaker ids that are several spellings of one person.

    Raises:
        TableError: the text names the spellings, their numbers of rows, and what to do.

    >>> require_one_spelling(["ann", "bob"])
    """
    if not (found := spellings(speakers)):
        return
    listed = "; ".join(_described(group) for group in found[:_LISTED])
    more = f"; and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    people = "1 speaker has" if len(found) == 1 else f"{len(found)} speakers have"
    raise TableError(
        f"{people} more than one spelling: {listed}{more}. They look like the same person. Use one spelling per person "
        "in the columns speaker and corpus, or set data.speaker_ids=merge to count the spellings as one; different "
        "people need ids that differ in more than case, blanks, leading zeros or .0"
    )


def merged(table: Table) -> Table:
    """The table with one spelling per person, the most frequent.

    >>> from pathlib import Path
    >>> from emotone.data.utterance import Utterance
    >>> clips = Table(Utterance("x", str(n), Path("a.wav"), "sad", f"x/{s}") for n, s in enumerate(["01", "1", "1"]))
    >>> merged(clips).column("speaker").tolist()
    ['x/1', 'x/1', 'x/1']
    """
    chosen = {other: next(iter(group)) for group in spellings(row.speaker for row in table) for other in group}
    if not chosen:
        return table
    return Table(replace(row, speaker=chosen.get(row.speaker, row.speaker)) for row in table)


def with_one_spelling(table: Table, speaker_ids: SpeakerIds) -> Table:
    """The table with one spelling per person.

    Args:
        speaker_ids: `strict` refuses several spellings of one person; `merge` replaces them by the most frequent.

    Raises:
        TableError: several spellings under `strict`.
    """
    if speaker_ids == "merge":
        return merged(table)
    require_one_spelling(row.speaker for row in table)
    return table


def _described(group: dict[str, int]) -> str:
    return " and ".join(f"{spelling!r} ({rows} {'row' if rows == 1 else 'rows'})" for spelling, rows in group.items())
