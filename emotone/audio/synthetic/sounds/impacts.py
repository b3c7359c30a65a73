"""Things that hit things: keyboards, doors, hands, feet, glass."""

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
    partials,
    put,
    resonant,
    swell,
)


def _hit(chance: np.random.Generator, low_hz: float, high_hz: float, half_s: float, bodies: int = 3) -> Sound:
    """A blow: a body's resonances, dying away."""
    long_s = min(1.0, 12 * half_s)
    centres_hz = chance.uniform(low_hz, high_hz, size=bodies)
    body = resonant(noise(chance, long_s), centres_hz, between(chance, 30, 200)) * decay(long_s, half_s, 0.0005)
    click = noise(chance, long_s) * decay(long_s, 0.0015, 0.0002)
    return body / max(float(np.abs(body).max()), 1e-9) + chance.uniform(0, 0.5) * click


def _repeated(
    chance: np.random.Generator, seconds: float, per_s: float, uneven: float, hits: list[Sound], spread_db: float = 10
) -> Sound:
    sound = np.zeros(length(seconds))
    for at_s in moments(chance, seconds, per_s, uneven):
        put(sound, hits[chance.integers(len(hits))] * 10 ** (chance.uniform(-spread_db, 0) / 20), at_s)
    return sound


def clicks(chance: np.random.Generator, seconds: float) -> Sound:
    """Single samples, or a mouse."""
    sharp = [np.array([1.0, -0.6, 0.2]), _hit(chance, 1500, 6000, 0.002), _hit(chance, 2000, 7000, 0.001)]
    return _repeated(chance, seconds, between(chance, 0.8, 12), chance.random(), sharp)


def typing(chance: np.random.Generator, seconds: float) -> Sound:
    """A keyboard: every key goes down and up, in runs with pauses."""
    sound = np.zeros(length(seconds))
    keys = [_hit(chance, 800, 6000, between(chance, 0.002, 0.008)) for _ in range(6)]
    at_s, per_s = 0.0, between(chance, 3, 10)
    while at_s < seconds:
        key, loud = keys[chance.integers(6)], 10 ** (chance.uniform(-10, 0) / 20)
        put(sound, loud * key, at_s)
        put(sound, 0.4 * loud * key, at_s + chance.uniform(0.05, 0.1))
        at_s += chance.gamma(3, 1 / (3 * per_s)) + (chance.exponential(0.5) if chance.random() < 0.1 else 0)
    return sound + between(chance, 1e-4, 0.02) * noise(chance, seconds, -4)


def knocking(chance: np.random.Generator, seconds: float) -> Sound:
    """Knuckles on a door, three or four times."""
    hits = [_hit(chance, 80, 900, between(chance, 0.008, 0.03)) for _ in range(2)]
    sound, at_s = np.zeros(length(seconds)), 0.1 * chance.random()
    while at_s < seconds:
        for _ in range(chance.integers(2, 6)):
            put(sound, hits[chance.integers(2)] * 10 ** (chance.uniform(-6, 0) / 20), at_s)
            at_s += chance.uniform(0.12, 0.3)
        at_s += chance.uniform(0.3, 1.5)
    return sound


def clapping(chance: np.random.Generator, seconds: float) -> Sound:
    """One pair of hands, or a hall."""
    hands = int(between(chance, 1, 40))
    sound = np.zeros(length(seconds))
    for _ in range(hands):
        clap = band(noise(chance, 0.08), between(chance, 400, 1000), between(chance, 2000, 6000))
        clap *= decay(0.08, between(chance, 0.005, 0.015), 0.001)
        sound += _repeated(chance, seconds, between(chance, 2, 6), 0.2, [clap]) * chance.uniform(0.2, 1)
    return sound


def footsteps(chance: np.random.Generator, seconds: float) -> Sound:
    """Heel and sole, on wood, stone or gravel."""
    steps = []
    for _ in range(3):
        step = np.zeros(length(0.3))
        put(step, _hit(chance, 60, between(chance, 400, 3000), between(chance, 0.006, 0.02)), 0)
        scrape = noise(chance, 0.12, chance.uniform(-3, 2)) * swell(0.12, 0.04, 0.08)
        put(step, chance.uniform(0, 0.4) * scrape, 0.05)
        steps.append(step)
    return _repeated(chance, seconds, between(chance, 1.2, 3.5), 0.1, steps, 6)


def glass(chance: np.random.Generator, seconds: float) -> Sound:
    """Glasses and coins: bright inharmonic rings."""
    rings = []
    for _ in range(4):
        long_s, base_hz = between(chance, 0.1, 0.8), between(chance, 1200, 4000)
        ring = sum(
            chance.uniform(0.2, 1) * partials(base_hz * ratio, [1.0], long_s) * decay(long_s, long_s / 6)
            for ratio in (1, chance.uniform(1.3, 1.9), chance.uniform(2, 3))
        )
        rings.append(np.asarray(ring))
    return _repeated(chance, seconds, between(chance, 0.8, 8), 0.8, rings, 15)


def bouncing(chance: np.random.Generator, seconds: float) -> Sound:
    """A ball that comes to rest."""
    sound, hit = np.zeros(length(seconds)), _hit(chance, 80, 1500, between(chance, 0.005, 0.02))
    at_s, gap_s, loud, keep = 0.0, between(chance, 0.3, 0.7), 1.0, chance.uniform(0.7, 0.9)
    while at_s < seconds:
        put(sound, loud * hit, at_s)
        at_s += gap_s
        gap_s, loud = (gap_s * keep, loud * keep) if gap_s > 0.03 else (between(chance, 0.3, 0.7), 1.0)
    return sound


def slam(chance: np.random.Generator, seconds: float) -> Sound:
    """A door: one blow, with a rattle, in a room."""
    sound = np.zeros(length(seconds))
    for at_s in moments(chance, seconds, 0.8, 1.0):
        put(sound, _hit(chance, 50, 500, between(chance, 0.03, 0.12)), at_s)
        put(sound, 0.3 * _hit(chance, 800, 4000, 0.02), at_s + 0.05)
    return sound + 1e-3 * noise(chance, seconds, -4)


def rustling(chance: np.random.Generator, seconds: float) -> Sound:
    """Paper, clothes, a bag: uneven bursts of bright noise."""
    sound = np.zeros(length(seconds))
    for at_s in moments(chance, seconds, between(chance, 2, 15), 1.0):
        long_s = between(chance, 0.02, 0.4)
        burst = noise(chance, long_s, chance.uniform(-3, 4)) * swell(long_s, long_s / 3, long_s / 2)
        put(sound, between(chance, 0.1, 1) * burst, at_s)
    return band(sound, between(chance, 200, 2000), 8000)


def hammer(chance: np.random.Generator, seconds: float) -> Sound:
    """Metal on metal or wood, ringing."""
    hits = [_hit(chance, 300, 5000, between(chance, 0.01, 0.08), bodies=6)]
    return _repeated(chance, seconds, between(chance, 1, 5), 0.15, hits, 5)


def scratching(chance: np.random.Generator, seconds: float) -> Sound:
    """A pen on paper, a brush: strokes of noise a few times a second."""
    sound = np.zeros(length(seconds))
    for at_s in moments(chance, seconds, between(chance, 1.5, 7), 0.4):
        long_s = between(chance, 0.06, 0.3)
        stroke = band(noise(chance, long_s), between(chance, 600, 3000), between(chance, 3500, 7800))
        put(sound, stroke * swell(long_s, long_s / 3, long_s / 3) * 10 ** (chance.uniform(-8, 0) / 20), at_s)
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
