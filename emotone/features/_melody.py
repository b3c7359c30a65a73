"""Pitch, loudness and rhythm of a clip: how it is said rather than what."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotone.features._statistics import EVERY, SPREAD, Contours, Figures, course, describe, stretches

_FEWEST = 5  # voiced frames that make a melody; with fewer its figures are those of a flat one at 55 Hz
_PEAK_DB = -25  # a hump of the energy that reaches this, relative to the loud parts, counts as a syllable


def melody(f0_hz: NDArray[np.float32], energy_db: Contours) -> Figures:
    """Figures of the pitch, in semitones over 55 Hz, and of how it moves with the energy.

    Args:
        f0_hz: (frames,) 0 where unvoiced.
        energy_db: (frames,) of the same frames.
    """
    at = np.flatnonzero(f0_hz > 0)
    if at.size < _FEWEST:
        at, tones = np.arange(_FEWEST), np.zeros(_FEWEST)
        energy_db = np.zeros(_FEWEST)
    else:
        tones = 12 * np.log2(f0_hz[at].astype(np.float64) / 55)
    together = np.diff(at) == 1
    steps = np.diff(tones)[together] if together.any() else np.zeros(1)
    loudness = energy_db[at]
    louder = np.diff(loudness)[together] if together.any() else np.zeros(1)
    median, edge = np.median(tones), max(1, len(tones) // 5)
    both = np.std(tones) * np.std(loudness)
    figures = {
        "jitter_median": np.log(np.median(np.abs(steps)) + 1e-3),
        "jitter_mean": np.log(np.mean(np.abs(steps)) + 1e-3),
        "shimmer_median": np.median(np.abs(louder)),
        "shimmer_mean": np.mean(np.abs(louder)),
        "rising": np.mean(np.maximum(steps, 0)),
        "falling": np.mean(np.minimum(steps, 0)),
        "rising_share": np.mean(steps > 0),
        "start": tones[:edge].mean() - median,
        "end": tones[-edge:].mean() - median,
        "whole_range": np.ptp(tones),
        "low_at": tones.argmin() / len(tones),
        "with_energy": np.mean((tones - tones.mean()) * (loudness - loudness.mean())) / both if both > 1e-3 else 0.0,
    }
    hz = 55 * 2 ** (tones / 12)
    return {
        **describe("pitch", ["semitones"], tones[None], EVERY),
        **describe("pitch", ["hz"], hz[None], SPREAD),
        **{f"pitch.{name}": float(value) for name, value in figures.items()},
        **course("pitch", np.interp(np.arange(at[0], at[-1] + 1), at, tones), 10),
    }


def rhythm(voiced: NDArray[np.bool_], energy_db: Contours, frame_s: float) -> Figures:
    """Figures of how speech, voice and pauses follow each other; lengths as logarithms of 1 + frames.

    Args:
        voiced: (frames,)
        energy_db: (frames,) relative to the loud parts of the clip.
        frame_s: seconds from one frame to the next.
    """
    at = np.flatnonzero(voiced)
    between = ~voiced[at[0] : at[-1] + 1] if at.size else np.zeros(0, dtype=bool)
    seconds = len(voiced) * frame_s
    window = np.hanning(11)[1:-1]
    smooth = np.convolve(np.pad(energy_db, 4, mode="edge"), window / window.sum(), mode="valid")
    middle = smooth[1:-1]
    humps = (middle > smooth[:-2]) & (middle >= smooth[2:]) & (middle > _PEAK_DB)
    figures = {
        "rhythm.log_seconds": float(np.log(seconds)),
        "rhythm.voiced_share": float(voiced.mean()),
        "rhythm.humps_per_s": float(humps.sum() / seconds),
    }
    for name, mask in (("voiced", voiced), ("unvoiced", between)):
        lengths = stretches(mask)
        figures[f"rhythm.{name}_per_s"] = len(lengths) / seconds
        spread = {"mean": lengths.mean(), "std": lengths.std(), "max": lengths.max()} if lengths.size else {}
        for statistic in ("mean", "std", "max"):
            figures[f"rhythm.{name}_{statistic}"] = float(np.log1p(spread.get(statistic, 0)))
    return figures
