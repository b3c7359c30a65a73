"""Exploration of a corpus: clips, seconds, pitch and energy per emotion, as numbers and charts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from emotone import features
from emotone.analysis.per_clip import per_clip
from emotone.audio import read as audio
from emotone.data import corpora
from emotone.data.progress import Progress, no_progress
from emotone.data.speaker_ids import merged
from emotone.data.utterance import Utterance
from emotone.errors import CorpusError
from emotone.features import Feature
from emotone.files import writable_folder
from emotone.reports import templates
from emotone.reports.charts.box_plot import box_plot
from emotone.reports.charts.clip_counts import clip_counts
from emotone.reports.templates import Picture


@dataclass(frozen=True)
class Measured:
    """Measurements of one clip.

    Attributes:
        clip: the utterance.
        duration_s: in seconds.
        pitch_hz: median fundamental frequency of its voiced frames; None if no frame is voiced.
        energy_db: mean power relative to full scale; None for digital silence.
    """

    clip: Utterance
    duration_s: float
    pitch_hz: float | None
    energy_db: float | None


def explore(
    name: str, root: str | os.PathLike[str], out: str | os.PathLike[str], *, progress: Progress = no_progress
) -> dict[str, Any]:
    """Counts, durations, pitch and energy of a corpus per emotion, sex and speaker; and `explore.html` in `out`.

    A clip that cannot be read is listed in `failures`; the others are measured.

    Args:
        name: on the corpus shelf.
        root: its folder, or the table for `table`.
        out: folder for the page; made if absent.
        progress: called after each clip.

    Returns:
        In types that JSON knows: corpus, clips (measured), seconds, speakers, failures (key, file, reason), and
        per_emotion, per_sex, per_speaker: name -> clips, speakers, and for duration_s, pitch_hz and energy_db
        n, mean, std, q1, median, q3 over clips (n counts the clips that have the value; None where n is 0).

    Raises:
        UnknownName: no such corpus.
        CorpusError: there is no clip, or none can be read.
        EmotoneError: `out` cannot be written.
        MissingExtra: matplotlib or jinja2 is absent.
    """
    writable_folder(Path(out))
    reader = corpora.make(name)
    table = merged(reader.read(Path(root)))
    measured, failures = measure(table, name, progress=progress)
    if not measured:
        raise CorpusError(f"none of the {len(table)} clips in {root} can be read; the first: {failures[0]['reason']}")
    result = {
        "corpus": name,
        "clips": len(measured),
        "seconds": round(sum(row.duration_s for row in measured), 2),
        "speakers": len({row.clip.speaker for row in measured}),
        "failures": failures,
        "per_emotion": _per(measured, lambda row: row.clip.emotion),
        "per_sex": _per(measured, lambda row: row.clip.sex or "not stated"),
        "per_speaker": _per(measured, lambda row: row.clip.speaker),
    }
    templates.write(
        Path(out) / "explore.html",
        "explore.html",
        {**result, "title": getattr(reader, "title", name), "pictures": _pictures(measured), "facts": _facts(reader)},
    )
    return result


def measure(
    clips: Sequence[Utterance], name: str = "clips", *, progress: Progress = no_progress
) -> tuple[list[Measured], list[dict[str, str]]]:
    """Measurements of each clip that can be read, in order; and key, file and reason of each of the others."""
    function = partial(_measure, pitch=features.make("pitch"), rms=features.make("rms"))
    return per_clip(function, clips, threads=os.cpu_count() or 1, description=name, progress=progress)


def _measure(clip: Utterance, pitch: Feature, rms: Feature) -> Measured:
    samples = audio.read(clip.file, start_s=clip.start_s, end_s=clip.end_s)
    f0_hz = pitch.extract(samples, audio.RATE_HZ)[:, 0]
    voiced_hz = f0_hz[f0_hz > 0]
    power = float(np.mean(np.square(rms.extract(samples, audio.RATE_HZ), dtype=np.float64)))
    return Measured(
        clip,
        duration_s=samples.size / audio.RATE_HZ,
        pitch_hz=float(np.median(voiced_hz)) if voiced_hz.size else None,
        energy_db=10 * float(np.log10(power)) if power > 0 else None,
    )


def _per(measured: Sequence[Measured], group: Callable[[Measured], str]) -> dict[str, dict[str, Any]]:
    """Counts and statistics of each group, sorted by its name."""
    rows: dict[str, list[Measured]] = {}
    for row in measured:
        rows.setdefault(group(row), []).append(row)
    return {
        key: {
            "clips": len(rows[key]),
            "speakers": len({row.clip.speaker for row in rows[key]}),
            "sex": "/".join(sorted({row.clip.sex for row in rows[key]} - {""})),
            **{name: statistics(getattr(row, name) for row in rows[key]) for name in _UNITS},
        }
        for key in sorted(rows)
    }


def statistics(values: Iterable[float | None]) -> dict[str, float | int | None]:
    """n, mean, std, q1, median, q3 of the values that are not None.

    >>> statistics([1.0, 2.0, 3.0, None])
    {'n': 3, 'mean': 2.0, 'std': 1.0, 'q1': 1.5, 'median': 2.0, 'q3': 2.5}
    """
    known = np.array([value for value in values if value is not None])
    if not known.size:
        return {"n": 0, **dict.fromkeys(("mean", "std", "q1", "median", "q3"))}
    numbers = [known.mean(), known.std(ddof=1) if known.size > 1 else 0.0, *np.percentile(known, [25, 50, 75])]
    rounded = (round(float(number), 4) for number in numbers)
    return {"n": int(known.size), **dict(zip(("mean", "std", "q1", "median", "q3"), rounded, strict=True))}


_UNITS = {"duration_s": "seconds", "pitch_hz": "Hz", "energy_db": "dB relative to full scale"}


def _pictures(measured: Sequence[Measured]) -> dict[str, Any]:
    """Clips, seconds and energy per emotion; pitch per emotion and sex, since both affect it."""
    emotions = sorted({row.clip.emotion for row in measured})

    def boxes(value: str, title: str, sex: str | None = None) -> Picture:
        groups = {
            emotion: [
                number
                for row in measured
                if row.clip.emotion == emotion
                and sex in (None, row.clip.sex)
                and (number := getattr(row, value)) is not None
            ]
            for emotion in emotions
        }
        drawn = box_plot(
            groups, unit=_UNITS[value], title=title, name=f"{value}-{sex or 'all'}", log=value == "pitch_hz"
        )
        return Picture(drawn)

    counted = {emotion: sum(row.clip.emotion == emotion for row in measured) for emotion in emotions}
    sexes = [sex for sex in ("female", "male", "") if any(row.clip.sex == sex for row in measured)]
    return {
        "clips": Picture(clip_counts(counted)),
        "duration_s": boxes("duration_s", "Duration"),
        "energy_db": boxes("energy_db", "Energy"),
        "pitch_hz": {
            (sex or "sex not stated"): boxes("pitch_hz", f"Pitch, {sex or 'sex not stated'}", sex) for sex in sexes
        },
    }


def _facts(reader: corpora.Reader) -> dict[str, str]:
    """Facts of a published corpus; none for your own table."""
    names = ("language", "licence", "citation", "homepage")
    return {name: str(getattr(reader, name)) for name in names if getattr(reader, name, "")}
