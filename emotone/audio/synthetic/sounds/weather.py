"""Wind, water, fire."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emotone.audio.synthetic.sounds._synthesis import (
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
    swell,
    times,
    turning,
    wander,
)


def wind(chance: np.random.Generator, seconds: float) -> Sound:
    """Rumble that comes in gusts, at times with a whistle."""
    gusts = np.exp(0.8 * wander(chance, seconds, between(chance, 0.4, 2.5)))
    sound = gusts * noise(chance, seconds, chance.uniform(-12, -5))
    if chance.random() < 0.4:
        howl = resonant(noise(chance, seconds), between(chance, 300, 1200), between(chance, 15, 80))
        sound += 0.5 * gusts**2 * howl / howl.std()
    return sound


def on_the_microphone(chance: np.random.Generator, seconds: float) -> Sound:
    """Wind that hits a microphone: bursts of low rumble."""
    return np.exp(1.2 * wander(chance, seconds, between(chance, 3, 10))) * noise(chance, seconds, -12)


def rain(chance: np.random.Generator, seconds: float) -> Sound:
    """A hiss of far drops, and near ones."""
    sound = between(chance, 0.02, 0.5) * noise(chance, seconds, chance.uniform(-2, 2))
    for at_s in moments(chance, seconds, between(chance, 10, 150), 1.0):
        drop = noise(chance, 0.012) * decay(0.012, between(chance, 0.0006, 0.003), 0.0003)
        put(sound, between(chance, 0.1, 2) * drop, at_s)
    return band(sound, between(chance, 100, 800), between(chance, 3000, 7500))


def surf(chance: np.random.Generator, seconds: float) -> Sound:
    """Waves on a beach."""
    slow = 0.5 - 0.5 * np.cos(turning(between(chance, 0.1, 0.4), seconds, chance.random()))
    bright = noise(chance, seconds, 0) * slow**2
    return noise(chance, seconds, -6) * (0.2 + slow) + 0.5 * bright


def stream(chance: np.random.Generator, seconds: float) -> Sound:
    """Bubbles: short tones that rise."""
    sound = 0.05 * noise(chance, seconds, -2)
    for at_s in moments(chance, seconds, between(chance, 8, 60), 1.0):
        long_s = between(chance, 0.01, 0.06)
        hz = between(chance, 400, 3000) * (1 + chance.uniform(0, 0.6) * times(long_s) / long_s)
        put(sound, between(chance, 0.1, 1) * np.sin(turning(hz, long_s)) * decay(long_s, long_s / 4), at_s)
    return sound


def thunder(chance: np.random.Generator, seconds: float) -> Sound:
    """A crack, and a long roll."""
    roll = noise(chance, seconds, -9) * np.exp(0.7 * wander(chance, seconds, 6)) * decay(seconds, 0.8, 0.02)
    crack = noise(chance, 0.15, -3) * decay(0.15, 0.02)
    put(roll, chance.uniform(0, 3) * crack, chance.uniform(0, seconds / 3))
    return roll + 1e-3 * noise(chance, seconds, -3)


def fire(chance: np.random.Generator, seconds: float) -> Sound:
    """Crackling over a soft roar."""
    sound = 0.1 * noise(chance, seconds, -8)
    for at_s in moments(chance, seconds, between(chance, 4, 40), 1.0):
        long_s = between(chance, 0.002, 0.03)
        put(sound, between(chance, 0.05, 1) * noise(chance, long_s, 2) * decay(long_s, long_s / 5, 0.0005), at_s)
    return sound


def pouring(chance: np.random.Generator, seconds: float) -> Sound:
    """A glass being filled: noise whose resonance rises."""
    sound = np.zeros(length(seconds))
    step_s = 0.08
    for at_s in np.arange(0, seconds, step_s / 2):
        grain = noise(chance, step_s) * swell(step_s, step_s / 2, step_s / 2)
        put(sound, resonant(grain, 400 + 1200 * at_s / seconds, 120) + 0.05 * grain, float(at_s))
    return sound


KINDS: Mapping[str, Maker] = {
    "wind": wind,
    "on_the_microphone": on_the_microphone,
    "rain": rain,
    "surf": surf,
    "stream": stream,
    "thunder": thunder,
    "fire": fire,
    "pouring": pouring,
}
