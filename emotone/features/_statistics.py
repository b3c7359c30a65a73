"""Contours of any length told in a fixed number of figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Contours = NDArray[np.float64]
Figures = dict[str, float]
"""`part.contour.statistic` -> number."""

_SHARES = {"p5": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}
SPREAD = ("mean", "std", "p5", "p95", "change")
QUARTILES = ("p25", "median", "p75")
EVERY = (*SPREAD, *QUARTILES, "skewness", "kurtosis", "slope", "bend", "change_std", "fall", "rise", "jerk", "top_at")


def describe(part: str, names: Sequence[str], contours: Contours, statistics: Sequence[str]) -> Figures:
    """Statistics of every contour, by name.

    Args:
        part: first word of the names.
        names: one per contour.
        contours: (contours, frames), one frame or more.
        statistics: some of `EVERY`. `slope` and `bend` are coefficients of a parabola over the whole contour,
            `change` the mean absolute change over two frames, `fall` and `rise` its 5th and 95th percentile, `jerk`
            the spread of the second difference, `top_at` the place of the maximum, 0 .. 1.

    >>> describe("energy", ["db"], np.array([[0.0, 1.0, 2.0]]), ["mean", "median", "slope"])
    {'energy.db.mean': 1.0, 'energy.db.median': 1.0, 'energy.db.slope': 1.0}
    """
    found = {}
    for statistic, values in _statistics(np.asarray(contours, dtype=np.float64), frozenset(statistics)).items():
        found.update({f"{part}.{name}.{statistic}": value for name, value in zip(names, values.tolist(), strict=True)})
    return found


def _statistics(contours: Contours, wanted: frozenset[str]) -> dict[str, NDArray[np.float64]]:
    """statistic -> (contours,) in the order of `EVERY`; those that are not wanted are not computed."""
    frames = contours.shape[1]
    mean = contours.mean(axis=1)
    centred = contours - mean[:, None]
    square = centred * centred
    std = np.sqrt(square.mean(axis=1))
    safe = np.maximum(std, 1e-6)
    change = contours[:, 2:] - contours[:, :-2] if frames > 2 else np.zeros((len(contours), 1))
    found = {"mean": mean, "std": std, "change": np.abs(change).mean(axis=1)}
    if not wanted.isdisjoint(_SHARES):
        ordered = np.sort(contours.astype(np.float32), axis=1)  # sorts many times faster than float64
        found |= {name: quantile(ordered, share) for name, share in _SHARES.items()}
    if not wanted.isdisjoint(("skewness", "kurtosis")):
        found["skewness"] = np.einsum("ct,ct->c", square, centred) / (frames * safe**3)
        found["kurtosis"] = np.einsum("ct,ct->c", square, square) / (frames * safe**4)
    if not wanted.isdisjoint(("slope", "bend")):
        time = np.linspace(-1, 1, frames) if frames > 1 else np.zeros(1)
        curve = time**2 - np.mean(time**2)
        found["slope"] = centred @ time / max(float(time @ time), 1e-9)
        found["bend"] = centred @ curve / max(float(curve @ curve), 1e-9)
    if not wanted.isdisjoint(("fall", "rise")):
        ordered = np.sort(change.astype(np.float32), axis=1)
        found |= {"fall": quantile(ordered, 0.05), "rise": quantile(ordered, 0.95)}
    if not wanted.isdisjoint(("change_std", "jerk", "top_at")):
        second = np.diff(contours, n=2, axis=1) if frames > 2 else np.zeros((len(contours), 1))
        found |= {"change_std": change.std(axis=1), "jerk": second.std(axis=1)}
        found["top_at"] = contours.argmax(axis=1) / max(frames - 1, 1)
    return {name: found[name] for name in EVERY if name in wanted}


def quantile(ordered: NDArray[np.float32], share: float) -> NDArray[np.float64]:
    """(contours,) the value below which `share` of each sorted row lies, between samples by a straight line.

    >>> quantile(np.array([[0, 1, 2, 3]], dtype=np.float32), 0.5).tolist()
    [1.5]
    """
    place = share * (ordered.shape[1] - 1)
    low = int(place)
    high = min(low + 1, ordered.shape[1] - 1)
    below, above = ordered[:, low].astype(np.float64), ordered[:, high].astype(np.float64)
    between: NDArray[np.float64] = below + (place - low) * (above - below)
    return between


def course(part: str, contour: Contours, figures: int) -> Figures:
    """The overall course of one contour: its first cosine coefficients, independent of its length.

    Args:
        part: first word of the names.
        contour: (frames,) one or more.
        figures: how many coefficients, from the slowest; the mean is left out.

    >>> {name: round(value, 3) for name, value in course("pitch", np.linspace(1, -1, 200), 2).items()}
    {'pitch.course.1': 0.582, 'pitch.course.2': -0.0}
    """
    even = np.interp(np.linspace(0, len(contour) - 1, 64), np.arange(len(contour)), contour)
    cosines = scipy.fft.dct(even, norm="ortho") / 8
    return {f"{part}.course.{index}": float(cosines[index]) for index in range(1, figures + 1)}


def stretches(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """(stretches,) length of every unbroken run of true.

    >>> stretches(np.array([True, True, False, True])).tolist()
    [2, 1]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return edges[1::2] - edges[::2]
