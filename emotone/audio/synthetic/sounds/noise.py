"""Noise that stays as it is, or nearly."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from emotone.audio.synthetic.sounds._synthesis import (
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


def white(chance: np.random.Generator, seconds: float) -> Sound:
    return noise(chance, seconds)


def pink(chance: np.random.Generator, seconds: float) -> Sound:
    return noise(chance, seconds, -3)


def brown(chance: np.random.Generator, seconds: float) -> Sound:
    return noise(chance, seconds, -6)


def sloped(chance: np.random.Generator, seconds: float) -> Sound:
    return noise(chance, seconds, chance.uniform(-9, 5))


def banded(chance: np.random.Generator, seconds: float) -> Sound:
    low_hz = between(chance, 60, 3000)
    return band(noise(chance, seconds), low_hz, low_hz * between(chance, 1.3, 12))


def like_a_voice(chance: np.random.Generator, seconds: float) -> Sound:
    """The long-term spectrum of speech, and nothing else of it."""
    knee_hz, fall = between(chance, 350, 800), chance.uniform(6, 11)
    return shaped(
        noise(chance, seconds), lambda hz: (hz / (hz + 100)) * np.minimum(1, knee_hz / (hz + 1)) ** (fall / 6.02)
    )


def static(chance: np.random.Generator, seconds: float) -> Sound:
    """A radio between stations: noise whose level and band wander, with crackle."""
    base = band(noise(chance, seconds, chance.uniform(-4, 2)), 200, between(chance, 2000, 7000))
    base *= np.exp(0.3 * wander(chance, seconds, between(chance, 0.5, 6)))
    for at_s in moments(chance, seconds, between(chance, 2, 30), 1.0):
        put(base, 4 * noise(chance, 0.004), at_s)
    return base


def stepped(chance: np.random.Generator, seconds: float) -> Sound:
    """Noise switched between levels."""
    base = noise(chance, seconds, chance.uniform(-5, 2))
    edges = [0, *(int(at * 16_000) for at in moments(chance, seconds, between(chance, 0.5, 4), 0.5)), base.size]
    for start, end in itertools.pairwise(edges):
        base[start:end] *= 10 ** (chance.uniform(-25, 0) / 20)
    return base


def clipped(chance: np.random.Generator, seconds: float) -> Sound:
    return np.clip(noise(chance, seconds, chance.uniform(-6, 1)), -1, 1) * between(chance, 0.2, 1)


def vinyl(chance: np.random.Generator, seconds: float) -> Sound:
    """Hiss with crackles."""
    base = 0.05 * noise(chance, seconds, chance.uniform(-3, 1))
    for at_s in moments(chance, seconds, between(chance, 5, 60), 1.0):
        put(base, between(chance, 0.1, 1) * noise(chance, 0.002) * np.linspace(1, 0, length(0.002)), at_s)
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
