"""Cues of the speech gate: a few dozen numbers that distinguish speech from other sounds, cheap to compute."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotone.audio.fourier import irfft, next_fast_len, rfft
from emotone.audio.read import RATE_HZ, Samples
from emotone.audio.spectrum import frames, power_spectrum
from emotone.features import Values
from emotone.features._mel import filterbank
from emotone.features._statistics import hump

Mask = NDArray[np.bool_]

N_FFT, HOP, BANDS = 512, 320, 24
_FRAMES_PER_S = RATE_HZ / HOP
_FRAMES_AT_ONCE = 150  # three seconds; small arrays stay in the cache, large ones are allocated anew every time
_FLOOR = np.float32(1e-5)  # of the loudest band or frame; below it recordings differ, not sounds
_ACTIVE_DB = -30.0  # against the loudest frame
_MODULATIONS_HZ = (0.7, 2.0, 4.0, 7.0, 12.0, 18.0, 25.0)
_CEPSTRA = 9
_FINE = slice(4, 116)  # bins of 125 Hz to 3.6 kHz, where the harmonics of a voice are resolved
_AROUND = 4  # bins on either side
_FINE_FLOOR = np.float32(1e-5)  # 90 dB under a sine at full scale
_LATER = (1, 3, 8)  # frames: 20, 60, 160 ms
_SHORTEST, _LONGEST = 11, 116  # period of a voice in samples of 8 kHz: 727 to 69 Hz
_VOICED = 0.35
_STEPS = ((0.0, 0.15), (0.15, 2.0), (2.0, 99.0))  # semitones from frame to frame: steady, gliding, jumping


def names() -> list[str]:
    """The name of each number of `cues`."""
    rates = [f"{low:g}_{high:g}_hz" for low, high in pairwise(_MODULATIONS_HZ)]
    return [
        *[
            "loud_mean",
            "loud_deviation",
            "loud_over_6",
            "loud_over_15",
            "active",
            "rise",
            "fall",
            "change",
            "peaks_per_s",
            "log_seconds",
        ],
        *(f"loud_{rate}" for rate in rates),
        *(f"bands_{rate}" for rate in rates),
        "bands_deviation",
        *(f"cepstrum_{number}_deviation" for number in range(_CEPSTRA)),
        *(f"cepstrum_{number}_change" for number in range(_CEPSTRA)),
        *["bands_near", "bands_far", "bands_farther", "hiss_deviation", "hiss_high"],
        *["lines_deep", "lines_deep_deviation"],
        *(f"lines_kept_{later}" for later in _LATER),
        *["lines_always", "flatness", "flatness_deviation"],
        *["periodic_mean", "periodic_deviation", "periodic_high", "periodic_low", "periodic_loud"],
        *["voiced", "runs_per_s", "longest_run_s", "in_long_runs", "pitch_median", "pitch_deviation"],
        *["pitch_steady", "pitch_gliding", "pitch_jumping"],
    ]


def cues(samples: Samples) -> Values:
    """(len(names()),) of a sound at 16 kHz; all finite.

    Args:
        samples: (samples,) at least one, without offset and with a peak near 1, so that the level is not a cue.
    """
    measured = _frames(samples)
    active = measured.loud > measured.loud.max() + _ACTIVE_DB
    values = [
        *_loudness(measured.loud, active),
        *_modulation(measured.loud, measured.bands),
        *_colour(measured.bands[active]),
        *_lines(measured, active),
        *_voice(measured, active),
    ]
    return np.array(values, dtype=np.float32)


class _Frames(NamedTuple):
    """Measurements of every frame of 32 ms.

    Attributes:
        bands: (frames, BANDS) dB against the loudest.
        loud: (frames,) dB against the loudest.
        lines: (frames, bins) the fine structure of the spectrum, with a standard deviation of 1.
        deep: (frames,) its standard deviation in dB.
        flat: (frames,) spectral flatness in dB: the geometric over the arithmetic mean.
        periodic: (frames,) the largest autocorrelation, relative to lag 0.
        lag: (frames,) that lag, in samples of 8 kHz.
    """

    bands: Values
    loud: Values
    lines: Values
    deep: Values
    flat: Values
    periodic: Values
    lag: Values


def _frames(samples: Samples) -> _Frames:
    framed = frames(samples, N_FFT, HOP, centre=False)
    parts = [_frames_as_power(framed[at : at + _FRAMES_AT_ONCE]) for at in range(0, len(framed), _FRAMES_AT_ONCE)]
    measured = _Frames(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    bands, loud = (_decibels(power / max(float(power.max()), 1e-20) + _FLOOR) for power in measured[:2])
    return measured._replace(bands=bands, loud=loud)


def _frames_as_power(framed: Values) -> _Frames:
    """Several frames; bands and loudness still as power."""
    power = power_spectrum(framed, N_FFT)
    power[:, :2] = 0  # rumble below every voice
    near = power[:, _FINE] + _FINE_FLOOR
    level = _decibels(near)
    lines = level @ _differences()
    deep = np.sqrt(np.einsum("tf,tf->t", lines, lines) / np.float32(lines.shape[1]))
    lines /= np.maximum(deep, 1e-3)[:, None]
    even = np.full(level.shape[1], 1 / level.shape[1], dtype=np.float32)
    flat = level @ even - _decibels(near @ even)
    correlation = irfft(np.sqrt(power[:, : N_FFT // 4 + 1]), N_FFT // 2)  # up to 4 kHz, as if sampled at 8
    best = correlation[:, _SHORTEST:_LONGEST].argmax(axis=1) + _SHORTEST
    row = np.arange(len(best))
    before, here, after = (correlation[row, best + step] for step in (-1, 0, 1))
    bend = np.minimum(before - 2 * here + after, -1e-6)
    lag = best + np.clip(0.5 * (before - after) / bend, -0.5, 0.5)  # the top of the parabola through three neighbours
    periodic = here / np.maximum(correlation[:, 0], 1e-9)
    return _Frames(power @ _weights(), power.sum(axis=1), lines, deep, flat, periodic, lag.astype(np.float32))


def _loudness(loud: Values, active: Mask) -> list[float]:
    longer = np.concatenate([loud[:1], loud, loud[-1:]])
    change = longer[2:] - longer[1:-1]
    smooth = np.convolve(longer, np.full(3, 1 / 3, dtype=np.float32), "valid")
    middle = smooth[1:-1]
    top = (middle > smooth[:-2]) & (middle >= smooth[2:]) & (middle > -20)
    seconds = loud.size / _FRAMES_PER_S
    return [
        *_moments(loud),
        *(np.count_nonzero(which) / loud.size for which in (loud > -6, loud > -15, active)),
        *_percentiles(change, 0.95, 0.05),
        float(np.abs(change).sum()) / loud.size,
        np.count_nonzero(top) / seconds,
        float(np.log(seconds)),
    ]


def _modulation(loud: Values, bands: Values) -> list[float]:
    """Modulation spectrum of the loudness and of the bands as shares; and the deviation of the bands."""
    curves = np.column_stack([loud, bands])
    curves -= curves.sum(axis=0) / np.float32(loud.size)
    size = next_fast_len(max(loud.size, 128))
    spectrum = rfft((curves * hump(loud.size)[:, None]).T, size).T
    power = spectrum.real**2 + spectrum.imag**2
    edges = _edges(size)
    shares = []
    for spectrum_power in (power[:, 0], power[:, 1:].sum(axis=1)):
        parts = np.add.reduceat(spectrum_power[: edges[-1]], edges[:-1])
        shares += (parts / max(float(parts.sum()), 1e-6)).tolist()
    return [*shares, float(np.sqrt(np.square(curves[:, 1:]).mean()))]


def _colour(bands: Values) -> list[float]:
    """How the spectrum of the active frames varies, and which bands vary together."""
    cepstra = bands @ _cosines()
    moving = bands - bands.sum(axis=0) / np.float32(len(bands))
    covariance = moving.T @ moving / len(moving)
    spread = np.sqrt(np.maximum(covariance.diagonal(), 1e-3))
    correlation = covariance / (spread[:, None] * spread)
    hiss = bands[:, 18:].mean(axis=1) - bands[:, 2:10].mean(axis=1)
    change = np.abs(np.diff(cepstra, axis=0)).mean(axis=0) if len(cepstra) > 1 else np.zeros(_CEPSTRA)
    return [
        *cepstra.std(axis=0).tolist(),
        *change.tolist(),
        *(float(correlation.diagonal(distance).mean()) for distance in (1, 5, 12)),
        _moments(hiss)[1],
        *_percentiles(hiss, 0.9),
    ]


def _lines(measured: _Frames, active: Mask) -> list[float]:
    """Depth of the spectral lines, and how long they keep their frequency: those of a note do, of a voice not."""
    kept = []
    for later in _LATER:
        both = active[later:] & active[:-later]
        product = np.einsum("tf,tf->t", measured.lines[later:], measured.lines[:-later])
        kept.append(float(product @ both) / measured.lines.shape[1] / max(1, np.count_nonzero(both)))
    always = active.astype(np.float32) @ measured.lines / np.float32(np.count_nonzero(active))
    return [*_moments(measured.deep[active]), *kept, _moments(always)[1], *_moments(measured.flat[active])]


def _voice(measured: _Frames, active: Mask) -> list[float]:
    """Periodicity of the frames and movement of the pitch: a voice glides, notes are steady and leap."""
    pitch = 12 * np.log2(80 / measured.lag)  # semitones over 100 Hz
    voiced = active & (measured.periodic > _VOICED)
    periodic, level = measured.periodic[active], measured.loud[active]
    (mean, deviation), (mean_level, level_deviation) = _moments(periodic), _moments(level)
    together = float(periodic @ level) / periodic.size - mean * mean_level
    step = np.abs(pitch[1:] - pitch[:-1])
    joined = voiced[1:] & voiced[:-1]
    steps, tone, seconds = step[joined], pitch[voiced], active.size / _FRAMES_PER_S
    longest, in_long = _runs(joined & (step < _STEPS[1][1]))
    return [
        mean,
        deviation,
        *_percentiles(periodic, 0.9, 0.1),
        together / max(deviation * level_deviation, 1e-3),
        tone.size / periodic.size,
        np.count_nonzero(voiced[1:] > voiced[:-1]) / seconds,
        longest / _FRAMES_PER_S,
        in_long / active.size,
        *(_percentiles(tone, 0.5) if tone.size else [0.0]),
        _moments(tone)[1],
        *(np.count_nonzero((steps >= low) & (steps < high)) / max(1, steps.size) for low, high in _STEPS),
    ]


def _runs(unbroken: Mask) -> tuple[int, int]:
    """Frames in the longest run, and in all those over 0.1 s."""
    longer = np.zeros(unbroken.size + 2, dtype=np.bool_)
    longer[1:-1] = unbroken
    edges = np.flatnonzero(longer[1:] != longer[:-1])
    lengths = edges[1::2] - edges[::2]
    return int(lengths.max(initial=0)), int(lengths[lengths > 0.1 * _FRAMES_PER_S].sum())


def _decibels(power: Values) -> Values:
    """10 log10, computed by the natural logarithm, which is faster in numpy."""
    return np.asarray(np.log(power) * np.float32(10 / np.log(10)))


def _moments(values: Values) -> tuple[float, float]:
    """Mean and standard deviation; numpy's own functions take three times as long for so few values."""
    size = max(1, values.size)
    mean = float(values.sum()) / size
    return mean, max(0.0, float(values @ values) / size - mean**2) ** 0.5


