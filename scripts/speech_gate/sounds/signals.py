"""Signal tones: beeps, sirens, telephones, horns."""

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
    swell,
    times,
    turning,
    wander,
)

_KEYS_HZ = ((697, 770, 852, 941), (1209, 1336, 1477, 1633))


def _timbre(rng: np.random.Generator) -> Sound:
    """Amplitudes of partials: a sine, a triangle, a square or a sawtooth."""
    number = np.arange(1, 20)
    odd = number % 2
    kinds = (np.array([1.0]), odd / number**2, odd / number, 1 / number)
    return np.asarray(kinds[rng.integers(len(kinds))], dtype=np.float64)


def tone(rng: np.random.Generator, seconds: float) -> Sound:
    return partials(between(rng, 60, 6000), [1.0], seconds)


def tones(rng: np.random.Generator, seconds: float) -> Sound:
    """Several steady tones at once."""
    return sum((partials(between(rng, 80, 3000), _timbre(rng), seconds) for _ in range(rng.integers(2, 6))),
               np.zeros(length(seconds)))  # fmt: skip


def chirp(rng: np.random.Generator, seconds: float) -> Sound:
    """A frequency sweep, single or repeated."""
    low_hz, high_hz = between(rng, 50, 600), between(rng, 1000, 7500)
    place = (times(seconds) * between(rng, 0.3, 6)) % 1
    place = 1 - place if rng.random() < 0.5 else place
    return np.sin(turning(low_hz * (high_hz / low_hz) ** place, seconds))


def siren(rng: np.random.Generator, seconds: float) -> Sound:
    """Wail, yelp, or two alternating tones."""
    low_hz, per_s = between(rng, 300, 800), between(rng, 0.2, 4)
    turn = turning(per_s, seconds, rng.random())
    up = np.sign(np.sin(turn)) if rng.random() < 0.4 else np.sin(turn)
    return partials(low_hz * 2 ** (rng.uniform(0.2, 1.2) * (up + 1) / 2), _timbre(rng), seconds)


def keys(rng: np.random.Generator, seconds: float) -> Sound:
    """Touch-tone dialling."""
    sound, on_s = np.zeros(length(seconds)), between(rng, 0.06, 0.2)
    for at_s in moments(rng, seconds, 0.6 / on_s, 0.3):
        pair = [rng.choice(row) for row in _KEYS_HZ]
        put(sound, sum(np.sin(turning(hz, on_s)) for hz in pair) * swell(on_s, 0.003, 0.003), at_s)
    return sound


def line(rng: np.random.Generator, seconds: float) -> Sound:
    """Dial, ringing and busy tones."""
    pairs = ((350, 440), (440, 480), (480, 620), (425, 425), (400, 450))
    pair = np.array(pairs[rng.integers(len(pairs))])
    on = (times(seconds) * between(rng, 0.2, 4) + rng.random()) % 1 < rng.choice([0.35, 0.5, 1.0])
    return np.asarray(on * sum(np.sin(turning(hz, seconds)) for hz in pair))


def beeps(rng: np.random.Generator, seconds: float) -> Sound:
    """An alarm clock, a reversing lorry, a smoke detector."""
    sound, per_s = np.zeros(length(seconds)), between(rng, 0.7, 8)
    on_s, hz, timbre = rng.uniform(0.2, 0.8) / per_s, between(rng, 400, 4000), _timbre(rng)
    for number, at_s in enumerate(moments(rng, seconds, per_s, 0.02)):
        if number % 8 < rng.integers(3, 9):
            put(sound, partials(hz, timbre, on_s) * swell(on_s, 0.004, 0.004), at_s)
    return sound


def morse(rng: np.random.Generator, seconds: float) -> Sound:
    """Short and long beeps; the signal whose rhythm is most similar to syllables."""
    sound, unit_s, hz, at_s = np.zeros(length(seconds)), between(rng, 0.04, 0.12), between(rng, 300, 1200), 0.0
    while at_s < seconds:
        on_s = unit_s * float(rng.choice([1, 3]))
        put(sound, np.sin(turning(hz, on_s)) * swell(on_s, 0.005, 0.005), at_s)
        at_s += on_s + unit_s * float(rng.choice([1, 1, 1, 3, 7]))
    return sound


def horn(rng: np.random.Generator, seconds: float) -> Sound:
    """A car's or a ship's horn: one to three harsh tones at once."""
    base_hz, sound = between(rng, 90, 500), np.zeros(length(seconds))
    for at_s in moments(rng, seconds, between(rng, 0.4, 2), 0.8):
        on_s = between(rng, 0.15, 1.5)
        for ratio in (1, 1.26, 1.5)[: rng.integers(1, 4)]:
            put(sound, partials(base_hz * ratio, 0.8 ** np.arange(20), on_s) * swell(on_s, 0.03, 0.06), at_s)
    return sound


def chime(rng: np.random.Generator, seconds: float) -> Sound:
    """Notifications and door bells: a few ringing tones, then silence."""
    sound, hz = np.zeros(length(seconds)), between(rng, 300, 1500)
    for number in range(rng.integers(1, 5)):
        tune = hz * 2 ** (rng.integers(-7, 8) / 12)
        ring = partials(tune, [1, 0.4, 0.2], 1.2) * decay(1.2, between(rng, 0.05, 0.4))
        put(sound, ring, number * between(rng, 0.08, 0.4))
    return sound


def modem(rng: np.random.Generator, seconds: float) -> Sound:
    """Frequency-shift keying: tones that change hundreds of times a second."""
    baud, low_hz = between(rng, 30, 600), between(rng, 800, 1800)
    bits = rng.integers(0, 2, size=int(seconds * baud) + 2)[(times(seconds) * baud).astype(int)]
    return np.sin(turning(low_hz + bits * between(rng, 100, 1000), seconds))


def arcade(rng: np.random.Generator, seconds: float) -> Sound:
    """Game sounds: tones that jump and glide."""
    sound = np.zeros(length(seconds))
    for at_s in moments(rng, seconds, between(rng, 1.5, 6), 0.5):
        on_s = between(rng, 0.05, 0.4)
        hz = between(rng, 200, 2000) * 2 ** (rng.uniform(-2, 2) * times(on_s) / on_s)
        put(sound, partials(hz, _timbre(rng), on_s) * swell(on_s, 0.003, 0.02), at_s)
    return sound


def feedback(rng: np.random.Generator, seconds: float) -> Sound:
    """Acoustic feedback between microphone and loudspeaker."""
    grow = np.minimum(1, 0.02 * np.exp(times(seconds) * between(rng, 1, 6)))
    hz = between(rng, 250, 4000) * (1 + 0.002 * wander(rng, seconds, 4))
    return grow * partials(hz, [1, 0.2, 0.1], seconds) + 0.01 * noise(rng, seconds, -3)


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
