"""Which training clips are shown how often, and what each class weighs in the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.errors import SplitError, UnknownName
from emotone.training.examples import Examples, Floats

Balance = Literal["none", "undersample", "oversample"]
BALANCES: tuple[Balance, ...] = ("none", "undersample", "oversample")


@dataclass(frozen=True, eq=False)
class Picks:
    """What a model learns from.

    Attributes:
        rows: (picks,) positions in the table, each from the training side.
        copies: (picks,) 0 is the clip as it is, k >= 1 its k-th augmented copy; no (row, copy) stands twice.
    """

    rows: NDArray[np.int64]
    copies: NDArray[np.int64]


def picks(labels: ArrayLike, rows: ArrayLike, how: Balance = "none", seed: int = 0) -> Picks:
    """The training clips as they are, every class cut to the smallest, or every class raised to the largest.

    Balancing happens after splitting: only the rows given are cut or copied, so that no copy of a tested clip can
    be learned from.

    Args:
        labels: (clips,) labels of the whole table.
        rows: positions of the training clips.
        how: `none`; `undersample` leaves clips out by chance; `oversample` adds copies, which go round the clips of
            the class in a random order.
        seed: of what is left out, and of that order.

    Raises:
        UnknownName: no such way.

    >>> picks(["sad", "sad", "angry", "sad"], [0, 1, 2], "oversample").rows.tolist()
    [0, 1, 2, 2]
    """
    labels, rows = np.asarray(labels), np.asarray(rows, dtype=np.int64)
    if how not in BALANCES:
        raise UnknownName("way to balance", how, BALANCES)
    if how == "none" or not rows.size:
        return Picks(rows, np.zeros_like(rows))
    rng = np.random.default_rng(seed)
    groups = [rng.permutation(rows[labels[rows] == label]) for label in np.unique(labels[rows])]
    sizes = [group.size for group in groups]
    size = min(sizes) if how == "undersample" else max(sizes)
    picked = np.concatenate([np.resize(group, size) for group in groups])  # resize cuts, or repeats in order
    copies = np.concatenate([np.arange(size) // group.size for group in groups])
    order = np.lexsort((copies, picked))
    return Picks(picked[order], copies[order])


def with_copies(chosen: Picks, count: int) -> Picks:
    """The same, and of each clip among them so many copies more.

    >>> with_copies(picks(["sad", "sad", "angry"], [0, 1, 2], "oversample"), 1).copies.tolist()
    [0, 0, 0, 1, 1, 1, 2]
    """
    if not count:
        return chosen
    rows, place = np.unique(chosen.rows, return_inverse=True)
    last = np.zeros(len(rows), dtype=np.int64)
    np.maximum.at(last, place, chosen.copies)
    more = [(rows, last + number) for number in range(1, count + 1)]
    together = [np.concatenate(parts) for parts in zip((chosen.rows, chosen.copies), *more, strict=True)]
    order = np.lexsort((together[0], together[1]))
    return Picks(together[0][order], together[1][order])


def class_weights(counts: ArrayLike, power: float = 1.0) -> NDArray[np.float64]:
    """(classes,) weight of each class in the loss: (1 / its frequency) ** power, scaled to a mean of 1.

    Args:
        counts: (classes,) clips, or parts of clips, of each class.
        power: 1 makes every class count alike, 0 every clip; .5 lies between.

    Raises:
        SplitError: a class without a clip.

    >>> class_weights([3, 1]).tolist()
    [0.5, 1.5]
    """
    counts = np.asarray(counts, dtype=np.float64)
    if (counts == 0).any():
        raise SplitError(
            f"class number {int(np.argmin(counts))} of {counts.size} has no clip among these {int(counts.sum())}; "
            "use fewer labels or other folds"
        )
    weights = (1.0 / counts) ** power
    return np.asarray(weights / weights.mean())


def counted(learned: Examples, of: Examples, classes: int, absent: float) -> Floats | None:
    """(clips of `of`, classes) how much each clip says of each class; None where all say all.

    1 where the clip's corpus has the class, `absent` where it has not: there, that nobody said "bored" does not mean
    that nobody sounded so.

    Args:
        learned: the clips whose labels tell what a corpus has.
        of: the clips asked about, with their corpora.
        absent: 1 for all that a corpus lacks to count like all else.
    """
    if absent == 1 or learned.corpora is None or of.corpora is None:
        return None
    has = np.zeros((max(int(learned.corpora.max()), int(of.corpora.max())) + 1, classes))
    np.add.at(has, (learned.corpora[learned.rows], learned.labels[learned.rows]), 1)
    return np.where(has > 0, 1.0, absent)[of.corpora[of.rows]]


def clip_weights(learned: Examples, of: Examples, classes: int, power: float, absent: float) -> Floats:
    """(clips of `of`, classes) what a part of each clip weighs that belongs to a class, by the frequency of classes.

    With `absent` under 1 the frequencies are those within each corpus, and no corpus weighs more per clip.

    Args:
        learned: the clips whose frequencies these are.
        of: the clips asked about, of the same corpora.
        power: 1 makes every class count alike, 0 every clip.
    """
    shares = learned.shares(classes)
    if absent == 1 or learned.corpora is None or of.corpora is None:
        return np.tile(class_weights(shares.sum(axis=0), power), (len(of), 1))
    corpora = learned.corpora[learned.rows]
    weights = np.ones((max(int(corpora.max()), int(of.corpora.max())) + 1, classes))
    for corpus in np.unique(corpora):
        here = shares[corpora == corpus]
        frequencies = np.maximum(here.sum(axis=0), 1e-9) ** -power
        weights[corpus] = frequencies * len(here) / (here @ frequencies).sum()
    return np.asarray(weights[of.corpora[of.rows]])


def log_share(counts: Floats) -> Floats:
    """What is added to the scores of classes that count for less: the logarithm of how much, or very little."""
    return np.log(np.maximum(counts, 1e-6))