def _percentiles(values: Values, *shares: float) -> list[float]:
    """Percentiles, as shares; numpy's own function takes longer than a spectrum."""
    ordered = np.sort(values)
    return [float(ordered[round(share * (ordered.size - 1))]) for share in shares]


@lru_cache(maxsize=64)
def _edges(size: int) -> NDArray[np.intp]:
    """Bins of a transform of `size` frames at which one rate of modulation ends and the next begins."""
    return np.searchsorted(np.arange(size // 2 + 1) * (_FRAMES_PER_S / size), _MODULATIONS_HZ)


@lru_cache(maxsize=1)
def _weights() -> Values:
    """(bins, bands)."""
    return np.ascontiguousarray(filterbank(RATE_HZ, N_FFT, BANDS, 80.0, 7600.0, "slaney").T)


@lru_cache(maxsize=1)
def _differences() -> Values:
    """(bins, bins) matrix that subtracts from each bin the mean of its neighbours."""
    bins = np.arange(_FINE.stop - _FINE.start)
    around = (np.abs(bins[:, None] - bins) <= _AROUND).astype(np.float32)
    return np.asarray(np.eye(bins.size, dtype=np.float32) - around / around.sum(axis=0))


@lru_cache(maxsize=1)
def _cosines() -> Values:
    """(bands, cepstra) of the discrete cosine transform."""
    place = (np.arange(BANDS) + 0.5) * np.pi / BANDS
    return np.asarray(np.cos(place[:, None] * np.arange(_CEPSTRA)) * np.sqrt(2 / BANDS), dtype=np.float32)
