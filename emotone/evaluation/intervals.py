"""Bootstrap confidence intervals and permutation tests over speakers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Floats = NDArray[np.float64]
Scores = Callable[[Floats], Floats]

_Z = 1.959963984540054  # the normal quantile of a 95 % interval


@dataclass(frozen=True)
class Interval:
    """A score and its 95 % interval; low and high are None if there is only one speaker."""

    value: float
    low: float | None
    high: float | None


def speakers_for(half_width: float, low: float, high: float, speakers: int) -> int:
    """Number of speakers needed for an interval of this half width, which shrinks with the root of their number.

    Args:
        half_width: target, in the score's unit.
        low, high: the interval found with `speakers` speakers.

    >>> speakers_for(0.03, 0.57, 0.69, 24)
    96
    """
    return math.ceil(round(speakers * ((high - low) / 2 / half_width) ** 2, 6))


def intervals(
    scores: Scores,
    corpora: Sequence[Floats],
    *,
    draws: int = 2000,
    seed: int = 0,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> list[Interval | None]:
    """Scores with 95 % intervals from resampling speakers; for several corpora, the mean of their scores.

    A percentile bootstrap over speakers. Its draws are stretched about their mean by sqrt(n / (n - 1)) and by the ratio
    of the t quantile to the normal quantile, because few speakers underestimate the variance. Hesterberg (2015, What
    Teachers Should Know About the Bootstrap) corrects the percentile level instead; that is equivalent from ten
    speakers on, but cannot reach beyond the worst and the best speaker, so that its coverage is too low with two or
    four. For several corpora, the t quantile has the degrees of freedom of Welch and Satterthwaite.

    Args:
        scores: (..., *shape) sums over speakers -> (..., k) scores, nan if undefined.
        corpora: for each corpus, (speakers, *shape) contribution of each speaker to the sums.
        draws: number of resamplings.
        seed: of the draws.
        bounds: range of the scores; intervals are clipped to it.

    Returns:
        k intervals; None for a score that is nan in all corpora.
    """
    rng = np.random.default_rng(seed)
    values, deviations = [], []
    for sums in corpora:
        speakers = len(sums)
        values.append(scores(sums.sum(axis=0)))
        weights = rng.multinomial(speakers, np.full(speakers, 1 / speakers), size=draws)
        drawn = scores((weights @ sums.reshape(speakers, -1)).reshape(draws, *sums.shape[1:]))
        deviations.append(drawn * np.sqrt(speakers / max(1, speakers - 1)))
    sizes = np.array([len(sums) for sums in corpora])
    found, drawn = np.array(values), np.array(deviations)  # (corpora, k), (corpora, draws, k)
    return [_interval(found[:, k], drawn[:, :, k], sizes, bounds) for k in range(found.shape[1])]


def _interval(values: Floats, drawn: Floats, speakers: NDArray[Any], bounds: tuple[float, float]) -> Interval | None:
    known = np.isfinite(values)
    if not known.any():
        return None
    value, freedom = float(values[known].mean()), speakers[known] - 1
    if (freedom == 0).any():
        return Interval(value, None, None)
    drawn = drawn[known]
    drawn = drawn[:, np.isfinite(drawn).all(axis=0)]  # a draw may lack a rare class
    drawn = drawn - drawn.mean(axis=1, keepdims=True)
    variances = drawn.var(axis=1)
    if not (variances**2).any():  # none, or so small that its square is 0
        return Interval(value, value, value)
    t = stdtrit(variances.sum() ** 2 / (variances**2 / freedom).sum(), 0.975)
    low, high = value + t / _Z * np.quantile(drawn.mean(axis=0), [0.025, 0.975])
    return Interval(value, max(bounds[0], float(low)), min(bounds[1], float(high)))


def swap_test(scores: Scores, corpora: Sequence[Floats], *, swaps: int = 10_000, seed: int = 0) -> float:
    """The p-value of a paired difference, from a permutation test that swaps the two systems speaker by speaker.

    All 2 ** speakers patterns of swaps are used if these are no more than `swaps`; otherwise `swaps` random patterns,
    and the pattern without a swap.

    Args:
        scores: (..., *shape) sums over speakers -> (...) score.
        corpora: for each corpus, (speakers, 2, *shape) contribution of each speaker to the sums of either system; the
            difference is the mean over corpora.
        swaps: largest number of patterns.
        seed: of the random patterns.
    """
    patterns = _swaps(sum(map(len, corpora)), swaps, np.random.default_rng(seed))
    drawn, start = np.zeros(len(patterns)), 0
    for sums in corpora:
        pattern, start = patterns[:, start : start + len(sums)], start + len(sums)
        moved = np.tensordot(pattern, sums[:, 1] - sums[:, 0], axes=1)  # from the second system to the first
        drawn += (scores(sums[:, 1].sum(axis=0) - moved) - scores(sums[:, 0].sum(axis=0) + moved)) / len(corpora)
    return float((np.abs(drawn) >= abs(drawn[0]) - 1e-12).mean())  # the first pattern swaps nothing


def _swaps(speakers: int, most: int, rng: np.random.Generator) -> NDArray[Any]:
    """(patterns, speakers) 0 or 1: all patterns if there are few, otherwise random ones; the first swaps nothing."""
    if speakers < 60 and 2**speakers <= most:
        return (np.arange(2**speakers)[:, None] >> np.arange(speakers)) & 1
    return np.concatenate([np.zeros((1, speakers), dtype=np.int64), rng.integers(0, 2, (most, speakers))])
