"""Sounds of known pitch, noise, and random syllables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
