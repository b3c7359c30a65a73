"""Voice quality and vowels: harmonics, breath, formants, in the frames that hold a voice."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from emotone.features._spectrum import frames, power_spectrum
from emotone.features._statistics import Contours

FORMANT_NAMES = ("f1", "f1_db", "f2", "f2_db", "f3", "f3_db", "residual_db")
QUALITY_NAMES = ("h1_h2", "h2_h4", "h1_h3", "h1_f1", "h1_f2", "h1_f3", "cepstral_peak")

_USUAL_HZ = (500, 1500, 2500)  # formants of a neutral tube; where no peak is found, its place is taken to be here
_HIGHEST_HZ = 5500
_ORDER = 12  # of linear prediction: two coefficients per formant below 5.5 kHz, two for the slope
_PRE_EMPHASIS = 0.97
_WINDOW_S = 0.05  # resolves the harmonics of a low voice


def formants(power: NDArray[np.float32], rate_hz: int) -> Contours:
    """(len(FORMANT_NAMES), frames) first three formants and their strength, through linear prediction.

    Places are in octaves from 500, 1500 and 2500 Hz, heights in dB over the mean of the smoothed spectrum; the
    residual is what prediction leaves of the power, in dB.

    Source: Makhoul, Proc. IEEE 63(4), 1975 (prediction from a part of the spectrum).

    Args:
        power: (frames, bins) from 0 to half the rate.
        rate_hz: the clip's rate.
    """
    used = min(power.shape[1], int(_HIGHEST_HZ / (rate_hz / 2) * (power.shape[1] - 1)) + 1)
    top_hz = rate_hz / 2 * (used - 1) / (power.shape[1] - 1)
    emphasis = np.abs(1 - _PRE_EMPHASIS * np.exp(-1j * np.linspace(0, np.pi, used))) ** 2
    correlation = scipy.fft.irfft(power[:, :used] * emphasis, axis=1)[:, : _ORDER + 1]
    predictor, left = _levinson(correlation.astype(np.float64))
    height = -10 * np.log10(np.abs(scipy.fft.rfft(predictor, n=512)) ** 2 + 1e-9)
    hz = np.linspace(0, top_hz, height.shape[1])[1:-1]
    middle = height[:, 1:-1]
    peak = (middle > height[:, :-2]) & (middle >= height[:, 2:]) & (hz > 200)
    order = np.cumsum(peak, axis=1)
    row = np.arange(len(power))
    contours = []
    for index, usual_hz in enumerate(_USUAL_HZ, start=1):
        here = peak & (order == index)
        found, place = here.any(axis=1), here.argmax(axis=1)
        contours.append(np.where(found, np.log2(np.where(found, hz[place], usual_hz) / usual_hz), 0))
        contours.append(np.where(found, middle[row, place] - height.mean(axis=1), 0))
    return np.stack([*contours, 10 * np.log10(np.maximum(left, 1e-9))])


def _levinson(correlation: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(frames, order + 1) prediction polynomials and (frames,) share of the power they leave."""
    correlation = correlation / np.maximum(correlation[:, :1], 1e-20)
    correlation[:, 0] += 1e-4  # white noise 40 dB down keeps pure tones stable
    predictor = np.zeros_like(correlation)
    predictor[:, 0] = 1
    left = correlation[:, 0].copy()
    for size in range(1, correlation.shape[1]):
        mirror = -np.einsum("ti,ti->t", predictor[:, :size], correlation[:, size:0:-1]) / left
        predictor[:, 1 : size + 1] += mirror[:, None] * predictor[:, size - 1 :: -1][:, :size]
        left *= np.maximum(1 - mirror**2, 1e-6)
    return predictor, left


def quality(
    samples: NDArray[np.float32],
    rate_hz: int,
    hop: int,
    at: NDArray[np.intp],
    f0_hz: NDArray[np.float32],
    formant_octaves: Contours,
) -> Contours:
    """(len(QUALITY_NAMES), frames) differences between harmonics and formants in dB, and the cepstral peak.

    A large first harmonic is a breathy or soft voice, a small one a pressed voice; the cepstral peak stands out in a
    clear voice (Hillenbrand et al., JSHR 37(4), 1994).

    Args:
        samples, rate_hz: the clip.
        hop: samples from one frame to the next.
        at: (frames,) which frames.
        f0_hz: (frames,) fundamental frequency there.
        formant_octaves: (3, frames) places of the formants, as `formants` gives them.
    """
    length = 2 * max(8, round(_WINDOW_S * rate_hz / 2))
    n_fft = 1 << (length - 1).bit_length()
    power = power_spectrum(frames(samples, length, hop)[at], n_fft)
    decibels = 10 * np.log10(np.maximum(power, np.maximum(power.max(), np.float32(1e-12)) * np.float32(1e-8)))
    row = np.arange(len(at))

    def height(hz: NDArray[np.float64]) -> NDArray[np.float64]:
        place = np.clip(np.round(hz * (n_fft / rate_hz)).astype(int), 1, decibels.shape[1] - 2)
        around = [decibels[row, place + step] for step in (-1, 0, 1)]
        highest: NDArray[np.float64] = np.maximum.reduce(around).astype(np.float64)
        return highest

    f0 = np.maximum(f0_hz, 60).astype(np.float64)
    first, second, third, fourth = (height(f0 * harmonic) for harmonic in (1, 2, 3, 4))
    vowels = [height(usual * 2.0**octaves) for usual, octaves in zip(_USUAL_HZ, formant_octaves, strict=True)]

    cepstrum = scipy.fft.irfft(decibels, axis=1)[:, : n_fft // 2]
    period = np.clip(np.round(rate_hz / f0).astype(int), 2, n_fft // 2 - 3)
    peak = np.stack([cepstrum[row, period + step] for step in (-1, 0, 1)]).max(axis=0)
    shortest, longest = rate_hz // 600, min(rate_hz // 60, n_fft // 2)
    peak = peak - np.abs(cepstrum[:, shortest:longest]).mean(axis=1)
    return np.stack([first - second, second - fourth, first - third, *(first - vowel for vowel in vowels), peak])
