"""Table of files with the side of a split that each is on: train, development or test."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emotone.data.cells import is_missing, optional, stretch
from emotone.data.csv_rows import csv_rows
from emotone.data.file_finder import FileFinder
from emotone.data.labels import canonical
from emotone.data.splits import Fold
from emotone.data.utterance import Table, Utterance
from emotone.errors import TableError

_NEEDED = {
    "file": "the path of the audio file, relative to the table",
    "split": "the side the clip is on: train, development or test",
}
_OTHER_NAMES = {
    **dict.fromkeys(("path", "filename"), "file"),
    **dict.fromkeys(("text", "transcript"), "sentence"),
    **{"label": "emotion", "start": "start_s", "end": "end_s"},
}
_SIDES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("development", "dev", "val", "valid", "validation"), "development"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclass(frozen=True)
class SplitTable:
    """The clips of a split.

    Attributes:
        table: one clip per valid row, in order; the id of a file's second row ends in `#2`.
        fold: the clips of each side.
        sources: (clips,) the id of the clip that each was made from, or the table's text if it has no such clip; empty
            where the table states none.
        problems: key, file and reason of each row that cannot be used.
    """

    table: Table
    fold: Fold
    sources: Sequence[str]
    problems: Sequence[dict[str, str]]


def read(path: Path, *, folders: Sequence[Path] = ()) -> SplitTable:
    """The split of a CSV or TSV; a row that cannot be used is listed in `problems`.

    Required columns: `file` (or `path`, `filename`) and `split`. Optional: `speaker`, `sentence` (or `text`), `emotion`
    (or `label`), `source` (the file that an augmented copy was made from), `start_s`, `end_s`. Others are ignored.

    Args:
        path: the table.
        folders: where else to look for files that are not found relative to the table's folder.

    Raises:
        TableError: a column is missing, or no valid row is a training clip, or none is a test clip.
    """
    if not os.path.isfile(path):
        raise TableError(f"{path}: no such table; name a run folder, a folder of runs, or a CSV with the column split")
    clips, sides, sources = [], [], []
    problems: list[dict[str, str]] = []
    seen: Counter[str] = Counter()
    finder = FileFinder([path.parent, *folders])

    def refuse(where: str, problem: TableError, file: str = "") -> None:
        problems.append({"key": where.rpartition(", ")[2], "file": file, "reason": str(problem)})

    for where, cells in csv_rows(path, _NEEDED, _OTHER_NAMES, refuse=refuse):
        try:
            side = _side(cells, where)
            clip = _clip(cells, path, where, finder)
        except TableError as problem:
            refuse(where, problem, cells["file"])
            continue
        seen[clip.id] += 1
        times = seen[clip.id]
        clips.append(clip if times == 1 else replace(clip, id=f"{clip.id}#{times}"))
        sides.append(side)
        sources.append(optional(cells, "source"))
    of_side = {side: np.flatnonzero(np.array(sides) == side) for side in ("train", "development", "test")}
    for side, meaning in (("train", "training"), ("test", "test")):
        if not of_side[side].size:
            why = problems[0]["reason"] if problems else f"no row has {side} in the column split"
            raise TableError(f"{path}: there is no {meaning} clip; {why}")
    fold = Fold("split", of_side["train"], of_side["development"], of_side["test"], "speakers")
    return SplitTable(Table(clips), fold, sources, problems)


def _side(cells: Mapping[str, str], where: str) -> str:
    side = _SIDES.get(cells["split"].lower())
    if side is None:
        found = repr(cells["split"]) if cells["split"] else "empty"
        raise TableError(f"{where}: split is {found}; train, development (dev, val) or test is expected")
    return side


def _clip(cells: Mapping[str, str], path: Path, where: str, finder: FileFinder) -> Utterance:
    written = cells["file"]
    if is_missing(written):
        problem = f"is {written!r}, which means a missing value" if written else "is empty"
        raise TableError(f"{where}: 'file' {problem}. It should be {_NEEDED['file']}")
    start_s, end_s = stretch(cells, where)
    return Utterance(
        corpus=path.stem,
        id=written + (f"@{start_s}" if start_s or end_s is not None else ""),
        file=Path(os.path.normpath(finder.find(written) or path.parent / written)),
        emotion=canonical(optional(cells, "emotion")),
        speaker=optional(cells, "speaker"),
        start_s=start_s,
        end_s=end_s,
        sentence=optional(cells, "sentence"),
    )
