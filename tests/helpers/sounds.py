"""Sounds of known pitch, noise, and random syllables."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotone.audio import read as audio
from emotone.audio import synthetic
from emotone.inference.speech_segments import Span

Clip = NDArray[np.float32]


def buzz(pitch_hz: float | NDArray[np.float64], rate_hz: int = 16_000, seconds: float = 1.0) -> Clip:
    """A tone of up to ten harmonics below half the rate, of one pitch or of a pitch per sample."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(pitch_hz, round(seconds * rate_hz))) / rate_hz
    harmonics = range(1, min(10, int(0.45 * rate_hz / np.max(pitch_hz))) + 1)
    return np.asarray(0.1 * sum(np.sin(harmonic * phase) / harmonic for harmonic in harmonics), dtype=np.float32)


def noise(rate_hz: int, seconds: float = 2.0, seed: int = 0) -> Clip:
    """Noise whose level rises by 60 dB."""
    samples = np.random.default_rng(seed).standard_normal(round(seconds * rate_hz))
    return np.asarray(samples * np.geomspace(1e-3, 1, samples.size), dtype=np.float32)


def babble(seed: int = 0, rate_hz: int = 16_000) -> Clip:
    """Syllables of varying pitch with noise between them."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(6):
        seconds = rng.uniform(0.08, 0.25)
        glide = np.geomspace(*rng.uniform(120, 300, 2), round(seconds * rate_hz))
        parts += [buzz(glide, rate_hz, seconds), 0.01 * rng.standard_normal(round(0.06 * rate_hz))]
    return np.concatenate(parts).astype(np.float32)


@lru_cache
def spoken(phrases: int, pause_s: float) -> tuple[Clip, list[Span]]:
    """Phrases by espeak-ng at 16 kHz, faint noise of this length before each and after the last; and their places."""
    rng = np.random.default_rng(0)
    parts, places, at = [], [], 0
    with tempfile.TemporaryDirectory() as root:
        synthetic.write(root, seed=0, speakers=phrases, emotions=("angry",), sentences=synthetic.SENTENCES[:1])
        for path in sorted(Path(root).rglob("*.flac"))[:phrases]:
            clip = audio.read(path)
            parts += [rng.normal(scale=1e-3, size=round(pause_s * 16_000)), clip]
            first, last = audio.ends(clip, 16_000, below_db=30)
            at += parts[-2].size
            places.append(Span((at + first) / 16_000, (at + last) / 16_000))
            at += clip.size
    parts.append(parts[0])
    return np.concatenate(parts).astype(np.float32), places
