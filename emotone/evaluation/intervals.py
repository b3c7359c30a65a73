"""95 % intervals and p-values from speakers: what if others had been recorded?"""

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
    """A score and its 95 % interval; low and high are None where one speaker does not allow any."""

    value: float
    low: float | None
    high: float | None


def speakers_for(half_width: float, low: float, high: float, speakers: int) -> int:
    """How many speakers like these an interval of this half width would need: it shrinks with the root of their number.

    Args:
        half_width: wished for, in the score's unit.
        low, high: of the interval that so many `speakers` gave.

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
    """Scores with 95 % intervals from resampling speakers; of several corpora the mean of each corpus's scores.

    A percentile bootstrap over speakers, its draws stretched about their mean by sqrt(n / (n - 1)) and by the t
    quantile over the normal one: few speakers look more alike than they are. Hesterberg (2015, What Teachers Should
    Know About the Bootstrap) corrects for both at the level of the percentile; from ten speakers on that is the
    same, but it cannot reach beyond the worst and the best speaker, and so misses too often where there are two or
    four. Of several corpora, the t quantile has the degrees of freedom of Welch and Satterthwaite.

    Args:
        scores: (..., *shape) sums over speakers -> (..., k) scores, nan where undefined.
        corpora: for each corpus, (speakers, *shape) what a speaker adds to the sums.
        draws: resamplings.
        seed: of the draws.
        bounds: the scores' range; no interval leaves it.

    Returns:
        k intervals; None for a score that is nan in every corpus.
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
    each, drawn = np.array(values), np.array(deviations)  # (corpora, k), (corpora, draws, k)
    return [_interval(each[:, k], drawn[:, :, k], sizes, bounds) for k in range(each.shape[1])]


def _interval(values: Floats, drawn: Floats, speakers: NDArray[Any], bounds: tuple[float, float]) -> Interval | None:
    known = np.isfinite(values)
    if not known.any():
        return None
    value, freedom = float(values[known].mean()), speakers[known] - 1
    if (freedom == 0).any():
        return Interval(value, None, None)
    drawn = drawn[known]
    drawn = drawn[:, np.isfinite(drawn).all(axis=0)]  # a rare class may be absent from a draw
    drawn = drawn - drawn.mean(axis=1, keepdims=True)
    variances = drawn.var(axis=1)
    if not variances.any():
        return Interval(value, value, value)
    t = stdtrit(variances.sum() ** 2 / (variances**2 / freedom).sum(), 0.975)
    low, high = value + t / _Z * np.quantile(drawn.mean(axis=0), [0.025, 0.975])
    return Interval(value, max(bounds[0], float(low)), min(bounds[1], float(high)))


def swap_test(scores: Scores, corpora: Sequence[Floats], *, swaps: int = 10_000, seed: int = 0) -> float:
    """The p-value of a paired difference: how often one as large comes about when the systems are only named by chance.

    Speaker by speaker, the first system's sums are swapped with the second's: in every one of the 2 ** speakers ways
    where these are no more than `swaps`, else in so many by chance and once not at all.

    Args:
        scores: (..., *shape) sums over speakers -> (...) score.
        corpora: for each corpus, (speakers, 2, *shape) what a speaker adds to the sums of either system; the
            difference is the mean over corpora.
        swaps: most ways tried.
        seed: of the chance.
    """
    patterns = _swaps(sum(map(len, corpora)), swaps, np.random.default_rng(seed))
    drawn, start = np.zeros(len(patterns)), 0
    for sums in corpora:
        pattern, start = patterns[:, start : start + len(sums)], start + len(sums)
        moved = np.tensordot(pattern, sums[:, 1] - sums[:, 0], axes=1)  # from the second system to the first
        drawn += (scores(sums[:, 1].sum(axis=0) - moved) - scores(sums[:, 0].sum(axis=0) + moved)) / len(corpora)
    return float((np.abs(drawn) >= abs(drawn[0]) - 1e-12).mean())  # in the first pattern nothing is swapped


def _swaps(speakers: int, most: int, rng: np.random.Generator) -> NDArray[Any]:
    """(swaps, speakers) 0 or 1: every pattern where there are few, else by chance; nothing swapped is among them."""
    if speakers < 60 and 2**speakers <= most:
        return (np.arange(2**speakers)[:, None] >> np.arange(speakers)) & 1
    return np.concatenate([np.zeros((1, speakers), dtype=np.int64), rng.integers(0, 2, (most, speakers))])
