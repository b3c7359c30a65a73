"""Tones that tell something: beeps, sirens, telephones, horns."""

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
    swell,
    times,
    turning,
    wander,
)

_KEYS_HZ = ((697, 770, 852, 941), (1209, 1336, 1477, 1633))


def _timbre(chance: np.random.Generator) -> Sound:
    """Amplitudes of partials: a sine, a triangle, a square or a sawtooth."""
    number = np.arange(1, 20)
    odd = number % 2
    kinds = (np.array([1.0]), odd / number**2, odd / number, 1 / number)
    return np.asarray(kinds[chance.integers(len(kinds))], dtype=np.float64)


def tone(chance: np.random.Generator, seconds: float) -> Sound:
    return partials(between(chance, 60, 6000), [1.0], seconds)


def tones(chance: np.random.Generator, seconds: float) -> Sound:
    """Several at once, each steady."""
    return sum((partials(between(chance, 80, 3000), _timbre(chance), seconds) for _ in range(chance.integers(2, 6))),
               np.zeros(length(seconds)))  # fmt: skip


def chirp(chance: np.random.Generator, seconds: float) -> Sound:
    """A sweep, once or again and again."""
    low_hz, high_hz = between(chance, 50, 600), between(chance, 1000, 7500)
    place = (times(seconds) * between(chance, 0.3, 6)) % 1
    place = 1 - place if chance.random() < 0.5 else place
    return np.sin(turning(low_hz * (high_hz / low_hz) ** place, seconds))


def siren(chance: np.random.Generator, seconds: float) -> Sound:
    """Wailing, yelping, or two tones in turn."""
    low_hz, per_s = between(chance, 300, 800), between(chance, 0.2, 4)
    turn = turning(per_s, seconds, chance.random())
    up = np.sign(np.sin(turn)) if chance.random() < 0.4 else np.sin(turn)
    return partials(low_hz * 2 ** (chance.uniform(0.2, 1.2) * (up + 1) / 2), _timbre(chance), seconds)


def keys(chance: np.random.Generator, seconds: float) -> Sound:
    """Dialling by tones."""
    sound, on_s = np.zeros(length(seconds)), between(chance, 0.06, 0.2)
    for at_s in moments(chance, seconds, 0.6 / on_s, 0.3):
        pair = [chance.choice(row) for row in _KEYS_HZ]
        put(sound, sum(np.sin(turning(hz, on_s)) for hz in pair) * swell(on_s, 0.003, 0.003), at_s)
    return sound


def line(chance: np.random.Generator, seconds: float) -> Sound:
    """Dial, ringing and busy tones."""
    pairs = ((350, 440), (440, 480), (480, 620), (425, 425), (400, 450))
    pair = np.array(pairs[chance.integers(len(pairs))])
    on = (times(seconds) * between(chance, 0.2, 4) + chance.random()) % 1 < chance.choice([0.35, 0.5, 1.0])
    return np.asarray(on * sum(np.sin(turning(hz, seconds)) for hz in pair))


def beeps(chance: np.random.Generator, seconds: float) -> Sound:
    """An alarm clock, a reversing lorry, a smoke detector."""
    sound, per_s = np.zeros(length(seconds)), between(chance, 0.7, 8)
    on_s, hz, timbre = chance.uniform(0.2, 0.8) / per_s, between(chance, 400, 4000), _timbre(chance)
    for number, at_s in enumerate(moments(chance, seconds, per_s, 0.02)):
        if number % 8 < chance.integers(3, 9):
            put(sound, partials(hz, timbre, on_s) * swell(on_s, 0.004, 0.004), at_s)
    return sound


def morse(chance: np.random.Generator, seconds: float) -> Sound:
    """Short and long beeps; in rhythm the nearest to syllables."""
    sound, unit_s, hz, at_s = np.zeros(length(seconds)), between(chance, 0.04, 0.12), between(chance, 300, 1200), 0.0
    while at_s < seconds:
        on_s = unit_s * float(chance.choice([1, 3]))
        put(sound, np.sin(turning(hz, on_s)) * swell(on_s, 0.005, 0.005), at_s)
        at_s += on_s + unit_s * float(chance.choice([1, 1, 1, 3, 7]))
    return sound


def horn(chance: np.random.Generator, seconds: float) -> Sound:
    """A car's or a ship's: two or three harsh tones together."""
    base_hz, sound = between(chance, 90, 500), np.zeros(length(seconds))
    for at_s in moments(chance, seconds, between(chance, 0.4, 2), 0.8):
        on_s = between(chance, 0.15, 1.5)
        for ratio in (1, 1.26, 1.5)[: chance.integers(1, 4)]:
            put(sound, partials(base_hz * ratio, 0.8 ** np.arange(20), on_s) * swell(on_s, 0.03, 0.06), at_s)
    return sound


def chime(chance: np.random.Generator, seconds: float) -> Sound:
    """Notifications and door bells: a few ringing tones, then nothing."""
    sound, hz = np.zeros(length(seconds)), between(chance, 300, 1500)
    for number in range(chance.integers(1, 5)):
        tune = hz * 2 ** (chance.integers(-7, 8) / 12)
        ring = partials(tune, [1, 0.4, 0.2], 1.2) * decay(1.2, between(chance, 0.05, 0.4))
        put(sound, ring, number * between(chance, 0.08, 0.4))
    return sound


def modem(chance: np.random.Generator, seconds: float) -> Sound:
    """Data as tones that change hundreds of times a second."""
    baud, low_hz = between(chance, 30, 600), between(chance, 800, 1800)
    bits = chance.integers(0, 2, size=int(seconds * baud) + 2)[(times(seconds) * baud).astype(int)]
    return np.sin(turning(low_hz + bits * between(chance, 100, 1000), seconds))


def arcade(chance: np.random.Generator, seconds: float) -> Sound:
    """A game: tones that leap and slide."""
    sound = np.zeros(length(seconds))
    for at_s in moments(chance, seconds, between(chance, 1.5, 6), 0.5):
        on_s = between(chance, 0.05, 0.4)
        hz = between(chance, 200, 2000) * 2 ** (chance.uniform(-2, 2) * times(on_s) / on_s)
        put(sound, partials(hz, _timbre(chance), on_s) * swell(on_s, 0.003, 0.02), at_s)
    return sound


def feedback(chance: np.random.Generator, seconds: float) -> Sound:
    """A howl between microphone and loudspeaker."""
    grow = np.minimum(1, 0.02 * np.exp(times(seconds) * between(chance, 1, 6)))
    hz = between(chance, 250, 4000) * (1 + 0.002 * wander(chance, seconds, 4))
    return grow * partials(hz, [1, 0.2, 0.1], seconds) + 0.01 * noise(chance, seconds, -3)


KINDS: Mapping[str, Maker] = {
    "tone": tone,
    "tones": tones,
    "chirp": chirp,
    "siren": siren,
    "keys": keys,
    "line": line,
    "beeps": beeps,
    "morse": morse,
    "horn": horn,
    "chime": chime,
    "modem": modem,
    "arcade": arcade,
    "feedback": feedback,
}
