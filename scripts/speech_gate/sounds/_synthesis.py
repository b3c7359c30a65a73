"""What made-up sounds are put together from: shaped noise, wandering curves, partials, events."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from emotone.audio.read import RATE_HZ

Sound = NDArray[np.float64]
Maker = Callable[[np.random.Generator, float], Sound]
"""(chance, seconds) -> (samples,) at 16 kHz, of any level."""


def length(seconds: float) -> int:
    """Samples in so many seconds, one at least."""
    return max(1, round(seconds * RATE_HZ))


def times(seconds: float) -> Sound:
    """(samples,) when each sample is heard."""
    return np.arange(length(seconds)) / RATE_HZ


def shaped(sound: Sound, gain: Callable[[Sound], ArrayLike]) -> Sound:
    """(samples,) with every frequency at the gain that a function of Hz gives it."""
    size = scipy.fft.next_fast_len(sound.size, real=True)
    spectrum = scipy.fft.rfft(sound, size)
    spectrum *= gain(scipy.fft.rfftfreq(size, 1 / RATE_HZ))
    return np.asarray(scipy.fft.irfft(spectrum, size)[: sound.size])


def band(sound: Sound, low_hz: float, high_hz: float) -> Sound:
    """(samples,) with little left below and above, by 12 dB per octave."""
    return shaped(sound, lambda hz: 1 / np.sqrt((1 + (low_hz / np.maximum(hz, 1)) ** 4) * (1 + (hz / high_hz) ** 4)))


def resonant(sound: Sound, centres_hz: ArrayLike, width_hz: float) -> Sound:
    """(samples,) through resonances, as a box or a tube has them."""
    centres = np.atleast_1d(centres_hz)
    return shaped(sound, lambda hz: (1 / (1 + ((hz[:, None] - centres) / width_hz) ** 2)).sum(axis=1))


def noise(rng: np.random.Generator, seconds: float, slope_db: float = 0.0) -> Sound:
    """(samples,) Gaussian noise of deviation 1; its spectrum rises by `slope_db` per octave."""
    white = rng.standard_normal(length(seconds))
    if slope_db:
        white = shaped(white, lambda hz: (np.maximum(hz, 20) / 1000) ** (slope_db / 6.02))
    return white / max(float(white.std()), 1e-9)


def wander(rng: np.random.Generator, seconds: float, per_s: float) -> Sound:
    """(samples,) a smooth curve of mean 0 and deviation about 1 that turns `per_s` times a second."""
    size = length(seconds)
    knots = max(2, int(seconds * per_s) + 2)
    place = np.linspace(0, knots - 1, size)
    low = np.minimum(place.astype(int), knots - 2)
    weight = 0.5 - 0.5 * np.cos(np.pi * (place - low))
    values = rng.standard_normal(knots)
    return np.asarray(values[low] * (1 - weight) + values[low + 1] * weight)


def turning(hz: ArrayLike, seconds: float, start: float = 0.0) -> Sound:
    """(samples,) phase in radians of a tone of this frequency, which may be a curve."""
    return 2 * np.pi * (start + np.cumsum(np.broadcast_to(hz, length(seconds))) / RATE_HZ)


def partials(hz: ArrayLike, amplitudes: ArrayLike, seconds: float, stretch: float = 0.0) -> Sound:
    """(samples,) a tone with these amplitudes of its first, second, ... partial; those above 7.8 kHz are left out.

    `stretch` sharpens high partials, as stiff strings and bells do.
    """
    phase, highest = turning(hz, seconds), float(np.max(hz))
    sound = np.zeros(phase.size)
    for number, amplitude in enumerate(np.atleast_1d(amplitudes), start=1):
        ratio = number * np.sqrt(1 + stretch * number**2)
        if ratio * highest < 7800:
            sound += amplitude * np.sin(ratio * phase + 1.7 * number**2)
    return sound


def decay(seconds: float, half_s: float, attack_s: float = 0.002) -> Sound:
    """(samples,) up within `attack_s`, then halved every `half_s`."""
    t = times(seconds)
    return np.minimum(1, t / attack_s) * 0.5 ** (t / half_s)


def swell(seconds: float, attack_s: float, release_s: float) -> Sound:
    """(samples,) up, held, and down again."""
    t = times(seconds)
    return np.clip(np.minimum(t / attack_s, (seconds - t) / release_s), 0, 1)


def put(onto: Sound, sound: Sound, at_s: float) -> None:
    """Add a sound to a longer one, as far as it reaches."""
    start = int(at_s * RATE_HZ)
    part = sound[: max(0, onto.size - start)]
    onto[start : start + part.size] += part


def moments(rng: np.random.Generator, seconds: float, per_s: float, uneven: float = 0.2) -> list[float]:
    """Times of events that come `per_s` times a second, one at least; `uneven` 0 is a clock, 1 is chance alone."""
    gaps = (1 - uneven) + uneven * rng.exponential(size=2 + int(4 * seconds * per_s))
    at = rng.uniform(0, min(seconds, 1 / per_s) / 2) + (np.cumsum(gaps) - gaps[0]) / per_s
    found: list[float] = at[at < seconds].tolist()
    return found


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number by chance, every ratio as likely as its inverse around the middle."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
