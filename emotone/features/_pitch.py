"""Fundamental frequency over time, from the autocorrelation of every frame."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from emotone.audio.fourier import irfft, next_fast_len, rfft
from emotone.audio.spectrum import frames, hann
from emotone.features import Values

_CANDIDATES = 5
_OCTAVE_COST = 0.01  # per octave of lag: of two equal peaks the higher frequency is chosen
_JUMP_COST = 0.35  # per octave between neighbouring frames
_SWITCH_COST = 0.14  # between voiced and unvoiced
_SILENCE = 0.03  # of the clip's peak; frames below it are likely unvoiced
_FINEST_HZ = 16_000  # rate to which the autocorrelation of slower sound is interpolated: its peaks are narrow
_CHUNK = 2048

_HARMONICS_HZ = 2000  # of the autocorrelation of spectra
_RUMBLE_HZ = 50
_LAG_STEP_S = 1 / 8000
_VOICED_SPECTRUM = 0.33  # lowest strength (of magnitudes rather than powers) of a voiced frame


def track(
    samples: Values, rate_hz: int, *, fmin_hz: float, fmax_hz: float, hop: int, voicing: float
) -> tuple[Values, Values]:
    """(frames,) fundamental frequency in Hz, 0 where unvoiced, and (frames,) strength of voicing, 0 .. 1.

    Frames of three periods of `fmin_hz` are centred on every `hop`-th sample. The strength is the autocorrelation at
    the best lag over that at lag 0, both corrected for the window: 1 for a perfectly periodic sound, r where the
    periodic part holds r of the power. The path through the candidates of all frames is the cheapest by Viterbi.

    Source: Boersma, Proc. Institute of Phonetic Sciences 17, 1993; the costs are Praat's defaults.
    """
    fmax_hz = min(fmax_hz, rate_hz / 2.5)
    shortest = max(2, int(rate_hz / fmax_hz))
    longest = max(shortest + 2, int(np.ceil(rate_hz / fmin_hz)))
    length = 3 * longest + longest % 2  # even, so that every clip has samples // hop + 1 frames
    framed = frames(samples, length, hop)
    finer = -(-_FINEST_HZ // rate_hz)
    parts = [
        _candidates(framed[start : start + _CHUNK], shortest, longest, finer) for start in range(0, len(framed), _CHUNK)
    ]
    lags, strengths, peaks = (np.concatenate([part[item] for part in parts]) for item in range(3))
    loudness = peaks / max(float(np.abs(samples - samples.mean()).max()), 1e-9)
    unvoiced = voicing + np.maximum(0, 2 - loudness * (1 + voicing) / _SILENCE)
    gains = np.concatenate([unvoiced[:, None], strengths - _OCTAVE_COST * np.log2(lags * (fmin_hz / rate_hz))], axis=1)
    octaves = np.concatenate([np.full((len(lags), 1), np.nan), np.log2(rate_hz / lags)], axis=1)
    path = _best_path(gains, octaves, 0.01 * rate_hz / hop)
    f0_hz = np.where(path > 0, 2.0 ** np.take_along_axis(octaves, path[:, None], axis=1)[:, 0], 0)
    chosen = np.take_along_axis(strengths, np.maximum(path - 1, 0)[:, None], axis=1)[:, 0]
    return f0_hz.astype(np.float32), np.clip(chosen, 0, 1).astype(np.float32)


def _candidates(
    framed: Values, shortest: int, longest: int, finer: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(frames, candidates) lags in samples and their strengths, best first, and (frames,) the largest amplitude.

    Missing candidates have strength -1. Lags from `shortest` to `longest` are looked at in steps of 1 / `finer`.
    """
    framed = framed - framed.mean(axis=1, keepdims=True)
    n_fft = next_fast_len(framed.shape[1] + longest + 2)
    spectrum = rfft(framed * hann(framed.shape[1]), n_fft)
    shortest, longest = finer * shortest, finer * longest
    correlation = irfft(spectrum.real**2 + spectrum.imag**2, finer * n_fft)[:, : longest + 2]
    correlation /= np.maximum(correlation[:, :1], np.float32(1e-12))
    correlation *= _window_correction(framed.shape[1], n_fft, finer)[: longest + 2]

    middle = correlation[:, shortest : longest + 1]
    left, right = correlation[:, shortest - 1 : longest], correlation[:, shortest + 1 : longest + 2]
    cheapness = _OCTAVE_COST * np.log2(np.arange(shortest, longest + 1, dtype=np.float32))
    score = np.where((middle > left) & (middle >= right) & (middle > 0), middle - cheapness, np.float32(-1))
    count = min(_CANDIDATES, score.shape[1])
    best = np.argpartition(-score, count - 1, axis=1)[:, :count]
    best = np.take_along_axis(best, np.argsort(-np.take_along_axis(score, best, axis=1), axis=1), axis=1)

    # The peak between samples: the top of the parabola through three neighbours.
    before, here, after = (np.take_along_axis(part, best, axis=1).astype(np.float64) for part in (left, middle, right))
    bend = np.minimum(before - 2 * here + after, -1e-9)
    shift = np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
    strength = here - 0.25 * (before - after) * shift
    strength = np.where(strength > 1, 1 / np.maximum(strength, 1), strength)
    exists = np.take_along_axis(score, best, axis=1) > -1
    lags = (best + shortest + shift) / finer
    return lags, np.where(exists, strength, -1), np.abs(framed).max(axis=1).astype(np.float64)


