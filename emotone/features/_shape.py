"""The shape of each short-time spectrum: where its energy lies, how it falls, how it moves."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from emotone.features._statistics import Contours

_BAND_EDGES_HZ = (60, 250, 500, 1000, 1500, 2000, 3000, 4000, 6000, 7800)
_SLOPES_HZ = ((0, 500), (500, 1500), (1500, 5000))
_ROLLOFFS = (0.25, 0.5, 0.75, 0.9)
_LOWEST_HZ = 120  # hum and rumble lie below
_LEAST_SHARE = 1e-6  # a band that holds less, or lies above half the rate, counts as this much

NAMES = (
    *("centroid", "spread", "skewness", "kurtosis", "flatness", "entropy", "flux", "alpha_ratio", "hammarberg"),
    *(f"rolloff_{share:.0%}".replace("%", "") for share in _ROLLOFFS),
    *(f"band_{low}_hz" for low in _BAND_EDGES_HZ[:-1]),
    *(f"slope_{low}_hz" for low, _ in _SLOPES_HZ),
)


def spectral_shape(power: NDArray[np.float32], rate_hz: int) -> Contours:
    """(len(NAMES), frames) measures of each spectrum; none depends on the level.

    Frequencies are in octaves over 1 kHz, ratios in dB, slopes in dB per kHz, skewness as it is, kurtosis as its
    logarithm. Alpha ratio and Hammarberg index: Eyben et al., IEEE TAC 7(2), 2016.

    Args:
        power: (frames, bins) from 0 to half the rate; every value above zero.
        rate_hz: the clip's rate.
    """
    hz = np.linspace(0, rate_hz / 2, power.shape[1])
    upper = power[:, hz >= _LOWEST_HZ]
    share = (upper / upper.sum(axis=1, keepdims=True)).astype(np.float64)
    khz = hz[hz >= _LOWEST_HZ] / 1000
    centre, second, third, fourth = (share @ np.stack([khz, khz**2, khz**3, khz**4], axis=1)).T
    variance = np.maximum(second - centre**2, 1e-4)
    skewness = (third - 3 * centre * second + 2 * centre**3) / variance**1.5
    kurtosis = (fourth - 4 * centre * third + 6 * centre**2 * second - 3 * centre**4) / variance**2
    log_share = np.log(share)
    reached = np.cumsum(share, axis=1)
    rolloffs = [khz[np.minimum((reached < part).sum(axis=1), len(khz) - 1)] for part in _ROLLOFFS]
    move = np.sqrt(share)
    flux = np.concatenate([[0.0], 1 - np.einsum("tb,tb->t", move[1:], move[:-1])])
    masks, slopes = _kernels(power.shape[1], rate_hz)
    bands = 10 * np.log10(np.maximum(power @ masks / upper.sum(axis=1, keepdims=True), _LEAST_SHARE)).T
    decibels = 10 * np.log10(power)
    least = decibels.min()
    low_peak = decibels[:, hz < 2000].max(axis=1, initial=least)
    high_peak = decibels[:, (hz >= 2000) & (hz < 5000)].max(axis=1, initial=least)
    return np.stack(
        [
            np.log2(centre),
            0.5 * np.log2(variance),
            skewness,
            np.log(np.maximum(kurtosis, 1)),
            log_share.mean(axis=1),
            -np.einsum("tb,tb->t", share, log_share),
            flux,
            bands[-2] - bands[-1],
            low_peak - high_peak,
            *np.log2(rolloffs),
            *bands[:-2],
            *(decibels @ slopes).T,
        ]
    )


@lru_cache(maxsize=8)
def _kernels(bins: int, rate_hz: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(bins, bands + 2) masks that sum each band and the two sides of the alpha ratio; (bins, slopes) regressions."""
    hz = np.linspace(0, rate_hz / 2, bins)
    edges = [*pairwise(_BAND_EDGES_HZ), (50, 1000), (1000, 5000)]
    masks = np.stack([(hz >= low) & (hz < high) for low, high in edges], axis=1).astype(np.float32)
    slopes = []
    for low, high in _SLOPES_HZ:
        inside = (hz >= low) & (hz <= high)
        khz = np.where(inside, (hz - hz[inside].mean()) / 1000, 0) if inside.any() else np.zeros(bins)
        slopes.append(khz / max(float(khz @ khz), 1e-9))
    return masks, np.stack(slopes, axis=1).astype(np.float32)
