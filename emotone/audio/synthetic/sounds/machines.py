"""Motors, fans, mains hum, trains."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emotone.audio.synthetic.sounds._synthesis import (
    Maker,
    Sound,
    band,
    between,
    decay,
    moments,
    noise,
    partials,
    put,
    resonant,
    shaped,
    times,
    turning,
    wander,
)


def _firing(chance: np.random.Generator, hz: Sound, seconds: float) -> Sound:
    """Pulses of a motor at this rate through its exhaust, with its noise."""
    phase = turning(hz, seconds) / (2 * np.pi)
    pulses = np.exp(-between(chance, 4, 20) * (phase % 1)) * (1 + 0.2 * np.sin(np.pi * phase))
    pulses = pulses - pulses.mean()
    blown = pulses * noise(chance, seconds) * chance.uniform(0, 0.6)
    pipes_hz = np.sort(chance.uniform(60, 2500, size=chance.integers(2, 5)))
    sound = resonant(pulses + blown, pipes_hz, between(chance, 40, 300))
    return sound / float(sound.std()) + chance.uniform(0, 0.4) * noise(chance, seconds, -5)


def engine(chance: np.random.Generator, seconds: float) -> Sound:
    """A motor that runs evenly."""
    hz = between(chance, 15, 200) * (1 + chance.uniform(0, 0.02) * wander(chance, seconds, 3))
    return _firing(chance, hz, seconds)


def revs(chance: np.random.Generator, seconds: float) -> Sound:
    """A motor that is driven up and down."""
    hz = between(chance, 30, 110) * 2 ** (0.5 * wander(chance, seconds, between(chance, 0.5, 2.5)))
    return _firing(chance, hz, seconds) * np.sqrt(hz / float(hz.max()))


def passing(chance: np.random.Generator, seconds: float) -> Sound:
    """A car that drives by."""
    away = (times(seconds) - chance.uniform(0.2, 0.8) * seconds) * between(chance, 0.7, 3)
    hz = between(chance, 50, 160) * (1 - 0.08 * np.tanh(2 * away))
    return (_firing(chance, hz, seconds) + noise(chance, seconds, -4)) / (0.3 + away**2)


def mains(chance: np.random.Generator, seconds: float) -> Sound:
    """Hum of 50 or 60 Hz with harmonics and some hiss."""
    base_hz = float(chance.choice([50, 60])) * float(chance.choice([1, 2]))
    fall = between(chance, 0.5, 0.95)
    hum = partials(base_hz, chance.uniform(0, 1, 30) * fall ** np.arange(30), seconds)
    return hum / float(hum.std()) + between(chance, 0.001, 0.3) * noise(chance, seconds, chance.uniform(-4, 0))


def fan(chance: np.random.Generator, seconds: float) -> Sound:
    """Air and blades."""
    blades_hz = between(chance, 20, 300)
    tones = partials(blades_hz, 0.6 ** np.arange(8), seconds)
    air = noise(chance, seconds, chance.uniform(-7, -2)) * (1 + 0.2 * np.sin(turning(blades_hz / 4, seconds)))
    return air + chance.uniform(0, 0.8) * tones


def vacuum(chance: np.random.Generator, seconds: float) -> Sound:
    """A roar with a whine that gives way under load."""
    hz = between(chance, 150, 700) * (1 + 0.03 * wander(chance, seconds, 1.5))
    whine = partials(hz, 0.7 ** np.arange(10) * chance.uniform(0.2, 1, 10), seconds)
    return band(noise(chance, seconds), 150, between(chance, 1500, 6000)) + chance.uniform(0.1, 1) * whine


def drill(chance: np.random.Generator, seconds: float) -> Sound:
    """A motor switched on and off under changing load, with harsh harmonics."""
    on = np.clip(4 * wander(chance, seconds, between(chance, 0.6, 2)) + 2, 0, 1)
    hz = between(chance, 100, 500) * (0.5 + 0.5 * on) * (1 + 0.05 * wander(chance, seconds, 5))
    return on * (partials(hz, 1 / np.arange(1, 25), seconds) + 0.5 * noise(chance, seconds, 2))


def train(chance: np.random.Generator, seconds: float) -> Sound:
    """Rumble, and wheels over joints in pairs."""
    sound = noise(chance, seconds, -7) * np.exp(0.3 * wander(chance, seconds, 2))
    for at_s in moments(chance, seconds, between(chance, 0.8, 2.5), 0.05):
        for shift in (0, between(chance, 0.1, 0.2)):
            put(sound, 4 * resonant(noise(chance, 0.1), [180, 700, 1600], 120) * decay(0.1, 0.015), at_s + shift)
    return sound


def helicopter(chance: np.random.Generator, seconds: float) -> Sound:
    """Noise chopped some ten times a second."""
    chop = np.maximum(0, np.sin(turning(between(chance, 6, 25), seconds))) ** chance.integers(1, 8)
    return (0.2 + chop) * noise(chance, seconds, chance.uniform(-9, -3))


def washing(chance: np.random.Generator, seconds: float) -> Sound:
    """Water and a motor in a drum that turns about once a second."""
    turn = 1 + 0.6 * np.sin(turning(between(chance, 0.5, 2), seconds))
    motor = partials(between(chance, 80, 250), 0.7 ** np.arange(12), seconds)
    return turn * noise(chance, seconds, -4) + chance.uniform(0, 0.6) * motor


def saw(chance: np.random.Generator, seconds: float) -> Sound:
    """To and fro: bursts of rough noise."""
    stroke = np.abs(np.sin(turning(between(chance, 0.8, 2.5), seconds)))
    teeth = 1 + 0.8 * np.sin(turning(120 * stroke + 30, seconds))
    return stroke * teeth * shaped(noise(chance, seconds), lambda hz: (hz / 1500) / (1 + (hz / 1500) ** 2))


KINDS: Mapping[str, Maker] = {
    "engine": engine,
    "revs": revs,
    "passing": passing,
    "mains": mains,
    "fan": fan,
    "vacuum": vacuum,
    "drill": drill,
    "train": train,
    "helicopter": helicopter,
    "washing": washing,
    "saw": saw,
}
