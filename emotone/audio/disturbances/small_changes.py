"""Small changes that a listener would not notice."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfilt

from emotone.audio.disturbances._group import Group, Sound
from emotone.audio.disturbances._levels import decibels, peak, with_noise

group = Group("small changes", "Changes that a listener would not notice.", least_unchanged=0.95)


@group.disturbance
def gain(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """1 or 2 dB louder or quieter; nothing is clipped."""
    return sound * decibels(rng.choice([-2, -1, 1, 2]))


@group.disturbance
def zeros_before(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """100, 500 or 1000 zeros before the clip, counted at 16 kHz: 6 to 63 ms."""
    return np.pad(sound, (_some(rate_hz, rng), 0))


@group.disturbance
def zeros_after(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """100, 500 or 1000 zeros after the clip, counted at 16 kHz."""
    return np.pad(sound, (0, _some(rate_hz, rng)))


@group.disturbance
def crop_start(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """The first 100, 500 or 1000 samples removed, counted at 16 kHz; at most half of the clip."""
    return sound[min(_some(rate_hz, rng), sound.size // 2) :]


@group.disturbance
def crop_end(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """The last 100, 500 or 1000 samples removed, counted at 16 kHz; at most half of the clip."""
    return sound[: sound.size - min(_some(rate_hz, rng), sound.size // 2)]


@group.disturbance
def clipping(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """The loudest 0.1, 0.2 or 0.3 % of the samples clipped."""
    most = np.quantile(np.abs(sound), 1 - rng.choice([0.001, 0.002, 0.003]))
    return np.clip(sound, -most, most)


@group.disturbance
def high_pass(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """A first-order high-pass at 50, 100 or 150 Hz."""
    return np.asarray(sosfilt(butter(1, rng.choice([50, 100, 150]), "highpass", fs=rate_hz, output="sos"), sound))


@group.disturbance
def low_pass(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """A first-order low-pass at 6.5, 7 or 7.5 kHz."""
    corner_hz = rng.choice([6500, 7000, 7500])
    if corner_hz >= rate_hz / 2:
        return sound
    return np.asarray(sosfilt(butter(1, corner_hz, fs=rate_hz, output="sos"), sound))


@group.disturbance
def white_noise(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """White noise at an SNR of 35, 40 or 45 dB."""
    snr_db = rng.choice([35, 40, 45])
    return with_noise(sound, rng.standard_normal(sound.size), snr_db)


@group.disturbance
def tone(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """A steady tone between 5 and 7 kHz, its peak 40, 45 or 50 dB below the clip's."""
    hz, snr_db, phase = rng.uniform(5000, 7000), rng.choice([40, 45, 50]), rng.uniform(0, 2 * np.pi)
    if hz >= rate_hz / 2:
        return sound
    sine = np.sin(2 * np.pi * hz / rate_hz * np.arange(sound.size) + phase)
    return np.asarray(sound + sine * (peak(sound) * decibels(-snr_db)))


def _some(rate_hz: int, rng: np.random.Generator) -> int:
    """The duration of 100, 500 or 1000 samples at 16 kHz, in samples at this rate."""
    return round(int(rng.choice([100, 500, 1000])) * rate_hz / 16_000)
