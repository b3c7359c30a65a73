"""Birds, insects, frogs. Barking, mewing and crowing are left out: they are voices, if not ours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emotone.audio.synthetic.sounds._synthesis import (
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


def birds(chance: np.random.Generator, seconds: float) -> Sound:
    """One to three birds, each with a phrase of its own."""
    sound = np.zeros(length(seconds))
    for _ in range(chance.integers(1, 4)):
        phrase = []
        for _ in range(chance.integers(1, 6)):
            long_s = between(chance, 0.03, 0.25)
            slide = chance.uniform(-0.7, 0.7) * times(long_s) / long_s
            trill = chance.choice([0, 0, 0.1]) * np.sin(turning(between(chance, 15, 50), long_s))
            hz = np.clip(between(chance, 1500, 5000) * 2 ** (slide + trill), 800, 7600)
            phrase.append(np.sin(turning(hz, long_s)) * swell(long_s, long_s / 4, long_s / 3))
        loud, gap_s = between(chance, 0.2, 1), between(chance, 0.02, 0.1)
        for at_s in moments(chance, seconds, between(chance, 0.5, 2.5), 0.6):
            for syllable in phrase:
                put(sound, loud * syllable, at_s)
                at_s += syllable.size / 16_000 + gap_s
    return sound + between(chance, 1e-3, 0.1) * noise(chance, seconds, -4)


def cuckoo(chance: np.random.Generator, seconds: float) -> Sound:
    """Calls of two low tones: cuckoo, dove, owl."""
    sound, hz = np.zeros(length(seconds)), between(chance, 300, 900)
    for at_s in moments(chance, seconds, between(chance, 0.6, 1.5), 0.2):
        for number, ratio in enumerate((1, chance.uniform(0.75, 1.1))):
            call = partials(hz * ratio * (1 - 0.03 * times(0.22) / 0.22), [1, 0.15, 0.05], 0.22)
            put(sound, call * swell(0.22, 0.05, 0.08), at_s + 0.3 * number)
    return sound + between(chance, 1e-3, 0.05) * noise(chance, seconds, -3)


def crickets(chance: np.random.Generator, seconds: float) -> Sound:
    """High tones in fast pulses, in groups."""
    hz, pulse_hz = between(chance, 2500, 5500), between(chance, 20, 60)
    group = (times(seconds) * between(chance, 0.8, 4)) % 1 < chance.uniform(0.3, 1)
    pulses = np.maximum(0, np.sin(turning(pulse_hz, seconds)))
    return group * pulses * np.sin(turning(hz, seconds)) + between(chance, 1e-3, 0.1) * noise(chance, seconds, -3)


def bees(chance: np.random.Generator, seconds: float) -> Sound:
    """A buzz that wanders near and away."""
    hz = between(chance, 120, 500) * (1 + 0.06 * wander(chance, seconds, between(chance, 1, 5)))
    near = np.exp(0.7 * wander(chance, seconds, between(chance, 0.5, 3)))
    return near * partials(hz, 0.75 ** np.arange(20), seconds) + 0.02 * noise(chance, seconds)


def frogs(chance: np.random.Generator, seconds: float) -> Sound:
    """Croaks: pulses through one or two resonances."""
    croak_s, rate_hz = between(chance, 0.1, 0.5), between(chance, 25, 90)
    croak = np.zeros(length(croak_s))
    for at_s in moments(chance, croak_s, rate_hz, 0.03):
        put(croak, noise(chance, 0.01) * decay(0.01, 0.002, 0.0005), at_s)
    croak = resonant(croak, chance.uniform(400, 2500, size=2), between(chance, 60, 200)) * swell(croak_s, 0.03, 0.05)
    sound = np.zeros(length(seconds))
    for at_s in moments(chance, seconds, between(chance, 0.7, 2.5), 0.3):
        put(sound, croak, at_s)
    return sound + 1e-3 * float(np.abs(croak).max()) * noise(chance, seconds, -3)


KINDS: Mapping[str, Maker] = {"birds": birds, "cuckoo": cuckoo, "crickets": crickets, "bees": bees, "frogs": frogs}
