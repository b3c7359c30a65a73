"""Drums: loops, hand drums, a shaker, a metronome."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scripts.speech_gate.sounds._synthesis import (
    Maker,
    Sound,
    band,
    between,
    decay,
    length,
    moments,
    noise,
    put,
    resonant,
    times,
    turning,
)


def _kick(rng: np.random.Generator) -> Sound:
    hz = between(rng, 40, 80) * (1 + 4 * np.exp(-times(0.3) / 0.02))
    return np.sin(turning(hz, 0.3)) * decay(0.3, between(rng, 0.04, 0.1))


def _snare(rng: np.random.Generator) -> Sound:
    rattle = band(noise(rng, 0.2), 800, 7000) * decay(0.2, between(rng, 0.02, 0.06))
    return rattle + np.sin(turning(between(rng, 150, 250), 0.2)) * decay(0.2, 0.03)


def _hat(rng: np.random.Generator) -> Sound:
    long_s = between(rng, 0.03, 0.25)
    return 0.4 * band(noise(rng, long_s), 5000, 9000) * decay(long_s, long_s / 5)


def _tom(rng: np.random.Generator) -> Sound:
    long_s, hz = 0.4, between(rng, 70, 400)
    bend = 1 + rng.uniform(-0.15, 0.3) * np.exp(-times(long_s) / 0.05)
    skin = np.sin(turning(hz * bend, long_s)) + 0.5 * np.sin(turning(1.59 * hz * bend, long_s))
    return skin * decay(long_s, between(rng, 0.03, 0.12)) + 0.3 * noise(rng, long_s) * decay(long_s, 0.005)


def loop(rng: np.random.Generator, seconds: float) -> Sound:
    """Kick, snare and hat in a pattern of sixteen steps."""
    sound, step_s = np.zeros(length(seconds)), between(rng, 0.09, 0.2)
    drums = [_kick(rng), _snare(rng), _hat(rng), _tom(rng)]
    pattern = rng.random((4, 16)) < np.array([0.3, 0.2, 0.6, 0.1])[:, None]
    pattern[0, 0], pattern[1, 4], pattern[1, 12] = True, True, True
    for number, at_s in enumerate(np.arange(0, seconds, step_s)):
        for drum, beats in zip(drums, pattern, strict=True):
            if beats[number % 16]:
                put(sound, drum * 10 ** (rng.uniform(-6, 0) / 20), at_s + 0.004 * rng.random())
    return sound


def hand(rng: np.random.Generator, seconds: float) -> Sound:
    """A hand drum of a few pitches, in free rhythm."""
    sound, drums = np.zeros(length(seconds)), [_tom(rng) for _ in range(3)]
    for at_s in moments(rng, seconds, between(rng, 2, 9), 0.3):
        put(sound, drums[rng.integers(3)] * 10 ** (rng.uniform(-15, 0) / 20), at_s)
    return sound


def shaker(rng: np.random.Generator, seconds: float) -> Sound:
    sound = np.zeros(length(seconds))
    for at_s in moments(rng, seconds, between(rng, 3, 9), 0.05):
        long_s = between(rng, 0.04, 0.12)
        grain = band(noise(rng, long_s), 3000, 8000) * np.sin(np.pi * times(long_s) / long_s) ** 2
        put(sound, grain * 10 ** (rng.uniform(-8, 0) / 20), at_s)
    return sound


def metronome(rng: np.random.Generator, seconds: float) -> Sound:
    sound, hz = np.zeros(length(seconds)), between(rng, 700, 3000)
    tick = resonant(noise(rng, 0.05), [hz, 2.3 * hz], 80) * decay(0.05, 0.006, 0.0005)
    for at_s in moments(rng, seconds, between(rng, 0.7, 4), 0.0):
        put(sound, tick, at_s)
    return sound


def roll(rng: np.random.Generator, seconds: float) -> Sound:
    """A drum roll that swells."""
    sound, snare = np.zeros(length(seconds)), _snare(rng)
    for at_s in moments(rng, seconds, between(rng, 12, 30), 0.1):
        put(sound, snare * (0.2 + 0.8 * at_s / seconds) * rng.uniform(0.7, 1), at_s)
    return sound


KINDS: Mapping[str, Maker] = {"loop": loop, "hand": hand, "shaker": shaker, "metronome": metronome, "roll": roll}
