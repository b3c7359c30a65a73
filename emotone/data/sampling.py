"""Seeded random choices: a generator from a text, rounds over groups, stratified dealing."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def rng_from(*parts: object) -> np.random.Generator:
    """A generator that depends on these parts alone: not on other clips, their order, or the machine.

    Args:
        parts: what identifies the choice, such as seed, key of the clip and number of the copy.

    >>> rng_from(0, "emodb/03a01Fa").integers(100, size=3).tolist()
    [1, 99, 93]
    """
    text = "\n".join(map(str, parts))
    return np.random.default_rng(int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "little"))


def rounds(groups: ArrayLike, order: ArrayLike | None = None) -> NDArray[np.int64]:
    """(items,) the round in which each item is taken, if every group gives one item per round.

    Args:
        groups: (items,) the group of each item.
        order: (items,) positions in the order in which a group gives its items; None: as they stand.

    >>> rounds(["a", "a", "b", "a"]).tolist(), rounds(["a", "a", "b", "a"], [3, 2, 1, 0]).tolist()
    ([0, 1, 0, 2], [2, 1, 0, 0])
    """
    number = np.unique(groups, return_inverse=True)[1]
    order = np.arange(number.size) if order is None else np.asarray(order)
    by_group = order[np.argsort(number[order], kind="stable")]
    sizes = np.bincount(number)
    first = np.cumsum(sizes) - sizes  # of each group in `by_group`
    found = np.empty(number.size, dtype=np.int64)
    found[by_group] = np.arange(number.size) - first[number[by_group]]
    return found


def deal(strata: NDArray[Any], hands: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """(items,) hand of each item when they are dealt like cards: shuffled within each stratum, one stratum at a time.

    >>> deal(np.array(["a", "a", "b", "b"]), 2, np.random.default_rng(0)).tolist()
    [1, 0, 0, 1]
    """
    order = np.lexsort((rng.permutation(len(strata)), strata))
    hand = np.empty(len(strata), dtype=np.int64)
    hand[order] = np.arange(len(strata)) % hands
    return hand
