"""Prosody of a clip: statistics of pitch, loudness, rhythm and modulation."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from emotone.audio.fourier import next_fast_len, rfft
from emotone.features._statistics import Contours, Figures, course, grid, hump, numbers, quantiles, under

UNPITCHED = 12 * math.log2(60 / 55)  # semitones where there is no pitch

_FEWEST = 5  # voiced frames that a melody needs; with fewer the statistics are those of a flat one at 55 Hz
_PEAK_DB = -25  # lowest energy peak that counts as a syllable, relative to the loud parts
_SMOOTH_S = 0.1  # length of the window that smooths the energy before its peaks are counted
_PITCH_COURSE, _ENERGY_COURSE = 10, 8
_PAUSES = ("p5", "p25", "median", "p75")  # of the energy; its 95th percentile is the reference level
_MODULATION_HZ = ((0.5, 2), (2, 4), (4, 8), (8, 16), (16, 30))
MODULATION_BANDS = 4

_MOVES = ("rising", "falling", "rising_share", "jitter", "shimmer", "start", "end", "with_energy")
_MELODY_NAMES = (
    *grid("pitch", ("semitones",), ("p5", "median", "p95")),
    *under("pitch", _MOVES),
    *under("pitch.course", numbers(1, _PITCH_COURSE)),
)
_MODULATION_NAMES = grid(
    "modulation", (*numbers(0, MODULATION_BANDS), "energy"), tuple(f"{low:g}_hz" for low, _ in _MODULATION_HZ)
)
_RHYTHM_NAMES = under(
    "rhythm",
    (
        *("log_seconds", "voiced_share", "humps_per_s"),
        *(f"{part}_{figure}" for part in ("voiced", "unvoiced") for figure in ("per_s", "mean", "std", "max")),
    ),
)


def semitones(f0_hz: NDArray[np.float32]) -> Contours:
    """Semitones over 55 Hz; 60 Hz where there is no pitch."""
    return np.asarray(12 * np.log2(np.maximum(f0_hz, 60) / 55), dtype=np.float32)


def melody(pitch: Contours, voiced: NDArray[np.bool_], energy_db: Contours) -> Figures:
    """Statistics of the pitch and of its correlation with the energy.

    Args:
        pitch: (frames,) semitones over 55 Hz.
        voiced: (frames,) which frames are used.
        energy_db: (frames,) of the same frames.
    """
    at = np.flatnonzero(voiced)
    if at.size < _FEWEST:
        at, both = np.arange(_FEWEST), np.zeros((2, _FEWEST), dtype=np.float32)
    else:
        both = np.stack([pitch[at], energy_db[at]])
    tones = both[0].copy()
    steps, louder = (both[:, 1:] - both[:, :-1])[:, at[1:] - at[:-1] == 1]
    up, down = np.maximum(steps, 0), np.minimum(steps, 0)
    moves = np.array([up, down, steps > 0, np.abs(louder)]).sum(axis=1) / max(steps.size, 1)
    both -= both.sum(axis=1, keepdims=True) / np.float32(at.size)
    spread = both @ both.T / at.size
    product = np.sqrt(spread[0, 0] * spread[1, 1])
    low, median, high = quantiles(tones, ["p5", "median", "p95"])
    edge = max(1, at.size // 5)
    figures = [
        *(low, median, high, *moves[:3], np.log(moves[0] - moves[1] + 0.02), moves[3]),
        *(tones[:edge].mean() - median, tones[-edge:].mean() - median),
        spread[0, 1] / product if product > 1e-3 else 0.0,
        *course(np.interp(np.arange(at[0], at[-1] + 1), at, tones), _PITCH_COURSE),
    ]
    return Figures(_MELODY_NAMES, np.array(figures, dtype=np.float32))


def loudness(energy_db: Contours) -> list[Figures]:
    """Statistics of the energy over all frames, pauses included, and its overall shape."""
    values = [energy_db.mean(), energy_db.std(), *quantiles(energy_db, _PAUSES)]
    return [
        Figures(grid("energy", ("db",), ("mean", "std", *_PAUSES)), np.array(values, dtype=np.float32)),
        Figures(under("energy.course", numbers(1, _ENERGY_COURSE)), course(energy_db, _ENERGY_COURSE)),
    ]


def rhythm(voiced: NDArray[np.bool_], energy_db: Contours, frame_s: float) -> Figures:
    """Statistics of voiced and unvoiced stretches and of energy peaks; lengths as logarithms of 1 + frames.

    Args:
        voiced: (frames,)
        energy_db: (frames,) relative to the loud parts of the clip.
        frame_s: seconds from one frame to the next.
    """
    seconds = len(voiced) * frame_s
    window = _smoother(max(1, round(_SMOOTH_S / 2 / frame_s)))
    beyond = np.ones(len(window) // 2, dtype=np.float32)
    smooth = np.convolve(
        np.concatenate([energy_db[0] * beyond, energy_db, energy_db[-1] * beyond]), window, mode="valid"
    )
    middle = smooth[1:-1]
    humps = (middle > smooth[:-2]) & (middle >= smooth[2:]) & (middle > _PEAK_DB)
    figures = [math.log(seconds), np.count_nonzero(voiced) / len(voiced), np.count_nonzero(humps) / seconds]
    for lengths in stretches(voiced):
        values = lengths or [0]  # so few that arrays would be slower
        mean = sum(values) / len(values)
        std = math.sqrt(sum((length - mean) ** 2 for length in values) / len(values))
        figures += [len(lengths) / seconds, math.log1p(mean), math.log1p(std), math.log1p(max(values))]
    return Figures(_RHYTHM_NAMES, np.array(figures, dtype=np.float32))


@lru_cache(maxsize=8)
def _smoother(half: int) -> Contours:
    return np.asarray(hump(2 * half - 1) / half, dtype=np.float32)


def stretches(mask: NDArray[np.bool_]) -> tuple[list[int], list[int]]:
    """Lengths of all runs of true values, and of all gaps between two runs.

    >>> stretches(np.array([True, True, False, True, False]))
    ([2, 1], [1])
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    lengths: list[int] = np.diff(edges).tolist()
    return lengths[::2], lengths[1::2]


