"""Telephone: narrow band, dynamic range compression, and the codecs of telephone networks."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import soundfile
from scipy.signal import butter, sosfilt

from emotone.audio.disturbances._group import Group, Sound
from emotone.audio.disturbances._levels import as_loud, decibels, peak, rms
from emotone.audio.disturbances.background import coloured
from emotone.audio.read import resample

group = Group("telephone", "Through a telephone network.", least_unchanged=0.5, least_uar_change=-0.05)
_RATE_HZ = 8000
_NOMINAL_RMS = decibels(-26)
"""RMS level of speech at a codec's input: 26 dB below full scale (ITU-T P.830), whatever the clip's level is."""
_OPUS_12_KBIT = 1 - 6 / 250
"""libsndfile's compression level, which goes from 256 to 6 kbit/s in equal steps for Opus."""
_THRESHOLD_DB, _RATIO, _ATTACK_S, _RELEASE_S, _FRAME_S = -20.0, 4.0, 0.01, 0.02, 0.005


@group.disturbance
def narrow_band(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """300 to 3400 Hz at 8000 samples per second."""
    return _through(sound, rate_hz, _band)


@group.disturbance
def compression(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """Dynamic range compressed 4 to 1, from 20 dB below the peak on."""
    return as_loud(compressed(sound, rate_hz), sound)


@group.disturbance
def g711(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """G.711, 64 kbit/s, by mu-law or by A-law: landlines."""
    levels = (mu_law_levels, a_law_levels)[rng.integers(2)]()
    return _through(sound, rate_hz, lambda narrow: quantised(_band(narrow), levels))


@group.disturbance
def gsm(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """GSM 06.10 full rate, 13 kbit/s: early mobile phones."""
    return _through(sound, rate_hz, lambda narrow: _coded(narrow, "WAV", "GSM610"))


@group.disturbance
def opus(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """Opus for 8000 samples per second, about 12 kbit/s: calls over the internet."""
    return _through(sound, rate_hz, lambda narrow: _coded(narrow, "OGG", "OPUS", compression_level=_OPUS_12_KBIT))


@group.disturbance
def low_quality_phone(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """Compression, then GSM, then pink noise above 3 kHz, 25 dB below the peak."""
    coded = _through(compressed(sound, rate_hz), rate_hz, lambda narrow: _coded(narrow, "WAV", "GSM610"))
    noise = coloured(sound.size, 1.0, rng)
    loudness = peak(coded) / max(peak(noise), 1e-12) * decibels(-25)
    hiss = sosfilt(butter(2, min(3000, 0.4 * rate_hz), "highpass", fs=rate_hz, output="sos"), noise * loudness)
    return as_loud(coded + hiss, sound)


def compressed(sound: Sound, rate_hz: int) -> Sound:
    """(samples,) compressed 4 to 1 above 20 dB below the peak; attack 10 ms, release 20 ms."""
    hop = max(1, round(_FRAME_S * rate_hz))
    starts = np.arange(0, sound.size, hop)
    loudest = peak(sound)
    if loudest == 0:
        return sound
    level_db = 20 * np.log10(np.maximum(np.maximum.reduceat(np.abs(sound), starts) / loudest, 1e-6))
    target_db = -(1 - 1 / _RATIO) * np.maximum(level_db - _THRESHOLD_DB, 0)
    gain_db, now = np.empty(starts.size), 0.0
    for place, target in enumerate(target_db.tolist()):
        now += (target - now) * (1 - np.exp(-_FRAME_S / (_ATTACK_S if target < now else _RELEASE_S)))
        gain_db[place] = now
    return np.asarray(sound * 10 ** (np.interp(np.arange(sound.size), starts + hop / 2, gain_db) / 20))


@lru_cache(maxsize=1)
def mu_law_levels() -> Sound:
    """(255,) the levels of G.711 mu-law, -1 .. 1, ascending (its two zeros count once)."""
    segment, step = np.divmod(np.arange(128), 16)
    positive = (((step << 3) + 0x84) << segment) - 0x84
    return np.unique(np.concatenate([-positive, positive])) / 32768


@lru_cache(maxsize=1)
def a_law_levels() -> Sound:
    """(256,) the levels of G.711 A-law, -1 .. 1, ascending."""
    segment, step = np.divmod(np.arange(128), 16)
    positive = np.where(segment == 0, (step << 4) + 8, ((step << 4) + 0x108) << np.maximum(segment - 1, 0))
    return np.unique(np.concatenate([-positive, positive])) / 32768


def quantised(sound: Sound, levels: Sound) -> Sound:
    """(samples,) every sample at the nearest level."""
    return np.asarray(levels[np.searchsorted((levels[1:] + levels[:-1]) / 2, sound)])


def _through(sound: Sound, rate_hz: int, codec: Callable[[Sound], Sound]) -> Sound:
    """The sound through a codec for 8 kHz, with the same length and level."""
    narrow = resample(sound.astype(np.float32), rate_hz, _RATE_HZ).astype(np.float64)
    level = rms(narrow)
    if level == 0:
        return sound
    coded = codec(np.clip(narrow * (_NOMINAL_RMS / level), -1, 1))
    wide = resample(coded.astype(np.float32), _RATE_HZ, rate_hz).astype(np.float64)[: sound.size]
    return as_loud(np.pad(wide, (0, sound.size - wide.size)), sound)


def _band(narrow: Sound) -> Sound:
    return np.asarray(sosfilt(butter(4, (300, 3400), "bandpass", fs=_RATE_HZ, output="sos"), narrow))


def _coded(narrow: Sound, kind: str, codec: str, **settings: Any) -> Sound:
    """A sound at 8 kHz, encoded and decoded by libsndfile in this format."""
    written = io.BytesIO()
    soundfile.write(written, narrow, _RATE_HZ, codec, format=kind, **settings)
    written.seek(0)
    return np.asarray(soundfile.read(written, dtype="float64")[0])
