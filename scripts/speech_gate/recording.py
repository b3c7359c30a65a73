"""Random recording conditions (room, microphone, telephone, noise), applied alike to speech and to other sounds."""

from __future__ import annotations

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from emotone.audio.read import RATE_HZ, Samples
from scripts.speech_gate.sounds._synthesis import Sound, band, noise, shaped

_MU = 255.0
_BLOCK = RATE_HZ // 100


def recorded(sound: Samples, rng: np.random.Generator) -> Samples:
    """(samples,) after a random subset of the changes below, at a peak level of -45 to 0 dB, rounded to 16 bits."""
    changed = sound.astype(np.float64)
    if rng.random() < 0.5:
        changed = coloured(changed, rng)
    if rng.random() < 0.3:
        changed = in_a_room(changed, rng)
    if rng.random() < 0.6:
        changed = with_noise(changed, rng, rng.uniform(15, 50))
    if rng.random() < 0.15:
        changed = by_telephone(changed, rng)
    elif rng.random() < 0.2:
        changed = band(changed, 20, rng.uniform(2500, 7500))
    return at_level(changed, rng.uniform(-45, 0))


def coloured(sound: Sound, rng: np.random.Generator, most_db: float = 8.0) -> Sound:
    """A smooth random frequency response, within `most_db` up or down, as of a microphone or a loudspeaker."""
    gains_db = rng.uniform(-most_db, most_db, size=6)
    octaves = np.log2([60, 200, 600, 1500, 3500, 8000])
    return shaped(sound, lambda hz: 10 ** (np.interp(np.log2(np.maximum(hz, 20)), octaves, gains_db) / 20))


def in_a_room(sound: Sound, rng: np.random.Generator, reverberation_s: float | None = None) -> Sound:
    """Reverberation of 0.15 to 1 s, at a random distance."""
    fade_s = rng.uniform(0.15, 1.0) if reverberation_s is None else reverberation_s
    tail = noise(rng, fade_s, -1.5)
    tail *= 10 ** (-3 * np.arange(tail.size) / tail.size)
    tail[0] = 0.0
    response = tail / np.sqrt((tail**2).sum()) * 10 ** (rng.uniform(-15, 0) / 20)
    response[0] = 1.0
    return np.asarray(scipy.signal.fftconvolve(sound, response)[: sound.size])


def with_noise(sound: Sound, rng: np.random.Generator, snr_db: float) -> Sound:
    """Stationary noise of random spectral slope at this signal-to-noise ratio."""
    return mixed(sound, noise(rng, sound.size / RATE_HZ, rng.uniform(-6, 0)), snr_db)


def mixed(sound: Sound, other: NDArray[np.floating], snr_db: float) -> Sound:
    """Two sounds at once; the second is `snr_db` below the first, measured outside of the first's pauses."""
    power = np.add.reduceat(np.square(sound), np.arange(0, sound.size, _BLOCK)) / _BLOCK
    loud = power[power >= 1e-3 * power.max()]
    level = np.sqrt(loud.mean() / max(float(np.square(other).mean()), 1e-20))
    mix: Sound = sound + other * level * 10 ** (-snr_db / 20)
    return mix


def by_telephone(sound: Sound, rng: np.random.Generator) -> Sound:
    """300 to 3400 Hz, through mu-law of 8 bits (ITU-T G.711)."""
    narrow = scipy.signal.sosfilt(scipy.signal.butter(4, [300, 3400], "bandpass", fs=RATE_HZ, output="sos"), sound)
    peak = max(float(np.abs(narrow).max()), 1e-9) * 10 ** (rng.uniform(0, 12) / 20)
    coded = np.sign(narrow) * np.log1p(_MU * np.abs(narrow) / peak) / np.log1p(_MU)
    coded = np.round(coded * 127) / 127
    return np.asarray(np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(_MU)) / _MU * peak)


def at_level(sound: Sound, peak_db: float) -> Samples:
    """(samples,) float32 with its peak at this level, rounded to 16 bits; silence stays silent."""
    peak = float(np.abs(sound).max(initial=0.0))
    scaled = sound * (10 ** (peak_db / 20) / peak) if peak > 0 else sound
    return (np.round(np.clip(scaled, -1, 32767 / 32768) * 32768) / 32768).astype(np.float32)