def modulation(mel: Contours, energy: Contours, frame_s: float) -> Figures:
    """Modulation spectrum of groups of bands and of the energy, at the rates of phrases, syllables and sounds.

    Args:
        mel: (bands, frames) logarithms to base 10.
        energy: (frames,) likewise.
        frame_s: seconds from one frame to the next.
    """
    courses = np.vstack([_grouping(len(mel)) @ mel, energy])
    courses -= courses.sum(axis=1, keepdims=True) / np.float32(energy.size)
    n_fft = max(512, next_fast_len(energy.size))
    spectrum = rfft(courses * hump(energy.size), n_fft)
    power = (spectrum.real**2 + spectrum.imag**2) / np.float32(energy.size)
    strengths = _rates(n_fft, frame_s) @ power.T
    return Figures(_MODULATION_NAMES, np.log(strengths + np.float32(1e-4)).ravel())


@lru_cache(maxsize=8)
def _grouping(bands: int) -> Contours:
    """(MODULATION_BANDS, bands) weights that average the bands of each group."""
    edges = np.arange(MODULATION_BANDS + 1) * bands // MODULATION_BANDS
    inside = (np.arange(bands) >= edges[:-1, None]) & (np.arange(bands) < edges[1:, None])
    return np.asarray(inside / inside.sum(axis=1, keepdims=True), dtype=np.float32)


@lru_cache(maxsize=8)
def _rates(n_fft: int, frame_s: float) -> Contours:
    """(rates, bins) weights that average the bins of each rate."""
    hz = np.arange(n_fft // 2 + 1) / (frame_s * n_fft)
    inside = np.stack([(hz >= low) & (hz < high) for low, high in _MODULATION_HZ])
    return np.asarray(inside / np.maximum(inside.sum(axis=1, keepdims=True), 1), dtype=np.float32)