@lru_cache(maxsize=8)
def _window_correction(length: int, n_fft: int, finer: int) -> Values:
    """(finer * n_fft,) factor that undoes the effect of the window on the autocorrelation at each lag."""
    window = irfft(np.abs(rfft(hann(length), n_fft)) ** 2, finer * n_fft)
    return np.asarray(window[0] / np.maximum(window, 1e-3 * window[0]), dtype=np.float32)


def _best_path(gains: NDArray[np.float64], octaves: NDArray[np.float64], frames_per_10_ms: float) -> NDArray[np.intp]:
    """(frames,) the candidate of each frame, 0 for unvoiced, with the largest total gain after all costs (Viterbi).

    `octaves` holds log2 of each candidate's frequency, nan for the unvoiced one.
    """
    jumps = np.abs(octaves[1:, :, None] - octaves[:-1, None, :])  # (frames - 1, to, from)
    costs = np.where(np.isnan(jumps), _SWITCH_COST, _JUMP_COST * jumps) * frames_per_10_ms
    costs[:, 0, 0] = 0
    total = gains[0]
    came_from = np.zeros(gains.shape, dtype=np.intp)
    for frame, cost in enumerate(costs, start=1):
        options = total - cost
        came_from[frame] = options.argmax(axis=1)
        total = options.max(axis=1) + gains[frame]
    path = np.zeros(len(gains), dtype=np.intp)
    path[-1] = total.argmax()
    for frame in range(len(gains) - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path


def track_in_spectra(
    power: Values, loud: NDArray[np.bool_], *, bin_hz: float, window_s: float, fmin_hz: float, fmax_hz: float
) -> tuple[Values, Values]:
    """(frames,) fundamental frequency in Hz, 0 where unvoiced, and (frames,) strength of voicing, 0 .. 1.

    It uses spectra that are already computed, and takes a tenth of the time of `track`; the two agree within 20 % in
    99 of 100 frames that both call voiced. The autocorrelation is that of the spectrum's magnitude up to 2 kHz, so that
    strong formants do not outweigh the harmonics. The lag of a frame also depends on its neighbours.

    Source: Tolonen & Karjalainen, IEEE TSAP 8(6), 2000 (compressed spectrum); Boersma 1993 (window correction).

    Args:
        power: (frames, bins) from 0 Hz, under a Hann window.
        loud: (frames,) which frames may be voiced.
        bin_hz: width of a bin.
        window_s: length of the window in seconds; half of it is the longest period that can be found.
        fmin_hz, fmax_hz: search range.
    """
    cosines, weights, lags_s, cheapness = _lag_table(power.shape[1], bin_hz, window_s, fmin_hz, fmax_hz)
    magnitude = np.sqrt(power[:, : len(cosines)])
    score = magnitude @ cosines
    score /= (magnitude @ weights)[:, None] + np.float32(1e-20)
    score -= cheapness
    # Scores of the neighbouring frames count too; their lags may be one step longer or shorter.
    near = score.copy()
    np.maximum(near[:, 1:], score[:, :-1], out=near[:, 1:])
    np.maximum(near[:, :-1], score[:, 1:], out=near[:, :-1])
    near *= np.float32(0.5)
    joint = score.copy()
    joint[1:] += near[:-1]
    joint[:-1] += near[1:]
    best = joint[:, 1:-1].argmax(axis=1) + 1
    row = np.arange(len(score))
    left, middle, right = score[row, best - 1], score[row, best], score[row, best + 1]
    bend = np.minimum(left - 2 * middle + right, np.float32(-1e-6))
    shift = np.clip(0.5 * (left - right) / bend, -0.5, 0.5)
    strength = np.clip(middle + cheapness[best], 0, 1)
    voiced = loud & (strength > _VOICED_SPECTRUM)
    voiced[1:-1] = (voiced[1:-1] & (voiced[:-2] | voiced[2:])) | (voiced[:-2] & voiced[2:])  # no gap or burst of one
    f0_hz = np.where(voiced, 1 / (lags_s[best] + shift * np.float32(_LAG_STEP_S)), 0)
    return f0_hz.astype(np.float32), strength


@lru_cache(maxsize=8)
def _lag_table(
    bins: int, bin_hz: float, window_s: float, fmin_hz: float, fmax_hz: float
) -> tuple[Values, Values, Values, Values]:
    """Weights of the autocorrelation of spectra, (bins, lags) and (bins,) at lag 0; the lags; the cost of each lag."""
    lags_s = np.arange(1 / fmax_hz, max(min(1 / fmin_hz, window_s / 2), 1.5 / fmax_hz) + _LAG_STEP_S, _LAG_STEP_S)
    hz = np.arange(min(bins, round(_HARMONICS_HZ / bin_hz) + 1)) * bin_hz
    weights = (hz >= _RUMBLE_HZ).astype(np.float64)
    place = lags_s / window_s
    window = (1 - place) * (2 + np.cos(2 * np.pi * place)) / 3 + np.sin(2 * np.pi * place) / (2 * np.pi)
    cosines = weights[:, None] * np.cos(2 * np.pi * hz[:, None] * lags_s) / window
    cheapness = 2 * _OCTAVE_COST * np.log2(lags_s / lags_s[0])
    values = (cosines, weights, lags_s, cheapness)
    return tuple(np.ascontiguousarray(value, dtype=np.float32) for value in values)  # type: ignore[return-value]
