"""Shape of each short-time spectrum: centroid, spread, slopes, roll-offs, flux, formant regions."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from emotone.features._statistics import Contours

_BAND_EDGES_HZ = (60, 250, 500, 1000, 1500, 2000, 3000, 4000, 5500, 7000)
_HALVES_HZ = ((60, 1000), (1000, 5000))  # of the alpha ratio
_FORMANTS_HZ = ((250, 1000), (850, 2500), (2000, 3600))  # search ranges of the first three
_SLOPES_HZ = ((60, 500), (500, 1500), (1500, 5000))
_ROLLOFFS = (0.25, 0.5, 0.75, 0.9)
_MIN_SHARE = 1e-6  # lower limit of a band's share of the power, also for bands above half the rate

NAMES = (
    *("centroid", "spread", "skewness", "kurtosis", "flatness", "entropy", "flux", "alpha_ratio"),
    *(f"rolloff_{share:.0%}".replace("%", "") for share in _ROLLOFFS),
    *(f"band_{low}_hz" for low in _BAND_EDGES_HZ[:-1]),
    *(f"slope_{low}_hz" for low, _ in _SLOPES_HZ),
    *(f"formant_{number}" for number in (1, 2, 3)),
)


def spectral_shape(power: Contours, decibels: Contours, mel: Contours, bin_hz: float) -> Contours:
    """(len(NAMES), frames) measures of each spectrum, independent of the level.

    The centroid and the centres of the formants' regions are in octaves over 1 kHz, ratios in dB, slopes in dB per
    kHz, roll-offs in mel bands, skewness as it is, kurtosis as its logarithm; entropy, flux and roll-offs are taken
    over the mel bands. The centre of energy of a region follows the formant without formant tracking.

    Sources: alpha ratio, Eyben et al., IEEE TAC 7(2), 2016; centres of sub-bands, Paliwal,
    ICASSP 1998.

    Args:
        power: (frames, bins) from 0 Hz; every value is above zero.
        decibels: (frames, bins) the same in dB.
        mel: (bands, frames) power in mel bands.
        bin_hz: width of a bin.
    """
    sums, slopes = _kernels(power.shape[1], bin_hz)
    summed = (power @ sums).T
    total = summed[0]
    centre, second, third, fourth = summed[1:5] / total
    variance = np.maximum(second - centre**2, np.float32(1e-4))
    skewness = (third - 3 * centre * second + 2 * centre**3) / variance**1.5
    kurtosis = (fourth - 4 * centre * third + 6 * centre**2 * second - 3 * centre**4) / variance**2
    count = len(_BAND_EDGES_HZ) + 1
    ratios = 10 * np.log10(np.maximum(summed[5 : 5 + count] / total, np.float32(_MIN_SHARE)))
    weights, moments = summed[5 + count :].reshape(2, len(_FORMANTS_HZ), -1)

    share = mel / mel.sum(axis=0)
    root = np.sqrt(share)
    flux = np.zeros_like(total)
    flux[1:] = 1 - np.einsum("bt,bt->t", root[:, 1:], root[:, :-1])
    shape = [
        np.log2(centre),
        0.5 * np.log2(variance),
        skewness,
        np.log(np.maximum(kurtosis, 1)),
        decibels.sum(axis=1) / np.float32(decibels.shape[1]) - 10 * np.log10(total),
        -np.einsum("bt,bt->t", share, np.log(share + np.float32(1e-9))),
        flux,
        ratios[-2] - ratios[-1],
    ]
    return np.concatenate(
        [np.array(shape), _rolloffs(share), ratios[:-2], (decibels @ slopes).T, moments / np.maximum(weights, 1e-20)]
    )


def _rolloffs(share: Contours) -> Contours:
    """(rolloffs, frames) in mel bands, interpolated between bands."""
    reached = np.cumsum(share, axis=0)
    parts = np.array(_ROLLOFFS, dtype=np.float32)[:, None]
    below = reached < parts[:, None]
    band = np.minimum(below.sum(axis=1, dtype=np.int16), len(share) - 1)  # (rolloffs, frames)
    row = np.arange(share.shape[1])
    past = (parts - reached[band, row]) / np.maximum(share[band, row], np.float32(1e-6))
    return np.asarray(band + past, dtype=np.float32)


@lru_cache(maxsize=8)
def _kernels(bins: int, bin_hz: float) -> tuple[Contours, Contours]:
    """Weights of the sums, (bins, sums), and of the regressions, (bins, slopes)."""
    hz = np.arange(bins) * bin_hz
    khz, audible = hz / 1000, hz >= _BAND_EDGES_HZ[0]
    octaves = np.log2(np.maximum(khz, 0.01))

    def inside(low: float, high: float) -> NDArray[np.float64]:
        return np.asarray((hz >= low) & (hz < high), dtype=np.float64)

    sums = [audible * khz**power for power in range(5)]
    sums += [inside(low, high) for low, high in (*pairwise(_BAND_EDGES_HZ), *_HALVES_HZ)]
    sums += [inside(low, high) for low, high in _FORMANTS_HZ]
    sums += [inside(low, high) * octaves for low, high in _FORMANTS_HZ]
    slopes = []
    for low, high in _SLOPES_HZ:
        inside_band = inside(low, high)
        ramp = inside_band * (khz - (inside_band @ khz) / max(float(inside_band.sum()), 1))
        slopes.append(ramp / max(float(ramp @ ramp), 1e-9))
    return np.stack(sums, axis=1).astype(np.float32), np.stack(slopes, axis=1).astype(np.float32)
