"""A sample of clips in which every corpus, speaker and emotion has its share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotone.data.sampling import rounds
from emotone.data.utterance import Table


def balanced(table: Table, clips: int, seed: int) -> NDArray[np.int64]:
    """(at most clips,) positions of a sample in which corpora, speakers and emotions have like shares; in order.

    Corpora give by turns, until they have no more. In each, speakers and emotions give by turns: the first round
    takes one clip of a speaker and an emotion, along diagonals of their table, so that a round broken off is balanced.

    Args:
        table: clips with the emotions that are to be balanced.
        clips: how many are wanted.
        seed: decides which.

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
        turn[_dealt(rows, _numbered(speaker[rows], rng), _numbered(emotion[rows], rng))] = np.arange(rows.size)
    return np.sort(np.argsort(turn, kind="stable")[:clips])


def _dealt(rows: NDArray[np.int64], speaker: NDArray[np.int64], emotion: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows in the order in which speakers and emotions give them."""
    emotions = int(emotion.max()) + 1
    diagonal = (emotion - speaker) % emotions
    return rows[np.lexsort((speaker, diagonal, rounds(speaker * emotions + emotion)))]


def _numbered(names: NDArray[np.str_], rng: np.random.Generator) -> NDArray[np.int64]:
    """(clips,) a number for each name, dealt by chance."""
    unique, number = np.unique(names, return_inverse=True)
    return np.asarray(rng.permutation(unique.size)[number])
