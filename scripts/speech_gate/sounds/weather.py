"""Wind, water, fire."""

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
    swell,
    times,
    turning,
    wander,
)


def wind(rng: np.random.Generator, seconds: float) -> Sound:
    """Rumble that comes in gusts, at times with a whistle."""
    gusts = np.exp(0.8 * wander(rng, seconds, between(rng, 0.4, 2.5)))
    sound = gusts * noise(rng, seconds, rng.uniform(-12, -5))
    if rng.random() < 0.4:
        howl = resonant(noise(rng, seconds), between(rng, 300, 1200), between(rng, 15, 80))
        sound += 0.5 * gusts**2 * howl / howl.std()
    return sound


def on_the_microphone(rng: np.random.Generator, seconds: float) -> Sound:
    """Wind that hits a microphone: bursts of low rumble."""
    return np.exp(1.2 * wander(rng, seconds, between(rng, 3, 10))) * noise(rng, seconds, -12)


def rain(rng: np.random.Generator, seconds: float) -> Sound:
    """A hiss of far drops, and near ones."""
    sound = between(rng, 0.02, 0.5) * noise(rng, seconds, rng.uniform(-2, 2))
    for at_s in moments(rng, seconds, between(rng, 10, 150), 1.0):
        drop = noise(rng, 0.012) * decay(0.012, between(rng, 0.0006, 0.003), 0.0003)
        put(sound, between(rng, 0.1, 2) * drop, at_s)
    return band(sound, between(rng, 100, 800), between(rng, 3000, 7500))


def surf(rng: np.random.Generator, seconds: float) -> Sound:
    """Waves on a beach."""
    slow = 0.5 - 0.5 * np.cos(turning(between(rng, 0.1, 0.4), seconds, rng.random()))
    bright = noise(rng, seconds, 0) * slow**2
    return noise(rng, seconds, -6) * (0.2 + slow) + 0.5 * bright


def stream(rng: np.random.Generator, seconds: float) -> Sound:
    """Bubbles: short tones that rise."""
    sound = 0.05 * noise(rng, seconds, -2)
    for at_s in moments(rng, seconds, between(rng, 8, 60), 1.0):
        long_s = between(rng, 0.01, 0.06)
        hz = between(rng, 400, 3000) * (1 + rng.uniform(0, 0.6) * times(long_s) / long_s)
        put(sound, between(rng, 0.1, 1) * np.sin(turning(hz, long_s)) * decay(long_s, long_s / 4), at_s)
    return sound


def thunder(rng: np.random.Generator, seconds: float) -> Sound:
    """A crack, and a long roll."""
    roll = noise(rng, seconds, -9) * np.exp(0.7 * wander(rng, seconds, 6)) * decay(seconds, 0.8, 0.02)
    crack = noise(rng, 0.15, -3) * decay(0.15, 0.02)
    put(roll, rng.uniform(0, 3) * crack, rng.uniform(0, seconds / 3))
    return roll + 1e-3 * noise(rng, seconds, -3)


def fire(rng: np.random.Generator, seconds: float) -> Sound:
    """Crackling over a soft roar."""
    sound = 0.1 * noise(rng, seconds, -8)
    for at_s in moments(rng, seconds, between(rng, 4, 40), 1.0):
        long_s = between(rng, 0.002, 0.03)
        put(sound, between(rng, 0.05, 1) * noise(rng, long_s, 2) * decay(long_s, long_s / 5, 0.0005), at_s)
    return sound


def pouring(rng: np.random.Generator, seconds: float) -> Sound:
    """A glass being filled: noise whose resonance rises."""
    sound = np.zeros(length(seconds))
    step_s = 0.08
    for at_s in np.arange(0, seconds, step_s / 2):
        grain = noise(rng, step_s) * swell(step_s, step_s / 2, step_s / 2)
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
