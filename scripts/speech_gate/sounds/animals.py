"""Birds, insects, frogs. Barking, mewing and crowing are left out: they resemble voices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scripts.speech_gate.sounds._synthesis import (
    Maker,
    Sound,
    between,
    decay,
    length,
    moments,
    noise,
    partials,
    put,
    resonant,
    swell,
    times,
    turning,
    wander,
)


def birds(rng: np.random.Generator, seconds: float) -> Sound:
    """One to three birds, each with its own phrase."""
    sound = np.zeros(length(seconds))
    for _ in range(rng.integers(1, 4)):
        phrase = []
        for _ in range(rng.integers(1, 6)):
            long_s = between(rng, 0.03, 0.25)
            slide = rng.uniform(-0.7, 0.7) * times(long_s) / long_s
            trill = rng.choice([0, 0, 0.1]) * np.sin(turning(between(rng, 15, 50), long_s))
            hz = np.clip(between(rng, 1500, 5000) * 2 ** (slide + trill), 800, 7600)
            phrase.append(np.sin(turning(hz, long_s)) * swell(long_s, long_s / 4, long_s / 3))
        loud, gap_s = between(rng, 0.2, 1), between(rng, 0.02, 0.1)
        for at_s in moments(rng, seconds, between(rng, 0.5, 2.5), 0.6):
            for syllable in phrase:
                put(sound, loud * syllable, at_s)
                at_s += syllable.size / 16_000 + gap_s
    return sound + between(rng, 1e-3, 0.1) * noise(rng, seconds, -4)


def cuckoo(rng: np.random.Generator, seconds: float) -> Sound:
    """Calls of two low tones: cuckoo, dove, owl."""
    sound, hz = np.zeros(length(seconds)), between(rng, 300, 900)
    for at_s in moments(rng, seconds, between(rng, 0.6, 1.5), 0.2):
        for number, ratio in enumerate((1, rng.uniform(0.75, 1.1))):
            call = partials(hz * ratio * (1 - 0.03 * times(0.22) / 0.22), [1, 0.15, 0.05], 0.22)
            put(sound, call * swell(0.22, 0.05, 0.08), at_s + 0.3 * number)
    return sound + between(rng, 1e-3, 0.05) * noise(rng, seconds, -3)


def crickets(rng: np.random.Generator, seconds: float) -> Sound:
    """High tones in fast pulses, in groups."""
    hz, pulse_hz = between(rng, 2500, 5500), between(rng, 20, 60)
    group = (times(seconds) * between(rng, 0.8, 4)) % 1 < rng.uniform(0.3, 1)
    pulses = np.maximum(0, np.sin(turning(pulse_hz, seconds)))
    return group * pulses * np.sin(turning(hz, seconds)) + between(rng, 1e-3, 0.1) * noise(rng, seconds, -3)


def bees(rng: np.random.Generator, seconds: float) -> Sound:
    """A buzz that wanders near and away."""
    hz = between(rng, 120, 500) * (1 + 0.06 * wander(rng, seconds, between(rng, 1, 5)))
    near = np.exp(0.7 * wander(rng, seconds, between(rng, 0.5, 3)))
    return near * partials(hz, 0.75 ** np.arange(20), seconds) + 0.02 * noise(rng, seconds)


def frogs(rng: np.random.Generator, seconds: float) -> Sound:
    """Croaks: pulses through one or two resonances."""
    croak_s, rate_hz = between(rng, 0.1, 0.5), between(rng, 25, 90)
    croak = np.zeros(length(croak_s))
    for at_s in moments(rng, croak_s, rate_hz, 0.03):
        put(croak, noise(rng, 0.01) * decay(0.01, 0.002, 0.0005), at_s)
    croak = resonant(croak, rng.uniform(400, 2500, size=2), between(rng, 60, 200)) * swell(croak_s, 0.03, 0.05)
    sound = np.zeros(length(seconds))
    for at_s in moments(rng, seconds, between(rng, 0.7, 2.5), 0.3):
        put(sound, croak, at_s)
    return sound + 1e-3 * float(np.abs(croak).max()) * noise(rng, seconds, -3)


KINDS: Mapping[str, Maker] = {"birds": birds, "cuckoo": cuckoo, "crickets": crickets, "bees": bees, "frogs": frogs}
