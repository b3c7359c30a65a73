"""Short-time spectra of the speech in a clip, relative to its loud parts."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotone.audio.fourier import next_fast_len
from emotone.audio.spectrum import Array, frames, power_spectrum

LOW_HZ, HIGH_HZ = 60.0, 7000.0
SPEECH_DB = -35  # frames of this level relative to the loud parts, or louder, count as speech
FRAME_S = 0.016  # from one frame to the next, to the nearest sample; a third of the window

_WINDOW_S = 0.05  # resolves the harmonics of a low voice
_LOUD = 0.95  # level of the loud parts: this quantile of the power of the frames
_STRONG_BINS = 40  # number of bins over which the power of a frame is spread
_CHUNK = 8192  # small arrays stay in the processor's cache


class Speech(NamedTuple):
    """Frames from the first to the last that count as speech; all frames if none does.

    Attributes:
        power: (frames, bins) from 0 Hz to `HIGH_HZ`, relative to the loud parts; every value is above zero.
        decibels: (frames, bins) the same in dB.
        energy_db: (frames,) energy of each frame above `LOW_HZ`.
        top_db: power of the loud parts themselves.
        bin_hz: width of a bin.
        window: samples in a frame.
    """

    power: Array
    decibels: Array
    energy_db: Array
    top_db: float
    bin_hz: float
    window: int


def speech(samples: Array, rate_hz: int, floor_db: float) -> Speech:
    """Spectra of the speech in a clip, without the silence at its ends.

    Frames are aligned so that one is centred on the sound's centre of gravity: their content does not depend on the
    amount of silence before the speech. Values more than `floor_db` under the loud parts approach a constant.

    Args:
        samples: (samples,) one or more.
        rate_hz: of the samples.
        floor_db: distance of that constant from the loud parts.
    """
    hop = max(1, round(FRAME_S * rate_hz))
    window = 2 * next_fast_len(max(2, round(_WINDOW_S * rate_hz / 2)))
    bin_hz = rate_hz / window
    framed = frames(samples, window, hop, first=_centre(samples, rate_hz) % hop)
    power = power_spectrum(framed, window)[:, : int(np.ceil(HIGH_HZ / bin_hz))]
    energy = power[:, round(LOW_HZ / bin_hz) :].sum(axis=1)
    place = int(_LOUD * (energy.size - 1))
    top = max(float(np.partition(energy, place)[place]), 1e-20)
    floor = np.float32(10 ** (-floor_db / 10))
    energy_db = 10 * np.log10(np.maximum(energy / np.float32(top), floor))
    span = _from_first_to_last(energy_db > SPEECH_DB)
    power = power[span]
    power *= np.float32(1 / top)
    power += floor / _STRONG_BINS
    decibels = np.log10(power)
    decibels *= 10
    return Speech(power, decibels, energy_db[span], 10 * float(np.log10(top)), bin_hz, window)


def _centre(samples: Array, rate_hz: int) -> int:
    """The sample at the centre of gravity of the lower frequencies: hiss does not move it."""
    width = max(1, rate_hz // 4000)
    smooth = np.zeros(samples.size + width - 1, dtype=np.float32)
    for shift in range(width):  # numpy's `convolve` takes twice as long
        smooth[shift : shift + samples.size] += samples
    ramp, total, moment = _ramp(), 0.0, 0.0
    for start in range(0, smooth.size, _CHUNK):
        part = smooth[start : start + _CHUNK].astype(np.float64)
        energy = float(part @ part)
        total += energy
        moment += start * energy + float((part * ramp[: part.size]) @ part)
    return min(round(moment / total), samples.size - 1) if total > 0 else 0


@lru_cache(maxsize=1)
def _ramp() -> NDArray[np.float64]:
    return np.arange(_CHUNK, dtype=np.float64)


def _from_first_to_last(mask: NDArray[np.bool_]) -> slice:
    """The slice from the first to the last true value; everything if no value is true."""
    at = np.flatnonzero(mask)
    return slice(int(at[0]), int(at[-1]) + 1) if at.size else slice(None)
