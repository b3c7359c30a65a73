"""Statistics of contours: a fixed number of values for any length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotone.audio.fourier import cosines

Contours = NDArray[np.float32]

SPREAD = ("mean", "std", "change")
STATISTICS = (*SPREAD, "skewness", "slope", "bend")
_SHARES = {"p5": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}
_STILL = 1e-3  # a contour with a smaller deviation has no skewness, only rounding errors
_COURSE_PLACES = 64


class Figures(NamedTuple):
    """A group of statistics of a clip: (figures,) names and (figures,) values."""

    names: tuple[str, ...]
    values: NDArray[np.float32]


@lru_cache(maxsize=256)
def grid(part: str, contours: tuple[str, ...], statistics: tuple[str, ...]) -> tuple[str, ...]:
    """`part.contour.statistic`: the first statistic of all contours, then the next.

    >>> grid("pitch", ("semitones",), ("mean", "std"))
    ('pitch.semitones.mean', 'pitch.semitones.std')
    """
    return tuple(f"{part}.{contour}.{statistic}" for statistic in statistics for contour in contours)


@lru_cache(maxsize=8)
def numbers(first: int, count: int) -> tuple[str, ...]:
    """Names of `count` numbered contours.

    >>> numbers(1, 3)
    ('1', '2', '3')
    """
    return tuple(str(number) for number in range(first, first + count))


@lru_cache(maxsize=64)
def under(part: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """`part.name` for every name."""
    return tuple(f"{part}.{name}" for name in names)


def statistics(contours: Contours) -> Contours:
    """(len(STATISTICS), contours) of each row.

    `change` is the mean absolute change over two frames. `slope` and `bend` are the coefficients of a parabola fitted
    to the contour, in the contour's unit per half of its length.

    Args:
        contours: (contours, frames), one frame or more.

    >>> dict(zip(STATISTICS, statistics(np.float32([[0, 1, 2]]))[:, 0].round(2).tolist()))["slope"]
    1.0
    """
    frames = contours.shape[1]
    mean = contours.sum(axis=1) / np.float32(frames)
    centred = contours - mean[:, None]
    square = centred * centred
    std = np.sqrt(square.sum(axis=1) / np.float32(frames))
    change = np.abs(centred[:, 2:] - centred[:, :-2]).sum(axis=1) / np.float32(max(frames - 2, 1))
    skewness = np.einsum("ct,ct->c", square, centred) / (frames * np.maximum(std, np.float32(_STILL)) ** 3)
    return np.vstack([mean, std, change, skewness, (centred @ _parabola(frames)).T])


@lru_cache(maxsize=512)
def _parabola(frames: int) -> Contours:
    """(frames, 2) weights whose products with a contour are its slope and its bend."""
    time = np.linspace(-1, 1, frames) if frames > 1 else np.zeros(1)
    curve = time**2 - np.mean(time**2)
    parts = [part / max(float(part @ part), 1e-9) for part in (time, curve)]
    return np.asarray(np.stack(parts, axis=1), dtype=np.float32)


def quantiles(contour: Contours, names: Sequence[str]) -> Contours:
    """(names,) quantiles of one contour, with linear interpolation.

    Args:
        contour: (frames,) one or more.
        names: some of `p5`, `p25`, `median`, `p75`, `p95`.

    >>> quantiles(np.float32([3, 0, 2, 1]), ["median"]).tolist()
    [1.5]
    """
    places = np.array([_SHARES[name] for name in names]) * (contour.size - 1)
    return np.asarray(np.interp(places, _count(contour.size), np.sort(contour)), dtype=np.float32)


def course(contour: Contours, figures: int) -> Contours:
    """(figures,) the overall shape of one contour: its first cosine coefficients, independent of its length.

    Args:
        contour: (frames,) one or more.
        figures: number of coefficients, from the slowest; the mean is left out.

    >>> course(np.linspace(1, -1, 200), 2).round(3).tolist() == np.float32([0.582, 0]).tolist()
    True
    """
    even = np.interp(_evenly(contour.size), _count(contour.size), contour)
    return np.asarray(cosines(_COURSE_PLACES, figures + 1)[1:] @ even / math.sqrt(_COURSE_PLACES), dtype=np.float32)


@lru_cache(maxsize=512)
def _evenly(length: int) -> NDArray[np.float64]:
    """(_COURSE_PLACES,) evenly spaced positions from the first to the last of `length` frames."""
    return np.linspace(0, length - 1, _COURSE_PLACES)


@lru_cache(maxsize=512)
def _count(length: int) -> NDArray[np.float64]:
    """0, 1, 2, ..."""
    return np.arange(length, dtype=np.float64)


@lru_cache(maxsize=512)
def hump(length: int) -> Contours:
    """(length,) Hann window without its zeros."""
    return np.asarray(np.hanning(length + 2)[1:-1], dtype=np.float32)
