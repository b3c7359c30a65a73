"""Background sounds: continuous ones 20 dB below the speech, single events 10 dB below it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
from scipy.signal import butter, sosfilt

from emotone.audio import synthetic
from emotone.audio.disturbances._group import Group, Sound
from emotone.audio.disturbances._levels import peak, with_noise
from emotone.audio.read import RATE_HZ, resample

group = Group(
    "background",
    "Other sounds, quieter than the speech.",
    least_unchanged=0.9,
    least_uar_change=-0.05,
)
_SNR_DB, _BURST_SNR_DB = 20.0, 10.0
_VOICES, _TALK_S = 24, 6.0


@group.disturbance
def white_background(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """White noise at an SNR of 20 dB."""
    return with_noise(sound, rng.standard_normal(sound.size), _SNR_DB)


@group.disturbance
def babble(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """Four to seven synthetic voices at once, at an SNR of 20 dB."""
    voices = [_voice(sound.size, rate_hz, rng) for _ in range(rng.integers(4, 8))]
    return with_noise(sound, np.sum(voices, axis=0), _SNR_DB)


@group.disturbance
def environment(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """Coloured noise of varying level, with a hum and some knocks, at an SNR of 20 dB."""
    size = sound.size
    noise = coloured(size, rng.uniform(0.5, 2.0), rng)
    swell = 10 ** (_slow(size, rate_hz, rng.uniform(0.5, 4.0), rng) * 6 / 20)
    hum_hz, turn = rng.uniform(50, 250), np.arange(size) / rate_hz
    hum = [np.sin(2 * np.pi * hum_hz * n * turn + rng.uniform(0, 2 * np.pi)) / n for n in range(1, 6)]
    background = noise * swell + rng.uniform(0, 0.5) * np.sum(hum, axis=0)
    for _ in range(rng.poisson(1.5 * size / rate_hz)):
        knock = _decaying_noise(rate_hz, rng.uniform(0.005, 0.04), (200, rng.uniform(1000, 4000)), rng)
        background += _placed(2 * knock, size, rng)
    return with_noise(sound, background, _SNR_DB)


@group.disturbance
def music(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """Chords with harmonics and a drum beat, at an SNR of 20 dB."""
    size, beat_s = sound.size, 60 / rng.uniform(80, 140)
    turn = np.arange(size) / rate_hz
    background = np.zeros(size)
    root = rng.uniform(110, 220)
    for number in range(int(size / rate_hz / beat_s) + 1):
        first = round(number * beat_s * rate_hz)
        since = turn[: size - first]
        third = rng.choice([3, 4])
        degree = rng.choice([0, 5, 7, 9])
        for step in (0, third, 7, 12):
            hz = root * 2 ** ((degree + step) / 12)
            for harmonic in range(1, 7):
                if harmonic * hz < rate_hz / 2:
                    wave = np.sin(2 * np.pi * harmonic * hz * since + rng.uniform(0, 2 * np.pi))
                    background[first:] += wave * np.exp(-since * (2 + harmonic)) / harmonic
        drum = np.sin(2 * np.pi * (50 * since + 5 * (1 - np.exp(-since / 0.03)))) * np.exp(-since / 0.08)
        hat = rng.standard_normal(since.size) * np.exp(-since / 0.02)
        background[first:] += 3 * drum + 0.3 * hat
    return with_noise(sound, background, _SNR_DB)


@group.disturbance
def cough(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """One cough-like burst at a random time, 10 dB below the clip while it lasts."""
    burst = _decaying_noise(rate_hz, rng.uniform(0.04, 0.07), (300, 3500), rng)
    rest = _decaying_noise(rate_hz, rng.uniform(0.08, 0.12), (200, 1500), rng)
    voiced_hz, since = rng.uniform(120, 260), np.arange(rest.size) / rate_hz
    rest *= 0.5 * (1 + np.sign(np.sin(2 * np.pi * voiced_hz * since)))  # the vocal folds close again
    return _once(sound, np.concatenate([burst, 0.4 * rest]), rng)


@group.disturbance
def sneeze(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """One sneeze-like burst at a random time, 10 dB below the clip while it lasts."""
    breath = _decaying_noise(rate_hz, rng.uniform(0.06, 0.1), (800, 3000), rng)[::-1]
    burst = _decaying_noise(rate_hz, rng.uniform(0.06, 0.1), (1000, 7000), rng)
    return _once(sound, np.concatenate([0.15 * breath, burst]), rng)


def coloured(size: int, slope: float, rng: np.random.Generator) -> Sound:
    """(size,) noise whose power falls with frequency to the power `slope`: 0 is white, 1 pink, 2 brown; RMS about 1."""
    spectrum = scipy.fft.rfft(rng.standard_normal(size))
    shape = np.maximum(np.arange(spectrum.size), 1) ** (-slope / 2)
    noise = scipy.fft.irfft(spectrum * shape, size)
    return np.asarray(noise / max(float(noise.std()), 1e-12))


def _voice(size: int, rate_hz: int, rng: np.random.Generator) -> Sound:
    """(size,) a random synthetic voice, from a random time on, looped, at a random level."""
    speech = _talk(int(rng.integers(_VOICES)), rate_hz)
    place = (int(rng.integers(speech.size)) + np.arange(size)) % speech.size
    return speech[place] * float(rng.uniform(0.5, 1.0))


@lru_cache(maxsize=4 * _VOICES)
def _talk(speaker: int, rate_hz: int) -> Sound:
    """Six seconds of a synthetic voice; RMS 1."""
    speech = synthetic.syllables("neutral", speaker=speaker, seconds=_TALK_S)
    return np.asarray(resample(speech / speech.std(), RATE_HZ, rate_hz), dtype=np.float64)


def _slow(size: int, rate_hz: int, hz: float, rng: np.random.Generator) -> Sound:
    """(size,) linear interpolation between `hz` normal numbers per second."""
    points = int(size / rate_hz * hz) + 2
    return np.interp(np.linspace(0, points - 1, size), np.arange(points), rng.standard_normal(points))


def _decaying_noise(rate_hz: int, decay_s: float, band_hz: tuple[float, float], rng: np.random.Generator) -> Sound:
    """Band-limited noise with a sharp onset and exponential decay, five decay times long; its peak is 1."""
    since = np.arange(max(1, round(5 * decay_s * rate_hz))) / rate_hz
    band = (band_hz[0], min(band_hz[1], 0.45 * rate_hz))
    noise = sosfilt(butter(2, band, "bandpass", fs=rate_hz, output="sos"), rng.standard_normal(since.size))
    shaped = noise * np.minimum(since / 0.003, 1) * np.exp(-since / decay_s)
    return np.asarray(shaped / max(peak(shaped), 1e-12))


def _placed(burst: Sound, size: int, rng: np.random.Generator) -> Sound:
    """(size,) silence with the burst at a random time; a longer burst is cut."""
    burst = burst[:size]
    first = int(rng.integers(0, size - burst.size + 1))
    return np.pad(burst, (first, size - burst.size - first))


def _once(sound: Sound, burst: Sound, rng: np.random.Generator) -> Sound:
    """The sound with a burst that is 10 dB below it while it lasts."""
    burst = burst[: sound.size]
    while_it_lasts = (burst.size / max(sound.size, 1)) ** 0.5  # its RMS over the whole clip is lower by this factor
    return with_noise(sound, _placed(burst, sound.size, rng), _BURST_SNR_DB - 20 * np.log10(while_it_lasts))
