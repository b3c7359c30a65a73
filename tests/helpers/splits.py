"""Tables of splits with known mistakes, for the audit."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from emotone.analysis.audit.audit import audit
from emotone.analysis.audit.findings import Finding
from emotone.data import corpora
from emotone.data.utterance import Table

SIDES = ("train", "train", "train", "development", "test")


def voice(seed: int, seconds: float = 1.6, rate_hz: int = 16_000) -> NDArray[np.float32]:
    """A gliding tone with partials and pauses between syllables: no two seeds sound alike."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    knots = np.linspace(0, seconds, 6)
    pitch_hz = np.interp(time_s, knots, rng.uniform(110, 260, 6))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / rate_hz
    partials = sum(rng.uniform(0.2, 1) * np.sin(k * phase) / k for k in range(1, 16))
    loudness = np.interp(time_s, np.linspace(0, seconds, 9), rng.uniform(0.05, 1, 9))
    return (0.2 * partials * loudness + 1e-4 * rng.standard_normal(len(time_s))).astype(np.float32)


def table(folder: Path, rows: Sequence[dict[str, Any]], name: str = "split.csv") -> Path:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with (folder / name).open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, columns)
        writer.writeheader()
        writer.writerows(rows)
    return folder / name


def twenty_clips(folder: Path) -> Path:
    """Five speakers, four clips each."""
    for number in range(20):
        soundfile.write(folder / f"{number}.wav", voice(number), 16_000)
    return folder


def clean_rows() -> list[dict[str, Any]]:
    return [
        {"file": f"{number}.wav", "split": SIDES[number // 4], "speaker": f"s{number // 4}", "text": f"words {number}"}
        for number in range(20)
    ]


def found(what: Path) -> dict[str, Finding]:
    (result,) = audit(what)
    return {finding.check: finding for finding in result.findings if finding.severity != "note"}


def real(data: Path, name: str) -> Table:
    if not (data / name).is_dir():
        pytest.skip(f"needs the corpus {name} in $EMOTONE_DATA")
    return corpora.published(name).read(data / name)


def ravdess_rows(data: Path, *, by_speaker: bool) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    held_out = {f"ravdess/{actor}" for actor in corpora.published("ravdess").folds[0]}
    return [
        {
            "file": clip.file,
            "split": "test" if (clip.speaker in held_out if by_speaker else rng.random() < 0.2) else "train",
            "speaker": clip.speaker,
        }
        for clip in real(data, "ravdess")
    ]
