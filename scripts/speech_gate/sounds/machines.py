"""Motors, fans, mains hum, trains."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scripts.speech_gate.sounds._synthesis import (
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


def _firing(rng: np.random.Generator, hz: Sound, seconds: float) -> Sound:
    """Pulses of a motor at this rate through an exhaust, with noise."""
    phase = turning(hz, seconds) / (2 * np.pi)
    pulses = np.exp(-between(rng, 4, 20) * (phase % 1)) * (1 + 0.2 * np.sin(np.pi * phase))
    pulses = pulses - pulses.mean()
    blown = pulses * noise(rng, seconds) * rng.uniform(0, 0.6)
    pipes_hz = np.sort(rng.uniform(60, 2500, size=rng.integers(2, 5)))
    sound = resonant(pulses + blown, pipes_hz, between(rng, 40, 300))
    return sound / float(sound.std()) + rng.uniform(0, 0.4) * noise(rng, seconds, -5)


def engine(rng: np.random.Generator, seconds: float) -> Sound:
    """A motor that runs evenly."""
    hz = between(rng, 15, 200) * (1 + rng.uniform(0, 0.02) * wander(rng, seconds, 3))
    return _firing(rng, hz, seconds)


def revs(rng: np.random.Generator, seconds: float) -> Sound:
    """A motor that is driven up and down."""
    hz = between(rng, 30, 110) * 2 ** (0.5 * wander(rng, seconds, between(rng, 0.5, 2.5)))
    return _firing(rng, hz, seconds) * np.sqrt(hz / float(hz.max()))


def passing(rng: np.random.Generator, seconds: float) -> Sound:
    """A car that drives by."""
    away = (times(seconds) - rng.uniform(0.2, 0.8) * seconds) * between(rng, 0.7, 3)
    hz = between(rng, 50, 160) * (1 - 0.08 * np.tanh(2 * away))
    return (_firing(rng, hz, seconds) + noise(rng, seconds, -4)) / (0.3 + away**2)


def mains(rng: np.random.Generator, seconds: float) -> Sound:
    """Hum of 50 or 60 Hz with harmonics and some hiss."""
    base_hz = float(rng.choice([50, 60])) * float(rng.choice([1, 2]))
    fall = between(rng, 0.5, 0.95)
    hum = partials(base_hz, rng.uniform(0, 1, 30) * fall ** np.arange(30), seconds)
    return hum / float(hum.std()) + between(rng, 0.001, 0.3) * noise(rng, seconds, rng.uniform(-4, 0))


def fan(rng: np.random.Generator, seconds: float) -> Sound:
    """Air and blades."""
    blades_hz = between(rng, 20, 300)
    tones = partials(blades_hz, 0.6 ** np.arange(8), seconds)
    air = noise(rng, seconds, rng.uniform(-7, -2)) * (1 + 0.2 * np.sin(turning(blades_hz / 4, seconds)))
    return air + rng.uniform(0, 0.8) * tones


def vacuum(rng: np.random.Generator, seconds: float) -> Sound:
    """Band-limited noise with a tone whose pitch falls under load."""
    hz = between(rng, 150, 700) * (1 + 0.03 * wander(rng, seconds, 1.5))
    tone = partials(hz, 0.7 ** np.arange(10) * rng.uniform(0.2, 1, 10), seconds)
    return band(noise(rng, seconds), 150, between(rng, 1500, 6000)) + rng.uniform(0.1, 1) * tone


def drill(rng: np.random.Generator, seconds: float) -> Sound:
    """A motor switched on and off under changing load, with harsh harmonics."""
    on = np.clip(4 * wander(rng, seconds, between(rng, 0.6, 2)) + 2, 0, 1)
    hz = between(rng, 100, 500) * (0.5 + 0.5 * on) * (1 + 0.05 * wander(rng, seconds, 5))
    return on * (partials(hz, 1 / np.arange(1, 25), seconds) + 0.5 * noise(rng, seconds, 2))


def train(rng: np.random.Generator, seconds: float) -> Sound:
    """Rumble, and wheels over joints in pairs."""
    sound = noise(rng, seconds, -7) * np.exp(0.3 * wander(rng, seconds, 2))
    for at_s in moments(rng, seconds, between(rng, 0.8, 2.5), 0.05):
        for shift in (0, between(rng, 0.1, 0.2)):
            put(sound, 4 * resonant(noise(rng, 0.1), [180, 700, 1600], 120) * decay(0.1, 0.015), at_s + shift)
    return sound


def helicopter(rng: np.random.Generator, seconds: float) -> Sound:
    """Noise chopped some ten times a second."""
    chop = np.maximum(0, np.sin(turning(between(rng, 6, 25), seconds))) ** rng.integers(1, 8)
    return (0.2 + chop) * noise(rng, seconds, rng.uniform(-9, -3))


def washing(rng: np.random.Generator, seconds: float) -> Sound:
    """Water and a motor in a drum that turns about once a second."""
    turn = 1 + 0.6 * np.sin(turning(between(rng, 0.5, 2), seconds))
    motor = partials(between(rng, 80, 250), 0.7 ** np.arange(12), seconds)
    return turn * noise(rng, seconds, -4) + rng.uniform(0, 0.6) * motor


def saw(rng: np.random.Generator, seconds: float) -> Sound:
    """Alternating strokes of rough noise."""
    stroke = np.abs(np.sin(turning(between(rng, 0.8, 2.5), seconds)))
    teeth = 1 + 0.8 * np.sin(turning(120 * stroke + 30, seconds))
    return stroke * teeth * shaped(noise(rng, seconds), lambda hz: (hz / 1500) / (1 + (hz / 1500) ** 2))


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
