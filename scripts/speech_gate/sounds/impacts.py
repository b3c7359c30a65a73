"""Impacts: keyboards, doors, hands, feet, glass."""

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
    partials,
    put,
    resonant,
    swell,
)


def _hit(rng: np.random.Generator, low_hz: float, high_hz: float, half_s: float, bodies: int = 3) -> Sound:
    """A hit: decaying resonances of a body, and a click."""
    long_s = min(1.0, 12 * half_s)
    centres_hz = rng.uniform(low_hz, high_hz, size=bodies)
    body = resonant(noise(rng, long_s), centres_hz, between(rng, 30, 200)) * decay(long_s, half_s, 0.0005)
    click = noise(rng, long_s) * decay(long_s, 0.0015, 0.0002)
    return body / max(float(np.abs(body).max()), 1e-9) + rng.uniform(0, 0.5) * click


def _repeated(
    rng: np.random.Generator, seconds: float, per_s: float, uneven: float, hits: list[Sound], spread_db: float = 10
) -> Sound:
    sound = np.zeros(length(seconds))
    for at_s in moments(rng, seconds, per_s, uneven):
        put(sound, hits[rng.integers(len(hits))] * 10 ** (rng.uniform(-spread_db, 0) / 20), at_s)
    return sound


def clicks(rng: np.random.Generator, seconds: float) -> Sound:
    """Single samples, or a mouse."""
    sharp = [np.array([1.0, -0.6, 0.2]), _hit(rng, 1500, 6000, 0.002), _hit(rng, 2000, 7000, 0.001)]
    return _repeated(rng, seconds, between(rng, 0.8, 12), rng.random(), sharp)


def typing(rng: np.random.Generator, seconds: float) -> Sound:
    """A keyboard: every key goes down and up, in runs with pauses."""
    sound = np.zeros(length(seconds))
    keys = [_hit(rng, 800, 6000, between(rng, 0.002, 0.008)) for _ in range(6)]
    at_s, per_s = 0.0, between(rng, 3, 10)
    while at_s < seconds:
        key, loud = keys[rng.integers(6)], 10 ** (rng.uniform(-10, 0) / 20)
        put(sound, loud * key, at_s)
        put(sound, 0.4 * loud * key, at_s + rng.uniform(0.05, 0.1))
        at_s += rng.gamma(3, 1 / (3 * per_s)) + (rng.exponential(0.5) if rng.random() < 0.1 else 0)
    return sound + between(rng, 1e-4, 0.02) * noise(rng, seconds, -4)


def knocking(rng: np.random.Generator, seconds: float) -> Sound:
    """Knuckles on a door, three or four times."""
    hits = [_hit(rng, 80, 900, between(rng, 0.008, 0.03)) for _ in range(2)]
    sound, at_s = np.zeros(length(seconds)), 0.1 * rng.random()
    while at_s < seconds:
        for _ in range(rng.integers(2, 6)):
            put(sound, hits[rng.integers(2)] * 10 ** (rng.uniform(-6, 0) / 20), at_s)
            at_s += rng.uniform(0.12, 0.3)
        at_s += rng.uniform(0.3, 1.5)
    return sound


def clapping(rng: np.random.Generator, seconds: float) -> Sound:
    """One pair of hands, or a hall."""
    hands = int(between(rng, 1, 40))
    sound = np.zeros(length(seconds))
    for _ in range(hands):
        clap = band(noise(rng, 0.08), between(rng, 400, 1000), between(rng, 2000, 6000))
        clap *= decay(0.08, between(rng, 0.005, 0.015), 0.001)
        sound += _repeated(rng, seconds, between(rng, 2, 6), 0.2, [clap]) * rng.uniform(0.2, 1)
    return sound


