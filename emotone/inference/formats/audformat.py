"""audformat: a folder with a header and two tables, of recordings and of segments, for tools of audEERING."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from emotone.files import atomic_write
from emotone.inference.formats import TEXT, Format
from emotone.inference.prediction import UNSURE, Prediction, Segment

_VERDICT = ("emotion", "confidence", "arousal", "valence", "reason")
_WHO = ("speaker", "channel")


class Audformat(Format):
    """`db.yaml` with the tables `db.files.csv` and `db.segments.csv`, as `audformat.Database.load` reads them.

    Recordings inside of the folder have names relative to it, others their absolute path. Recordings without a
    prediction are left out. https://audeering.github.io/audformat/data-format.html
    """

    suffix = ".audformat"
    several = True
    folder = True

    def write(
        self, path: Path, predictions: Sequence[Prediction], failures: Sequence[Mapping[str, str]], *, segments: bool
    ) -> None:
        unique = {one.file: one for one in predictions}.values()  # an index of audformat holds nothing twice
        names = {one.file: _place(one.file, path) for one in unique}
        wholes = [[names[one.file], *_verdict(one)] for one in unique]
        parts = [
            [
                names[one.file],
                _duration(part.start_s),
                _duration(part.end_s),
                *_verdict(part),
                part.speaker,
                part.channel,
            ]
            for one in unique
            for part in one.segments
        ]
        _write_table(path / "db.files.csv", ["file", *_VERDICT], wholes)
        _write_table(path / "db.segments.csv", ["file", "start", "end", *_VERDICT, *_WHO], parts)
        labels = sorted({label for one in unique for label in one.scores} | {UNSURE})
        with atomic_write(path / "db.yaml") as temporary, temporary.open("w", **TEXT) as handle:
            yaml.safe_dump(_header(labels), handle, sort_keys=False, allow_unicode=True)  # last: now it is a database


def _header(labels: Sequence[str]) -> dict[str, Any]:
    def columns(*names: str) -> dict[str, Any]:
        return {name: {"scheme_id": name, "rater_id": "emotone"} for name in names}

    return {
        "name": "emotone",
        "description": "Emotions that emotone predicted; arousal and valence are derived from their probabilities.",
        "source": "emotone predict",
        "usage": "unrestricted",
        "languages": [],
        "raters": {"emotone": {"type": "machine"}},
        "schemes": {
            "emotion": {"dtype": "str", "labels": [*labels]},
            "confidence": {"dtype": "float", "minimum": 0, "maximum": 1},
            **{name: {"dtype": "float", "minimum": -1, "maximum": 1} for name in ("arousal", "valence")},
            **{name: {"dtype": "str"} for name in ("reason", *_WHO)},
        },
        "tables": {
            "files": {"type": "filewise", "columns": columns(*_VERDICT)},
            "segments": {"type": "segmented", "columns": columns(*_VERDICT, *_WHO)},
        },
    }


def _verdict(one: Prediction | Segment) -> list[Any]:
    facts = one.as_dict()
    return [facts["label"], *("" if facts[name] is None else facts[name] for name in _VERDICT[1:])]


def _duration(seconds: float) -> str:
    """A time as pandas writes and reads it.

    >>> _duration(90061.25)
    '1 days 01:01:01.250000'
    """
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours // 24} days {hours % 24:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}000"


def _place(file: str, folder: Path) -> str:
    """Path of a recording, with slashes: relative if it lies in the folder, else absolute."""
    place = os.path.abspath(file)
    inside = os.path.relpath(place, folder) if place.startswith(os.path.abspath(folder) + os.sep) else place
    return inside.replace(os.sep, "/")


def _write_table(path: Path, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    with atomic_write(path) as temporary, temporary.open("w", **TEXT) as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
