"""Building blocks of synthetic sounds: shaped noise, random curves, partials, envelopes, random events."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from emotone.audio.read import RATE_HZ

Sound = NDArray[np.float64]
Maker = Callable[[np.random.Generator, float], Sound]
"""(rng, seconds) -> (samples,) at 16 kHz, of any level."""


def length(seconds: float) -> int:
    """Number of samples in this many seconds, at least 1."""
    return max(1, round(seconds * RATE_HZ))


def times(seconds: float) -> Sound:
    """(samples,) time of each sample, in seconds."""
    return np.arange(length(seconds)) / RATE_HZ


def shaped(sound: Sound, gain: Callable[[Sound], ArrayLike]) -> Sound:
    """(samples,) filtered by a gain that is a function of Hz."""
    size = scipy.fft.next_fast_len(sound.size, real=True)
    spectrum = scipy.fft.rfft(sound, size)
    spectrum *= gain(scipy.fft.rfftfreq(size, 1 / RATE_HZ))
    return np.asarray(scipy.fft.irfft(spectrum, size)[: sound.size])


def band(sound: Sound, low_hz: float, high_hz: float) -> Sound:
    """(samples,) band-passed, 12 dB per octave."""
    return shaped(sound, lambda hz: 1 / np.sqrt((1 + (low_hz / np.maximum(hz, 1)) ** 4) * (1 + (hz / high_hz) ** 4)))


def resonant(sound: Sound, centres_hz: ArrayLike, width_hz: float) -> Sound:
    """(samples,) through resonances, as of a box or a tube."""
    centres = np.atleast_1d(centres_hz)
    return shaped(sound, lambda hz: (1 / (1 + ((hz[:, None] - centres) / width_hz) ** 2)).sum(axis=1))


def noise(rng: np.random.Generator, seconds: float, slope_db: float = 0.0) -> Sound:
    """(samples,) Gaussian noise of standard deviation 1; its spectrum rises by `slope_db` per octave."""
    white = rng.standard_normal(length(seconds))
    if slope_db:
        white = shaped(white, lambda hz: (np.maximum(hz, 20) / 1000) ** (slope_db / 6.02))
    return white / max(float(white.std()), 1e-9)


def wander(rng: np.random.Generator, seconds: float, per_s: float) -> Sound:
    """(samples,) a smooth random curve of mean 0 and standard deviation about 1, with `per_s` knots a second."""
    size = length(seconds)
    knots = max(2, int(seconds * per_s) + 2)
    place = np.linspace(0, knots - 1, size)
    low = np.minimum(place.astype(int), knots - 2)
    weight = 0.5 - 0.5 * np.cos(np.pi * (place - low))
    values = rng.standard_normal(knots)
    return np.asarray(values[low] * (1 - weight) + values[low + 1] * weight)


def turning(hz: ArrayLike, seconds: float, start: float = 0.0) -> Sound:
    """(samples,) phase in radians of a tone of this frequency, which may vary over time."""
    return 2 * np.pi * (start + np.cumsum(np.broadcast_to(hz, length(seconds))) / RATE_HZ)


def partials(hz: ArrayLike, amplitudes: ArrayLike, seconds: float, stretch: float = 0.0) -> Sound:
    """(samples,) a tone with these amplitudes of its first, second, ... partial; those above 7.8 kHz are omitted.

    `stretch` raises high partials, as in stiff strings and bells.
    """
    phase, highest = turning(hz, seconds), float(np.max(hz))
    sound = np.zeros(phase.size)
    for number, amplitude in enumerate(np.atleast_1d(amplitudes), start=1):
        ratio = number * np.sqrt(1 + stretch * number**2)
        if ratio * highest < 7800:
            sound += amplitude * np.sin(ratio * phase + 1.7 * number**2)
    return sound


def decay(seconds: float, half_s: float, attack_s: float = 0.002) -> Sound:
    """(samples,) envelope: rises within `attack_s`, then halves every `half_s`."""
    t = times(seconds)
    return np.minimum(1, t / attack_s) * 0.5 ** (t / half_s)


def swell(seconds: float, attack_s: float, release_s: float) -> Sound:
    """(samples,) envelope: attack, sustain, release."""
    t = times(seconds)
    return np.clip(np.minimum(t / attack_s, (seconds - t) / release_s), 0, 1)


def put(onto: Sound, sound: Sound, at_s: float) -> None:
    """Add a sound to a longer one in place; what exceeds its end is cut."""
    start = int(at_s * RATE_HZ)
    part = sound[: max(0, onto.size - start)]
    onto[start : start + part.size] += part


def moments(rng: np.random.Generator, seconds: float, per_s: float, uneven: float = 0.2) -> list[float]:
    """Times of events at a mean rate of `per_s`, at least one; `uneven` 0 is regular, 1 is a Poisson process."""
    gaps = (1 - uneven) + uneven * rng.exponential(size=2 + int(4 * seconds * per_s))
    at = rng.uniform(0, min(seconds, 1 / per_s) / 2) + (np.cumsum(gaps) - gaps[0]) / per_s
    found: list[float] = at[at < seconds].tolist()
    return found


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """A log-uniform random number."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
