"""Class balance: resampled training clips, class weights, and classes that a corpus lacks."""

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
class Resampled:
    """The clips that a model is trained on.

    Attributes:
        rows: (clips,) positions in the table, all from the training side.
        copies: (clips,) 0 is the clip itself, k >= 1 its k-th augmented copy; no (row, copy) occurs twice.
    """

    rows: NDArray[np.int64]
    copies: NDArray[np.int64]


def resample(labels: ArrayLike, rows: ArrayLike, how: Balance = "none", seed: int = 0) -> Resampled:
    """The training clips unchanged, undersampled to the smallest class, or oversampled to the largest.

    Call it after splitting: only the given rows are dropped or copied, so that no copy of a test clip is trained on.

    Args:
        labels: (clips,) labels of the whole table.
        rows: positions of the training clips.
        how: `none`; `undersample` drops random clips; `oversample` adds copies, the clips of a class in turn, in random
            order.
        seed: of the random choices.

    Raises:
        UnknownName: there is no such `how`.

    >>> resample(["sad", "sad", "angry", "sad"], [0, 1, 2], "oversample").rows.tolist()
    [0, 1, 2, 2]
    """
    labels, rows = np.asarray(labels), np.asarray(rows, dtype=np.int64)
    if how not in BALANCES:
        raise UnknownName("way to balance", how, BALANCES)
    if how == "none" or not rows.size:
        return Resampled(rows, np.zeros_like(rows))
    rng = np.random.default_rng(seed)
    groups = [rng.permutation(rows[labels[rows] == label]) for label in np.unique(labels[rows])]
    sizes = [group.size for group in groups]
    size = min(sizes) if how == "undersample" else max(sizes)
    chosen = np.concatenate([np.resize(group, size) for group in groups])  # resize cuts, or repeats in order
    copies = np.concatenate([np.arange(size) // group.size for group in groups])
    order = np.lexsort((copies, chosen))
    return Resampled(chosen[order], copies[order])


def with_copies(chosen: Resampled, count: int) -> Resampled:
    """The same clips and `count` more copies of each.

    >>> with_copies(resample(["sad", "sad", "angry"], [0, 1, 2], "oversample"), 1).copies.tolist()
    [0, 0, 0, 1, 1, 1, 2]
    """
    if not count:
        return chosen
    rows, place = np.unique(chosen.rows, return_inverse=True)
    last = np.zeros(len(rows), dtype=np.int64)
    np.maximum.at(last, place, chosen.copies)
    more = [(rows, last + number) for number in range(1, count + 1)]
    all_rows, all_copies = (np.concatenate(parts) for parts in zip((chosen.rows, chosen.copies), *more, strict=True))
    order = np.lexsort((all_rows, all_copies))
    return Resampled(all_rows[order], all_copies[order])


def class_weights(counts: ArrayLike, power: float = 1.0) -> NDArray[np.float64]:
    """(classes,) weight of each class in the loss: (1 / its frequency) ** power, scaled to a mean of 1.

    Args:
        counts: (classes,) clips, or parts of clips, of each class.
        power: 1 gives every class the same total weight, 0 every clip the same weight.

    Raises:
        SplitError: a class has no clip.

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


def class_mask(train: Examples, clips: Examples, classes: int, absent: float) -> Floats | None:
    """(rows of `clips`, classes) how much each clip counts for or against each class; None where all count fully.

    1 where the clip's corpus has the class, `absent` where it has not: a corpus without the label "bored" does not
    show that none of its clips sounds bored.

    Args:
        train: the clips whose labels show which classes a corpus has.
        clips: the clips to be masked, of the same corpora.
        absent: `training.absent_class_weight`; 1 for no mask.
    """
    if absent == 1 or train.corpora is None or clips.corpora is None:
        return None
    counts = np.zeros((max(int(train.corpora.max()), int(clips.corpora.max())) + 1, classes))
    np.add.at(counts, (train.corpora[train.rows], train.labels[train.rows]), 1)
    return np.where(counts > 0, 1.0, absent)[clips.corpora[clips.rows]]


def clip_weights(train: Examples, clips: Examples, classes: int, power: float, absent: float) -> Floats:
    """(rows of `clips`, classes) weight of the part of each clip that belongs to a class, by class frequency.

    With `absent` below 1, frequencies are those within each corpus, and all corpora have the same weight per clip.

    Args:
        train: the clips whose class frequencies are used.
        clips: the clips to be weighted, of the same corpora.
        power, absent: as of `class_weights` and `class_mask`.
    """
    distributions = train.distributions(classes)
    if absent == 1 or train.corpora is None or clips.corpora is None:
        return np.tile(class_weights(distributions.sum(axis=0), power), (len(clips), 1))
    corpora = train.corpora[train.rows]
    weights = np.ones((max(int(corpora.max()), int(clips.corpora.max())) + 1, classes))
    for corpus in np.unique(corpora):
        of_corpus = distributions[corpora == corpus]
        inverse = np.maximum(of_corpus.sum(axis=0), 1e-9) ** -power
        weights[corpus] = inverse * len(of_corpus) / (of_corpus @ inverse).sum()
    return np.asarray(weights[clips.corpora[clips.rows]])


def log_mask(mask: Floats) -> Floats:
    """The logarithm of a class mask, to be added to scores; at least log(1e-6)."""
    return np.log(np.maximum(mask, 1e-6))
