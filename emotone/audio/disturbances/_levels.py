"""Levels of sounds, and mixing at a signal-to-noise ratio."""

from __future__ import annotations

import numpy as np

from emotone.audio.disturbances._group import Sound


def decibels(gain_db: float) -> float:
    """A gain as a factor.

    >>> decibels(20)
    10.0
    """
    return float(10 ** (gain_db / 20))


def rms(sound: Sound) -> float:
    """Root mean square; 0 for an empty sound.

    >>> rms(np.array([3.0, -3.0]))
    3.0
    """
    return float(np.sqrt(np.mean(sound**2))) if sound.size else 0.0


def peak(sound: Sound) -> float:
    """The largest absolute sample; 0 for an empty sound."""
    return float(np.abs(sound).max(initial=0.0))


def with_noise(sound: Sound, noise: Sound, snr_db: float) -> Sound:
    """(samples,) the sound plus a noise of the same length at this signal-to-noise ratio. Silence stays silent.

    >>> bool(np.allclose(with_noise(np.full(4, 2.0), np.array([5.0, -5.0, 5.0, -5.0]), 20), [2.2, 1.8, 2.2, 1.8]))
    True
    """
    level = rms(noise)
    return sound + noise * (rms(sound) / level * decibels(-snr_db)) if level > 0 else sound


def as_loud(changed: Sound, sound: Sound) -> Sound:
    """(samples,) `changed` at the RMS level of `sound`; quieter if its peak would otherwise exceed full scale.

    >>> as_loud(np.array([0.1, -0.1]), np.array([0.5, 0.5])).tolist()
    [0.5, -0.5]
    """
    level, largest = rms(changed), peak(changed)
    if level == 0:
        return changed
    return changed * min(rms(sound) / level, max(1.0, peak(sound)) / largest)
