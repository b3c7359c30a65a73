"""A prediction as a page that plays the recording: its timeline and its segments can be clicked."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import soundfile
from numpy.typing import NDArray

from emotone.audio.mono import Channel
from emotone.audio.read import RATE_HZ, read
from emotone.inference.prediction import Prediction
from emotone.inference.summary import Summary
from emotone.reports import templates
from emotone.reports.charts.emotion_timeline import emotion_timeline
from emotone.reports.templates import Picture

EMBEDDED_BYTES = 10_000_000
"""Recordings up to this size are part of the page; larger ones are played from their file."""
_SCRIPT = Path(templates.__file__).parent / "prediction.js"
_TYPES = (
    (0, b"RIFF", "audio/wav"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (4, b"ftyp", "audio/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "audio/webm"),
)
"""Place and bytes by which a file is recognised that browsers play, and its media type."""


class Sound(NamedTuple):
    """What the page plays: its address, and a sentence on where it is."""

    address: str
    note: str


def write_page(
    prediction: Prediction,
    peaks: NDArray[np.float32],
    source: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    channel: Channel = "mix",
) -> Path:
    """One page that shows a prediction over time and plays its recording; returns its path.

    Args:
        prediction, peaks: as in `emotion_timeline`.
        source: the file that was predicted.
        path: of the page.
        channel: that is played, if the recording has to be converted for browsers.

    Raises:
        MissingExtra: matplotlib or jinja2 is absent.
        AudioError: the recording cannot be read.
        OSError: the page cannot be written.
    """
    script = _SCRIPT.read_text(encoding="utf-8")
    summaries = prediction.summaries()
    return templates.write(
        path,
        "prediction.html",
        {
            "title": f"Emotion in {Path(prediction.file).name or prediction.file}",
            "found": prediction,
            "summary": prediction.summary(),
            "tracks": _shares(summaries) if len(summaries) > 1 else {},
            "track_names": list(summaries),
            "several": len(summaries) > 1,
            "sound": sound_of(source, Path(path).parent, prediction.duration_s, channel),
            "timeline": Picture(emotion_timeline(prediction, peaks)),
            "clock": clock,
            "script": Picture(script),
            "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        },
    )


def sound_of(source: str | os.PathLike[str], folder: Path, duration_s: float, channel: Channel = "mix") -> Sound:
    """What the page plays: the file itself in a data URI if it is small, else a link to it.

    A small file of a kind that browsers do not play is converted to FLAC, mono, 16 kHz.

    Args:
        source: the recording.
        folder: of the page; the link is relative to it.
    """
    file, size = Path(source), os.path.getsize(source)
    with file.open("rb") as handle:
        kind = media_type(handle.read(16))
    if kind and size <= EMBEDDED_BYTES:
        content = base64.b64encode(file.read_bytes()).decode()
        note = f"The page contains the recording ({size / 1e6:.1f} MB); treat it like the recording when you share it."
        return Sound(f"data:{kind};base64,{content}", note)
    if not kind and 2 * RATE_HZ * duration_s <= EMBEDDED_BYTES:
        written = io.BytesIO()
        sound = read(source, channel=channel)
        sound = sound / max(1.0, float(np.abs(sound).max()))
        soundfile.write(written, sound, RATE_HZ, format="FLAC", subtype="PCM_16")
        note = (
            f"The page contains the recording as FLAC, mono, {RATE_HZ / 1000:g} kHz, since browsers do not play the "
            "file itself; treat it like the recording when you share it."
        )
        return Sound("data:audio/flac;base64," + base64.b64encode(written.getvalue()).decode(), note)
    address = quote(os.fsencode(os.path.relpath(file, folder)).replace(os.sep.encode(), b"/"))
    note = (
        f"The page plays the file {os.path.relpath(file, folder)}, which is too large to be part of it; keep both "
        "where they are relative to each other."
    )
    return Sound(address if address[:1] == "." else f"./{address}", note)


def media_type(head: bytes) -> str:
    """The media type of a recording that browsers play, from its first 16 bytes; empty for others.

    >>> media_type(b"fLaC"), media_type(b"FORM")
    ('audio/flac', '')
    """
    for place, mark, kind in _TYPES:
        if head[place : place + len(mark)] == mark:
            return kind
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "audio/aac" if head[1] & 0x06 == 0 else "audio/mpeg"
    return ""


def clock(seconds: float) -> str:
    """Minutes and seconds to a tenth, and hours if there are any.

    >>> clock(5.04), clock(75.25), clock(3600), clock(59.96)
    ('0:05.0', '1:15.2', '1:00:00.0', '1:00.0')
    """
    tenths = round(10 * seconds)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}:{minutes:02d}" if hours else f"{minutes}") + f":{rest // 10:02d}.{rest % 10}"


def _shares(summaries: dict[str, Summary]) -> dict[str, dict[str, Any]]:
    """Label -> channel or speaker -> share of its speech."""
    labels = dict.fromkeys(label for summary in summaries.values() for label in summary.emotions)
    return {label: {name: summary.emotions.get(label, 0.0) for name, summary in summaries.items()} for label in labels}
