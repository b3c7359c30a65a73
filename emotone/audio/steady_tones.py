"""Tones that sound through a recording at one pitch, as the whine of a device does: found, and taken out.

Not the hum of the mains: its lines lie so near to each other that none stands out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotone.audio.fourier import rfft
from emotone.audio.read import AudioSettings, Samples
from emotone.audio.spectrum import Array, frames, hann

_FRAME_S = 0.064
_FEWEST = 8  # frames in which a tone must be heard: half a second
_BESIDE = np.repeat([1 / 12, 0.0, 1 / 12], [6, 5, 6])  # the mean of the bins 3 to 8 away, on either side
_AROUND = _BESIDE.size // 2
_ABOVE = 300.0  # times their power at least, when each is weakest: in a pause, if it is a voice
_COHERENT = 0.8  # length of the mean of its unit phasors, each turned back: of 7,856 real clips two have .7
_FINER = 4096  # steps from one bin to the next: of 64 ms, .004 Hz
_MOST = 20  # tones that are taken out of one recording


class _Tone(NamedTuple):
    """A pitch in radians per sample, and half its amplitude and phase as the factor of exp(i pitch t)."""

    pitch: float
    phasor: complex


def cleaned(samples: Samples, settings: AudioSettings) -> Samples:
    """(samples,) at `settings.rate_hz`, as it is or without its steady tones, as the settings ask."""
    return without(samples, settings.rate_hz) if settings.tones == "remove" else samples


def without(samples: Samples, rate_hz: int) -> Samples:
    """(samples,) less every steady tone; where there is none, the same array.

    A tone is steady that keeps its pitch to a few hundredths of a hertz from beginning to end, and is there in the
    weakest moment, too: a voice does neither. What is subtracted is the sine that fits best, most of all where little
    else sounds beside it.

    Args:
        samples: (samples,) finite numbers, one or more; under half a second nothing is looked for.
        rate_hz: of the samples.

    >>> seconds, chance = np.arange(16000) / 16000, np.random.default_rng(0)
    >>> noise = chance.normal(scale=0.001, size=16000).astype(np.float32)
    >>> whine = (0.01 * np.sin(2 * np.pi * 5678.9 * seconds)).astype(np.float32)
    >>> bool(np.abs(without(noise + whine, 16000) - noise).max() < 1e-4), without(noise, 16000) is noise
    (True, True)
    """
    length = 2 * round(_FRAME_S * rate_hz / 2)
    framed = frames(samples, length, length, centre=False)
    if len(framed) < _FEWEST or length < 2 * _BESIDE.size:
        return samples
    windowed = framed * hann(length)
    spectra = rfft(windowed)
    power = spectra.real**2 + spectra.imag**2
    # Of two frames together: in one alone, speech may chance to cancel a tone.
    for place in _bins((power[1:] + power[:-1]).min(axis=0)):
        beside = power[:, place - _AROUND : place + _AROUND + 1] @ _BESIDE
        tone = _tone(windowed, spectra[:, place], place, beside)
        if tone is not None:
            wave = 2 * (tone.phasor * np.exp(1j * tone.pitch * np.arange(samples.size))).real
            samples = samples - wave.astype(np.float32)
    return samples


def _bins(weakest: Array) -> list[int]:
    """Bins that stand out of those beside them all the time, those that do so most first.

    Args:
        weakest: (bins,) the least power that each has at any moment.
    """
    beside = np.convolve(weakest, _BESIDE, "valid")
    before, here, after = (weakest[_AROUND + step : weakest.size - _AROUND + step] for step in (-1, 0, 1))
    ratio = here / np.maximum(beside, 1e-30)
    top = np.flatnonzero((ratio > _ABOVE) & (here >= before) & (here >= after))
    places: list[int] = (top[np.argsort(-ratio[top], kind="stable")][:_MOST] + _AROUND).tolist()
    return places


def _tone(windowed: Array, course: NDArray[np.complex64], place: int, beside: NDArray[np.float64]) -> _Tone | None:
    """The tone of a bin, or None where its phase does not turn evenly.

    Args:
        windowed: (frames, samples) each under a Hann window, one behind the other.
        course: (frames,) what each has at bin number `place`.
        beside: (frames,) the power in the bins beside it: what a frame says counts the less, the louder it is there.
    """
    count, length = windowed.shape
    turning = np.abs(np.fft.fft(course / np.maximum(np.abs(course), 1e-30), _FINER))
    if turning.max() < _COHERENT * count:
        return None
    # From frame to frame the phase tells the pitch but for a bin: the one that fits best is taken.
    weights = 1 / np.maximum(beside, 1e-30)
    weights /= weights.sum() * hann(length).sum()
    starts, moments, found = length * np.arange(count), np.arange(length), []
    for bin_ in (place - 2, place - 1, place, place + 1):
        pitch = 2 * np.pi * (bin_ + turning.argmax() / _FINER) / length
        heard = windowed @ np.exp(-1j * pitch * moments) * np.exp(-1j * pitch * starts)
        found.append(_Tone(pitch, complex(weights @ heard)))
    return max(found, key=lambda tone: abs(tone.phasor))
