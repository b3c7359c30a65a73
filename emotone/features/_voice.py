"""Voice quality: levels of the lowest harmonics, and cepstral peak prominence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotone.features._statistics import Contours

NAMES = ("h1_h2", "h2_h4", "h1_h3", "h1_f1", "h1_f2", "h1_f3", "cepstral_peak")

_FORMANTS_HZ = ((250, 900), (900, 2400), (2400, 3600))  # search ranges of their strongest bins
_CEPSTRUM_HZ = 4000  # highest frequency of the harmonics used


def quality(decibels: Contours, f0_hz: NDArray[np.float32], bin_hz: float) -> Contours:
    """(len(NAMES), frames) differences between harmonics and formants in dB, and the cepstral peak.

    The first harmonic is strong in a breathy or soft voice and weak in a pressed one. The cepstral peak is high in a
    clear voice (Hillenbrand et al., JSHR 37(4), 1994); it is the cosine coefficient of the decibels at the period.

    Args:
        decibels: (frames, bins) spectra from 0 Hz, in which harmonics are resolved.
        f0_hz: (frames,) fundamental frequency; 0 counts as 60.
        bin_hz: width of a bin.
    """
    bins = decibels.shape[1]
    row = np.arange(len(decibels))
    f0_hz = np.maximum(f0_hz, np.float32(60))
    place = np.round(np.array([[1], [2], [3], [4]]) * f0_hz / np.float32(bin_hz)).astype(np.intp)
    place = np.minimum(np.maximum(place, 1), bins - 2)
    height = np.maximum(np.maximum(decibels[row, place - 1], decibels[row, place]), decibels[row, place + 1])
    first, second, third, fourth = height
    vowels = [
        first - decibels[:, min(round(low / bin_hz), bins - 1) : round(high / bin_hz) + 1].max(axis=1)
        for low, high in _FORMANTS_HZ
    ]
    used = min(bins, round(_CEPSTRUM_HZ / bin_hz) + 1)
    turns = np.arange(used, dtype=np.float32) * np.float32(2 * np.pi * bin_hz) / f0_hz[:, None]
    peak = np.einsum("tb,tb->t", decibels[:, :used], np.cos(turns)) / used
    return np.array([first - second, second - fourth, first - third, *vowels, peak])
