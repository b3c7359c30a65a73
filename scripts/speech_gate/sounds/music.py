"""Melodies and chords of synthetic instruments, with and without drums."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import scipy.signal

from emotone.audio.read import RATE_HZ
from scripts.speech_gate.sounds import drums
from scripts.speech_gate.sounds._synthesis import (
    Maker,
    Sound,
    band,
    between,
    decay,
    length,
    noise,
    partials,
    put,
    swell,
    times,
    turning,
    wander,
)

Instrument = Callable[[np.random.Generator, float, float], Sound]
"""(rng, hz, seconds) -> one note."""
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), (0, 3, 5, 6, 7, 10))


def plucked(rng: np.random.Generator, hz: float, seconds: float) -> Sound:
    """A string by Karplus and Strong (Computer Music Journal 7(2), 1983): a noise burst in a feedback loop."""
    period = max(2, round(RATE_HZ / hz))
    burst = np.zeros(length(seconds))
    burst[: min(period, burst.size)] = rng.uniform(-1, 1, min(period, burst.size))
    loss = 0.5 * (1 - rng.uniform(0.001, 0.01))
    loop = np.zeros(period + 2)
    loop[0], loop[period], loop[period + 1] = 1, -loss, -loss
    return np.asarray(scipy.signal.lfilter([1.0], loop, burst)) * swell(seconds, 1e-4, 0.02)


def struck(rng: np.random.Generator, hz: float, seconds: float) -> Sound:
    """A piano or a guitar: decaying partials, high ones faster."""
    sound = np.zeros(length(seconds))
    for number in range(1, 12):
        if number * hz < 7800:
            fade = decay(seconds, between(rng, 0.2, 0.8) / number**0.6, 0.003)
            sound += fade * rng.uniform(0.3, 1) / number * np.sin(turning(hz * number * (1 + 4e-4 * number), seconds))
    return sound * swell(seconds, 1e-4, 0.03)


def rung(rng: np.random.Generator, hz: float, seconds: float) -> Sound:
    """A bell or a marimba: inharmonic partials."""
    sound = np.zeros(length(seconds))
    for ratio in (1, 2.0, 2.76, 3.98, 5.4, 8.9)[: rng.integers(2, 7)]:
        if ratio * hz < 7800:
            sound += rng.uniform(0.2, 1) / ratio * decay(seconds, between(rng, 0.1, 0.7)) * np.sin(
                turning(hz * ratio, seconds)
            )  # fmt: skip
    return sound


def _bent(rng: np.random.Generator, hz: float, seconds: float) -> Sound:
    """A pitch with vibrato of delayed onset."""
    depth = rng.uniform(0, 0.02) * np.minimum(1, times(seconds) / 0.3)
    return hz * (1 + depth * np.sin(turning(between(rng, 4, 7), seconds)))


def bowed(rng: np.random.Generator, hz: float, seconds: float) -> Sound:
    sound = partials(_bent(rng, hz, seconds), rng.uniform(0.3, 1, 20) / np.arange(1, 21), seconds)
    return (sound + 0.02 * noise(rng, seconds)) * swell(seconds, between(rng, 0.03, 0.15), 0.08)


def blown(rng: np.random.Generator, hz: float, seconds: float) -> Sound:
    """A flute or a clarinet."""
    number = np.arange(1, 10)
    amplitudes = rng.uniform(0.3, 1, 9) * number**-1.5 * np.where(number % 2, 1, rng.uniform(0.05, 1))
    breath = rng.uniform(0, 0.1) * band(noise(rng, seconds), hz, 4 * hz)
    return (partials(_bent(rng, hz, seconds), amplitudes, seconds) + breath) * swell(seconds, 0.05, 0.06)


def brass(rng: np.random.Generator, hz: float, seconds: float) -> Sound:
    """Brighter when louder."""
    open_ = swell(seconds, between(rng, 0.03, 0.12), 0.08)
    dull, bright = (partials(_bent(rng, hz, seconds), fall ** np.arange(18), seconds) for fall in (0.5, 0.85))
    return open_ * (dull * (1 - open_) + bright * open_)


def organ(rng: np.random.Generator, hz: float, seconds: float) -> Sound:
    stops = np.zeros(16)
    stops[[0, 1, 2, 3, 5, 7, 15]] = rng.uniform(0, 1, 7)
    return partials(hz, stops + 1e-3, seconds) * swell(seconds, 0.01, 0.02)


def synthetic(rng: np.random.Generator, hz: float, seconds: float) -> Sound:
    """Two detuned sawtooth oscillators through a moving filter."""
    fall, apart = 1 / np.arange(1, 25), 1 + rng.uniform(0.002, 0.01)
    saws = partials(hz, fall, seconds) + partials(hz * apart, fall, seconds)
    dull, place = (
        band(saws, 20, between(rng, 300, 1500)),
        0.5 + 0.5 * np.cos(turning(between(rng, 0.3, 4), seconds)),
    )
    return (saws * place + dull * (1 - place)) * swell(seconds, between(rng, 0.005, 0.2), 0.05)


INSTRUMENTS: Mapping[str, Instrument] = {
    "plucked": plucked,
    "struck": struck,
    "rung": rung,
    "bowed": bowed,
    "blown": blown,
    "brass": brass,
    "organ": organ,
    "synthetic": synthetic,
}


def _instrument(rng: np.random.Generator) -> Instrument:
    return list(INSTRUMENTS.values())[rng.integers(len(INSTRUMENTS))]


def _note_hz(key_hz: float, scale: tuple[int, ...], step: int) -> float:
    octave, degree = divmod(step, len(scale))
    return float(np.clip(key_hz * 2 ** (octave + scale[degree] / 12), 40, 3500))


def melody(rng: np.random.Generator, seconds: float) -> Sound:
    """One note after another, with rests."""
    sound, play = np.zeros(length(seconds)), _instrument(rng)
    key_hz, scale, beat_s = between(rng, 80, 900), _SCALES[rng.integers(len(_SCALES))], between(rng, 0.15, 0.6)
    at_s, step, overlap = 0.0, 0, rng.uniform(0.8, 1.6)
    while at_s < seconds:
        long_s = beat_s * float(rng.choice([0.5, 1, 1, 1, 2, 3]))
        if rng.random() > 0.1:
            note = play(rng, _note_hz(key_hz, scale, step), max(0.05, long_s * overlap))
            put(sound, note * 10 ** (rng.uniform(-8, 0) / 20), at_s)
        step = int(np.clip(step + rng.integers(-3, 4), -7, 9))
        at_s += long_s
    return sound


def chords(rng: np.random.Generator, seconds: float) -> Sound:
    """Three or four notes at once, held or as arpeggio."""
    sound, play = np.zeros(length(seconds)), _instrument(rng)
    key_hz, scale, bar_s = between(rng, 80, 400), _SCALES[rng.integers(2)], between(rng, 0.4, 2.5)
    broken = rng.random() < 0.35
    for at_s in np.arange(0, seconds, bar_s):
        root = int(rng.choice([0, 3, 4, 5, 1]))
        for number in range(rng.integers(3, 5)):
            late = number * bar_s / 4 if broken else 0.01 * rng.random()
            hz = _note_hz(key_hz, scale, root + 2 * number)
            put(sound, play(rng, hz, 1.05 * bar_s - 0.9 * late), at_s + late)
    return sound


def bass(rng: np.random.Generator, seconds: float) -> Sound:
    """A line of low notes."""
    sound, play = np.zeros(length(seconds)), _instrument(rng)
    beat_s, key_hz = between(rng, 0.15, 0.5), between(rng, 40, 90)
    for at_s in np.arange(0, seconds, beat_s):
        if rng.random() < 0.8:
            put(sound, play(rng, _note_hz(key_hz, _SCALES[1], int(rng.integers(0, 6))), 0.95 * beat_s), at_s)
    return sound


def pad(rng: np.random.Generator, seconds: float) -> Sound:
    """A chord that swells and drifts."""
    sound, root_hz = np.zeros(length(seconds)), between(rng, 60, 300)
    for semitones in (0, 7, 12, float(rng.choice([15, 16])), 19)[: rng.integers(2, 6)]:
        hz = root_hz * 2 ** (semitones / 12) * (1 + 0.002 * wander(rng, seconds, 2))
        sound += (1 + 0.5 * wander(rng, seconds, 0.7)) * partials(hz, 0.6 ** np.arange(12), seconds)
    return sound


def whistling(rng: np.random.Generator, seconds: float) -> Sound:
    """A whistled tune with glides between notes."""
    beat_s, tune = between(rng, 0.2, 0.6), rng.integers(-5, 8, size=int(seconds * 10) + 4)
    place = times(seconds) / beat_s
    glide = np.minimum(1, (place % 1) / rng.uniform(0.05, 0.4))
    before, now = tune[place.astype(int)], tune[place.astype(int) + 1]
    hz = between(rng, 600, 1500) * 2 ** ((before + (now - before) * glide) / 12)
    loud = np.clip(0.7 + 0.4 * wander(rng, seconds, 3), 0, 1)
    return loud * (np.sin(turning(hz * (1 + 0.004 * wander(rng, seconds, 12)), seconds)) + 0.03 * noise(rng, seconds))


def players(rng: np.random.Generator, seconds: float) -> Sound:
    """A random subset of melody, chords, bass and drums."""
    parts = [part for part in (melody, chords, bass, drums.loop) if rng.random() < 0.65] or [melody, drums.loop]
    tracks = [part(rng, seconds) for part in parts]
    return sum((rng.uniform(0.3, 1) * track / max(float(np.abs(track).max()), 1e-9) for track in tracks),
               np.zeros(length(seconds)))  # fmt: skip


KINDS: Mapping[str, Maker] = {
    "melody": melody,
    "chords": chords,
    "bass": bass,
    "pad": pad,
    "whistling": whistling,
    "band": players,
}
