"""Balanced sample of clips over corpora, speakers and emotions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotone.data.sampling import rounds
from emotone.data.utterance import Table


def balanced(table: Table, clips: int, seed: int) -> NDArray[np.int64]:
    """(at most clips,) positions of a sample with similar shares of corpora, speakers and emotions; ascending.

    Clips are taken from the corpora in turn, until a corpus has no more. Within a corpus they are taken from speakers
    and emotions in turn: the first round takes one clip per speaker and emotion, along the diagonals of their table, so
    that an incomplete round is balanced, too.

    Args:
        table: clips with the emotions to balance.
        clips: size of the sample.
        seed: of the choice of clips.

    >>> from pathlib import Path
    >>> from emotone.data.utterance import Utterance
    >>> rows = [("a", "sad"), ("a", "sad"), ("a", "sad"), ("a", "angry"), ("b", "sad"), ("b", "angry")]
    >>> clips = Table(Utterance("x", str(n), Path("x.wav"), e, f"x/{s}") for n, (s, e) in enumerate(rows))
    >>> [rows[place] for place in balanced(clips, 4, seed=0)]
    [('a', 'sad'), ('a', 'angry'), ('b', 'sad'), ('b', 'angry')]
    """
    rng = np.random.default_rng(seed)
    corpus, speaker, emotion = (table.column(name) for name in ("corpus", "speaker", "emotion"))
    turn = np.zeros(len(table), dtype=np.int64)
    for name in table.corpora():
        rows = rng.permutation(np.flatnonzero(corpus == name))
        turn[_in_turn(rows, _numbered(speaker[rows], rng), _numbered(emotion[rows], rng))] = np.arange(rows.size)
    return np.sort(np.argsort(turn, kind="stable")[:clips])


def _in_turn(rows: NDArray[np.int64], speaker: NDArray[np.int64], emotion: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows in the order in which they are taken from speakers and emotions."""
    emotions = int(emotion.max()) + 1
    diagonal = (emotion - speaker) % emotions
    return rows[np.lexsort((speaker, diagonal, rounds(speaker * emotions + emotion)))]


def _numbered(names: NDArray[np.str_], rng: np.random.Generator) -> NDArray[np.int64]:
    """(clips,) a random number for each name."""
    unique, number = np.unique(names, return_inverse=True)
    return np.asarray(rng.permutation(unique.size)[number])
