"""Spectral tilt: a brighter or duller recording."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.signal import fftconvolve, firwin2

from emotone.audio.disturbances._group import Group, Sound
from emotone.audio.disturbances._levels import as_loud

group = Group("spectral tilt", "A brighter or duller recording.", least_unchanged=0.8, least_uar_change=-0.02)
_DB_PER_OCTAVE, _FROM_HZ = 3.0, 125.0
_LENGTH_S = 0.064


@group.disturbance
def upward_tilt(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """3 dB more per octave above 125 Hz."""
    return as_loud(np.asarray(fftconvolve(sound, tilt(_DB_PER_OCTAVE, rate_hz), mode="same")), sound)


@group.disturbance
def downward_tilt(sound: Sound, rate_hz: int, rng: np.random.Generator) -> Sound:
    """3 dB less per octave above 125 Hz."""
    return as_loud(np.asarray(fftconvolve(sound, tilt(-_DB_PER_OCTAVE, rate_hz), mode="same")), sound)


@lru_cache(maxsize=8)
def tilt(db_per_octave: float, rate_hz: int) -> Sound:
    """(taps,) linear-phase filter with this gain per octave above 125 Hz, and none below."""
    edges_hz = np.concatenate([[0.0], np.geomspace(_FROM_HZ, rate_hz / 2, 64)])
    gains_db = db_per_octave * np.log2(np.maximum(edges_hz, _FROM_HZ) / _FROM_HZ)
    taps = 2 * round(_LENGTH_S * rate_hz / 2) + 1
    return np.asarray(firwin2(taps, edges_hz, 10 ** (gains_db / 20), fs=rate_hz))
