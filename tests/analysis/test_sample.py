"""Balanced samples: corpora, speakers and emotions have similar shares, whatever their sizes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from emotone.analysis.stress.sample import balanced
from emotone.data.utterance import Table, Utterance

EMOTIONS = ("angry", "fear", "happy", "neutral", "sad")


def table(**sizes: tuple[int, int]) -> Table:
    """Corpora with a number of speakers, and a number of clips per speaker and emotion."""
    return Table(
        Utterance(corpus, f"{speaker}-{emotion}-{number}", Path("x.wav"), emotion, f"{corpus}/{speaker}")
        for corpus, (speakers, clips) in sizes.items()
        for speaker in range(speakers)
        for emotion in EMOTIONS
        for number in range(clips)
    )


@pytest.mark.parametrize("clips", [10, 33, 60, 100])
def test_speakers_and_emotions_differ_by_little(clips: int) -> None:
    drawn = table(x=(7, 9)).take(balanced(table(x=(7, 9)), clips, seed=3))
    assert len(drawn) == clips
    for column, least in (("speaker", 7), ("emotion", 5)):
        counts = Counter(drawn.column(column).tolist())
        assert max(counts.values()) - (min(counts.values()) if len(counts) == least else 0) <= 2, column


def test_corpora_have_similar_shares_and_all_clips_of_a_small_one_are_taken() -> None:
    everything = table(small=(2, 1), large=(20, 10), middle=(5, 10))
    drawn = everything.take(balanced(everything, 150, seed=0))
    assert Counter(drawn.column("corpus").tolist()) == {"small": 10, "large": 70, "middle": 70}


def test_the_seed_decides_and_a_sample_larger_than_the_table_is_the_table() -> None:
    everything = table(x=(4, 6))
    first, again, other = (balanced(everything, 30, seed=seed).tolist() for seed in (1, 1, 2))
    assert first == again == sorted(first)
    assert first != other
    np.testing.assert_array_equal(balanced(everything, 10_000, seed=1), np.arange(len(everything)))