def footsteps(rng: np.random.Generator, seconds: float) -> Sound:
    """Heel and sole, on wood, stone or gravel."""
    steps = []
    for _ in range(3):
        step = np.zeros(length(0.3))
        put(step, _hit(rng, 60, between(rng, 400, 3000), between(rng, 0.006, 0.02)), 0)
        scrape = noise(rng, 0.12, rng.uniform(-3, 2)) * swell(0.12, 0.04, 0.08)
        put(step, rng.uniform(0, 0.4) * scrape, 0.05)
        steps.append(step)
    return _repeated(rng, seconds, between(rng, 1.2, 3.5), 0.1, steps, 6)


def glass(rng: np.random.Generator, seconds: float) -> Sound:
    """Glasses and coins: bright inharmonic rings."""
    rings = []
    for _ in range(4):
        long_s, base_hz = between(rng, 0.1, 0.8), between(rng, 1200, 4000)
        ring = sum(
            rng.uniform(0.2, 1) * partials(base_hz * ratio, [1.0], long_s) * decay(long_s, long_s / 6)
            for ratio in (1, rng.uniform(1.3, 1.9), rng.uniform(2, 3))
        )
        rings.append(np.asarray(ring))
    return _repeated(rng, seconds, between(rng, 0.8, 8), 0.8, rings, 15)


def bouncing(rng: np.random.Generator, seconds: float) -> Sound:
    """A ball that comes to rest."""
    sound, hit = np.zeros(length(seconds)), _hit(rng, 80, 1500, between(rng, 0.005, 0.02))
    at_s, gap_s, loud, keep = 0.0, between(rng, 0.3, 0.7), 1.0, rng.uniform(0.7, 0.9)
    while at_s < seconds:
        put(sound, loud * hit, at_s)
        at_s += gap_s
        gap_s, loud = (gap_s * keep, loud * keep) if gap_s > 0.03 else (between(rng, 0.3, 0.7), 1.0)
    return sound


def slam(rng: np.random.Generator, seconds: float) -> Sound:
    """A door: one blow, with a rattle, in a room."""
    sound = np.zeros(length(seconds))
    for at_s in moments(rng, seconds, 0.8, 1.0):
        put(sound, _hit(rng, 50, 500, between(rng, 0.03, 0.12)), at_s)
        put(sound, 0.3 * _hit(rng, 800, 4000, 0.02), at_s + 0.05)
    return sound + 1e-3 * noise(rng, seconds, -4)


def rustling(rng: np.random.Generator, seconds: float) -> Sound:
    """Paper, clothes, a bag: uneven bursts of bright noise."""
    sound = np.zeros(length(seconds))
    for at_s in moments(rng, seconds, between(rng, 2, 15), 1.0):
        long_s = between(rng, 0.02, 0.4)
        burst = noise(rng, long_s, rng.uniform(-3, 4)) * swell(long_s, long_s / 3, long_s / 2)
        put(sound, between(rng, 0.1, 1) * burst, at_s)
    return band(sound, between(rng, 200, 2000), 8000)


def hammer(rng: np.random.Generator, seconds: float) -> Sound:
    """Metal on metal or wood, ringing."""
    hits = [_hit(rng, 300, 5000, between(rng, 0.01, 0.08), bodies=6)]
    return _repeated(rng, seconds, between(rng, 1, 5), 0.15, hits, 5)


def scratching(rng: np.random.Generator, seconds: float) -> Sound:
    """A pen on paper, a brush: strokes of noise a few times a second."""
    sound = np.zeros(length(seconds))
    for at_s in moments(rng, seconds, between(rng, 1.5, 7), 0.4):
        long_s = between(rng, 0.06, 0.3)
        stroke = band(noise(rng, long_s), between(rng, 600, 3000), between(rng, 3500, 7800))
        put(sound, stroke * swell(long_s, long_s / 3, long_s / 3) * 10 ** (rng.uniform(-8, 0) / 20), at_s)
    return sound


KINDS: Mapping[str, Maker] = {
    "clicks": clicks,
    "typing": typing,
    "knocking": knocking,
    "clapping": clapping,
    "footsteps": footsteps,
    "glass": glass,
    "bouncing": bouncing,
    "slam": slam,
    "rustling": rustling,
    "hammer": hammer,
    "scratching": scratching,
}
