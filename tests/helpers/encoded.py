"""A tone encoded in any sound format, and a check that a source is refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from emotone.audio import read as audio
from emotone.errors import AudioError

RATE_HZ = 16_000


def tone(seconds: float = 0.5, rate_hz: int = RATE_HZ) -> np.ndarray:
    """A falling tone that fades in and out, so that no two parts are alike."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * (300 - 100 * time_s) * time_s) * np.hanning(time_s.size)).astype(np.float32)


def encoded(form: str, subtype: str | None = None, samples: np.ndarray | None = None, rate_hz: int = RATE_HZ) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tone(rate_hz=rate_hz) if samples is None else samples, rate_hz, format=form, subtype=subtype)
    return file.getvalue()


def through_av(form: str, codec: str, samples: np.ndarray | None = None, rate_hz: int = RATE_HZ) -> bytes:
    """The tone, or other (samples,), in a container that only PyAV reads."""
    av = pytest.importorskip("av", reason="m4a and webm are read with the extra emotone[media]")
    sound = tone(rate_hz=rate_hz) if samples is None else samples
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate_hz, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return file.getvalue()


def refused(source: object, text: str, **options: object) -> None:
    with pytest.raises(AudioError, match=text):
        audio.read(source, **options)  # type: ignore[arg-type]
