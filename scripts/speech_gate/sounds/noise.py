"""Stationary and nearly stationary noise."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from scripts.speech_gate.sounds._synthesis import (
    Maker,
    Sound,
    band,
    between,
    length,
    moments,
    noise,
    put,
    shaped,
    wander,
)


def white(rng: np.random.Generator, seconds: float) -> Sound:
    return noise(rng, seconds)


def pink(rng: np.random.Generator, seconds: float) -> Sound:
    return noise(rng, seconds, -3)


def brown(rng: np.random.Generator, seconds: float) -> Sound:
    return noise(rng, seconds, -6)


def sloped(rng: np.random.Generator, seconds: float) -> Sound:
    return noise(rng, seconds, rng.uniform(-9, 5))


def banded(rng: np.random.Generator, seconds: float) -> Sound:
    low_hz = between(rng, 60, 3000)
    return band(noise(rng, seconds), low_hz, low_hz * between(rng, 1.3, 12))


def like_a_voice(rng: np.random.Generator, seconds: float) -> Sound:
    """Noise with the long-term spectrum of speech."""
    knee_hz, fall = between(rng, 350, 800), rng.uniform(6, 11)
    return shaped(
        noise(rng, seconds), lambda hz: (hz / (hz + 100)) * np.minimum(1, knee_hz / (hz + 1)) ** (fall / 6.02)
    )


def static(rng: np.random.Generator, seconds: float) -> Sound:
    """A radio between stations: noise whose level and band wander, with crackle."""
    base = band(noise(rng, seconds, rng.uniform(-4, 2)), 200, between(rng, 2000, 7000))
    base *= np.exp(0.3 * wander(rng, seconds, between(rng, 0.5, 6)))
    for at_s in moments(rng, seconds, between(rng, 2, 30), 1.0):
        put(base, 4 * noise(rng, 0.004), at_s)
    return base


def stepped(rng: np.random.Generator, seconds: float) -> Sound:
    """Noise switched between levels."""
    base = noise(rng, seconds, rng.uniform(-5, 2))
    edges = [0, *(int(at * 16_000) for at in moments(rng, seconds, between(rng, 0.5, 4), 0.5)), base.size]
    for start, end in itertools.pairwise(edges):
        base[start:end] *= 10 ** (rng.uniform(-25, 0) / 20)
    return base


def clipped(rng: np.random.Generator, seconds: float) -> Sound:
    return np.clip(noise(rng, seconds, rng.uniform(-6, 1)), -1, 1) * between(rng, 0.2, 1)


def vinyl(rng: np.random.Generator, seconds: float) -> Sound:
    """Hiss with crackles."""
    base = 0.05 * noise(rng, seconds, rng.uniform(-3, 1))
    for at_s in moments(rng, seconds, between(rng, 5, 60), 1.0):
        put(base, between(rng, 0.1, 1) * noise(rng, 0.002) * np.linspace(1, 0, length(0.002)), at_s)
    return base


KINDS: Mapping[str, Maker] = {
    "white": white,
    "pink": pink,
    "brown": brown,
    "sloped": sloped,
    "banded": banded,
    "like_a_voice": like_a_voice,
    "static": static,
    "stepped": stepped,
    "clipped": clipped,
    "vinyl": vinyl,
}
