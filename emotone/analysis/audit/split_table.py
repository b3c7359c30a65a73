"""Table of files with the side of a split that each is on: train, development or test."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emotone.data.corpora.table import csv_rows, number
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
        table: one row per line, in order; the id of a file's second row ends in `#2`.
        fold: the clips of each side.
        sources: (clips,) the id of the clip that each was made from, or the table's text if it has no such clip; empty
            where the table states none.
    """

    table: Table
    fold: Fold
    sources: Sequence[str]


def read(path: Path, *, folders: Sequence[Path] = ()) -> SplitTable:
    """The split of a CSV or TSV.

    Required columns: `file` (or `path`, `filename`) and `split`. Optional: `speaker`, `sentence` (or `text`), `emotion`
    (or `label`), `source` (the file that an augmented copy was made from), `start_s`, `end_s`. Others are ignored.

    Args:
        path: the table.
        folders: where else to look for files that are not found relative to the table's folder.

    Raises:
        TableError: a column or cell is missing or invalid, or there is no training clip or no test clip.
    """
    if not path.is_file():
        raise TableError(f"{path}: no such table; name a run folder, a folder of runs, or a CSV with the column split")
    clips, sides, sources = [], [], []
    seen: Counter[str] = Counter()
    for where, cells in csv_rows(path, _NEEDED, _OTHER_NAMES):
        side = cells["split"].lower()
        if side not in _SIDES:
            raise TableError(f"{where}: split is {cells['split']!r}; train, development (dev, val) or test is expected")
        clip = _clip(cells, path, where, folders)
        seen[clip.id] += 1
        times = seen[clip.id]
        clips.append(clip if times == 1 else replace(clip, id=f"{clip.id}#{times}"))
        sides.append(_SIDES[side])
        sources.append(cells.get("source", ""))
    rows = {side: np.flatnonzero(np.array(sides) == side) for side in ("train", "development", "test")}
    for side, meaning in (("train", "training"), ("test", "test")):
        if not rows[side].size:
            raise TableError(f"{path}: there is no {meaning} clip; no row has {side} in the column split")
    fold = Fold("split", rows["train"], rows["development"], rows["test"], "speakers")
    return SplitTable(Table(clips), fold, sources)


def _clip(cells: Mapping[str, str], path: Path, where: str, folders: Sequence[Path]) -> Utterance:
    if not cells["file"]:
        raise TableError(f"{where}: 'file' is empty. It should be {_NEEDED['file']}")
    start_s, end_s = number(cells, "start_s", where) or 0.0, number(cells, "end_s", where)
    if end_s is not None and end_s <= start_s:
        raise TableError(f"{where}: the stretch {start_s} .. {end_s} s is empty; its end must come after its start")
    places = [folder / cells["file"] for folder in (path.parent, *folders)]
    return Utterance(
        corpus=path.stem,
        id=cells["file"] + (f"@{start_s}" if start_s or end_s is not None else ""),
        file=Path(os.path.normpath(next((place for place in places if place.is_file()), places[0]))),
        emotion=canonical(cells.get("emotion", "")),
        speaker=cells.get("speaker", ""),
        start_s=start_s,
        end_s=end_s,
        sentence=cells.get("sentence", ""),
    )
