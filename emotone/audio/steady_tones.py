"""Detection and removal of steady tones: sines of constant frequency through a whole recording, as devices emit them.

Mains hum is not removed: its harmonics are so close to each other that none of them stands out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotone.audio.fourier import rfft
from emotone.audio.read import AudioSettings, Samples
from emotone.audio.spectrum import Array, frames, hann

_FRAME_S = 0.064
_FEWEST = 8  # frames that a tone must be present in: half a second
_NEIGHBOURS = np.repeat([1 / 12, 0.0, 1 / 12], [6, 5, 6])  # the mean of the bins 3 to 8 away, on either side
_AROUND = _NEIGHBOURS.size // 2
_ABOVE = 300.0  # smallest ratio of their minimum powers over time: speech is weakest in its pauses
_COHERENT = 0.8  # smallest length of the mean unit phasor, rotated back: two of 7,856 real clips reach 0.7
_FINER = 4096  # frequency steps per bin: 0.004 Hz for frames of 64 ms
_MOST = 20  # tones that are removed from one recording


class _Tone(NamedTuple):
    """Frequency in radians per sample, and the complex factor of exp(i frequency t): half the amplitude, and phase."""

    frequency: float
    phasor: complex


def cleaned(samples: Samples, settings: AudioSettings) -> Samples:
    """(samples,) at `settings.rate_hz`, without steady tones if `settings.tones` is `remove`, else unchanged."""
    return remove_steady_tones(samples, settings.rate_hz) if settings.tones == "remove" else samples


def remove_steady_tones(samples: Samples, rate_hz: int) -> Samples:
    """(samples,) minus every steady tone; the same array if none is found.

    A steady tone keeps its frequency to a few hundredths of a hertz from beginning to end and is present in the
    quietest frames, too; speech does neither. The best-fitting sine is subtracted; frames with little power at
    neighbouring frequencies have the largest weight in the fit.

    Args:
        samples: (samples,) finite numbers, one or more; below half a second nothing is removed.
        rate_hz: sampling rate of the samples.

    >>> seconds, rng = np.arange(16000) / 16000, np.random.default_rng(0)
    >>> noise = rng.normal(scale=0.001, size=16000).astype(np.float32)
    >>> tone = (0.01 * np.sin(2 * np.pi * 5678.9 * seconds)).astype(np.float32)
    >>> bool(np.abs(remove_steady_tones(noise + tone, 16000) - noise).max() < 1e-4)
    True
    >>> remove_steady_tones(noise, 16000) is noise
    True
    """
    length = 2 * round(_FRAME_S * rate_hz / 2)
    framed = frames(samples, length, length, centre=False)
    if len(framed) < _FEWEST or length < 2 * _NEIGHBOURS.size:
        return samples
    windowed = framed * hann(length)
    spectra = rfft(windowed)
    power = spectra.real**2 + spectra.imag**2
    # Pairs of frames are added: in a single frame, speech may cancel a tone.
    for place in _bins((power[1:] + power[:-1]).min(axis=0)):
        neighbours = power[:, place - _AROUND : place + _AROUND + 1] @ _NEIGHBOURS
        tone = _tone(windowed, spectra[:, place], place, neighbours)
        if tone is not None:
            wave = 2 * (tone.phasor * np.exp(1j * tone.frequency * np.arange(samples.size))).real
            samples = samples - wave.astype(np.float32)
    return samples


def _bins(weakest: Array) -> list[int]:
    """Bins that exceed their neighbours in every frame, the most prominent first.

    Args:
        weakest: (bins,) minimum power of each bin over time.
    """
    neighbours = np.convolve(weakest, _NEIGHBOURS, "valid")
    before, here, after = (weakest[_AROUND + step : weakest.size - _AROUND + step] for step in (-1, 0, 1))
    ratio = here / np.maximum(neighbours, 1e-30)
    top = np.flatnonzero((ratio > _ABOVE) & (here >= before) & (here >= after))
    places: list[int] = (top[np.argsort(-ratio[top], kind="stable")][:_MOST] + _AROUND).tolist()
    return places


def _tone(windowed: Array, course: NDArray[np.complex64], place: int, neighbours: NDArray[np.float64]) -> _Tone | None:
    """The tone in a bin, or None if its phase does not advance evenly.

    Args:
        windowed: (frames, samples) consecutive frames under a Hann window.
        course: (frames,) spectrum of each frame at bin number `place`.
        neighbours: (frames,) power in the neighbouring bins; the weight of a frame is its inverse.
    """
    count, length = windowed.shape
    turning = np.abs(np.fft.fft(course / np.maximum(np.abs(course), 1e-30), _FINER))
    if turning.max() < _COHERENT * count:
        return None
    # The phase from frame to frame gives the frequency up to a whole number of bins; the best fit is chosen.
    weights = 1 / np.maximum(neighbours, 1e-30)
    weights /= weights.sum() * hann(length).sum()
    starts, moments, found = length * np.arange(count), np.arange(length), []
    for bin_ in (place - 2, place - 1, place, place + 1):
        frequency = 2 * np.pi * (bin_ + turning.argmax() / _FINER) / length
        phasors = windowed @ np.exp(-1j * frequency * moments) * np.exp(-1j * frequency * starts)
        found.append(_Tone(frequency, complex(weights @ phasors)))
    return max(found, key=lambda tone: abs(tone.phasor))
