"""Silence and near silence: the signal of a microphone when nobody speaks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scripts.speech_gate.sounds._synthesis import (
    Maker,
    Sound,
    between,
    length,
    moments,
    noise,
    partials,
    put,
    resonant,
    wander,
)


def digital(rng: np.random.Generator, seconds: float) -> Sound:
    """Digital silence: zeros."""
    return np.zeros(length(seconds))


def dither(rng: np.random.Generator, seconds: float) -> Sound:
    """Random steps of one 16-bit level."""
    return rng.integers(-1, 2, size=length(seconds)) / 32768


def offset(rng: np.random.Generator, seconds: float) -> Sound:
    """A constant offset with input noise."""
    return rng.uniform(-0.5, 0.5) + between(rng, 1e-5, 1e-3) * noise(rng, seconds)


def room(rng: np.random.Generator, seconds: float) -> Sound:
    """A quiet room: air, a distant motor, input noise."""
    air = noise(rng, seconds, rng.uniform(-9, -3))
    hum = partials(float(rng.choice([50, 60, 100, 120])), rng.uniform(0, 1, 8), seconds)
    boom = resonant(noise(rng, seconds), rng.uniform(40, 400, size=3), 20)
    mixed = air + rng.uniform(0, 0.5) * hum + rng.uniform(0, 1) * boom / float(boom.std())
    mixed += between(rng, 0.01, 0.5) * noise(rng, seconds)
    level: Sound = 10 ** (rng.uniform(-65, -35) / 20) * np.exp(0.1 * wander(rng, seconds, 2))
    return level * mixed


def bumped(rng: np.random.Generator, seconds: float) -> Sound:
    """A quiet room with bumps against the microphone."""
    sound = room(rng, seconds)
    for at_s in moments(rng, seconds, 0.7, 1.0):
        long_s = between(rng, 0.02, 0.2)
        thump = noise(rng, long_s, -9) * np.sin(np.pi * np.arange(length(long_s)) / length(long_s)) ** 2
        put(sound, between(rng, 2, 30) * float(sound.std()) * thump, at_s)
    return sound


KINDS: Mapping[str, Maker] = {"digital": digital, "dither": dither, "offset": offset, "room": room, "bumped": bumped}
