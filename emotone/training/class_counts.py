"""Which classes a clip counts for: of several corpora, those that its own has, and the others less."""

from __future__ import annotations

import numpy as np

from emotone.training.balance import weights_of
from emotone.training.examples import Examples, Floats


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
        return np.tile(weights_of(shares.sum(axis=0), power), (len(of), 1))
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
