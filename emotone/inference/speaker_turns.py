"""Who speaks when: the turns of an RTTM file, as programs for speaker diarisation write it."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import NamedTuple

from emotone.errors import EmotoneError

_FORM = "SPEAKER file 1 START SECONDS <NA> <NA> NAME"
_FIELDS = 8  # type, file, channel, start, duration, orthography, subtype, speaker; more may follow
_OTHERS = ("SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER", "EDIT", "IP", "SU",
           "CB", "A/P", "SPKR-INFO")  # fmt: skip
"""Types of lines that state no turn."""


class Turn(NamedTuple):
    """A stretch in which one person speaks."""

    start_s: float
    end_s: float
    speaker: str


def read_rttm(path: str | os.PathLike[str], recording: str = "") -> list[Turn]:
    """The turns of an RTTM file, in order of time; turns of different speakers may overlap.

    Args:
        path: a text file in UTF-8; lines of other types than SPEAKER, empty ones and comments (`;;`) are left out.
        recording: name of the recording without folder and suffix, for a file that holds several; a file that holds
            only one recording is used whatever it is called there.

    Raises:
        EmotoneError: it cannot be read, a line is no turn, or it holds several recordings and none of this name.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as problem:
        raise EmotoneError(
            f"{path}: cannot be read as RTTM ({getattr(problem, 'strerror', None) or problem})"
        ) from None
    turns: dict[str, list[Turn]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith(";;") and line.split()[0] not in _OTHERS:
            name, turn = _turn(line, f"{path}, line {number}")
            turns.setdefault(name, []).append(turn)
    if not turns:
        raise EmotoneError(
            f"{path}: no SPEAKER line; an RTTM file has lines `SPEAKER file 1 START SECONDS <NA> <NA> NAME`"
        )
    if len(turns) > 1 and recording not in turns:
        names = ", ".join(sorted(turns)[:5])
        raise EmotoneError(f"{path}: turns of {len(turns)} recordings ({names}), none named {recording or 'this one'}")
    return sorted(turns[recording] if recording in turns else next(iter(turns.values())))


def _turn(line: str, place: str) -> tuple[str, Turn]:
    """The name of the recording, and the turn that a line states."""
    fields = line.split()
    if fields[0] != "SPEAKER" or len(fields) < _FIELDS:
        raise EmotoneError(f"{place}: `{line.strip()[:80]}` is no turn; expected `{_FORM}`")
    try:
        start, seconds = float(fields[3]), float(fields[4])
    except ValueError:
        start = seconds = math.nan
    if not (0 <= start < math.inf and 0 < seconds < math.inf):
        raise EmotoneError(
            f"{place}: starts at {fields[3]} s and lasts {fields[4]} s; expected: a start from 0 on, a length above 0"
        )
    return fields[1], Turn(start, start + seconds, fields[7])
