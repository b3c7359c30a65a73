"""Folds, on synthetic tables with very different numbers of speakers."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from emotone.data.splits import PROTOCOLS, Fold, everything, folds, speaker_independent
from emotone.data.utterance import Table, Utterance
from emotone.errors import LengthMismatch, SplitError, UnknownName

LOSO = "leave-one-speaker-out"


def utterance(corpus: str, number: int, speaker: str, sex: str = "") -> Utterance:
    return Utterance(corpus, str(number), Path(f"{number}.wav"), "sad", speaker, sex)


def synthetic(**speakers_of: int) -> Table:
    """Corpora of so many speakers (`a/01` ...), six clips each, the odd ones male."""
    return Table(
        utterance(corpus, 100 * s + clip, f"{corpus}/{s:02}", "male" if s % 2 else "female")
        for corpus, speakers in speakers_of.items()
        for s in range(1, speakers + 1)
        for clip in range(6)
    )


def labels_of(table: Table) -> np.ndarray:
    return np.arange(len(table)) % 3


def spoken_by(table: Table, rows: np.ndarray) -> set[str]:
    return set(table.column("speaker")[rows].tolist())


def same(first: list[Fold], second: list[Fold]) -> bool:
    return len(first) == len(second) and all(
        a.name == b.name
        and all(map(np.array_equal, (a.train, a.development, a.test), (b.train, b.development, b.test)))
        for a, b in zip(first, second, strict=True)
    )


@st.composite
def wild_tables(draw: st.DrawFn) -> tuple[Table, np.ndarray, dict[str, object]]:
    """Up to three corpora with any facts, any clips per speaker and any labels; `a` and `b` may share people."""
    shared = draw(st.booleans())
    rows, labels, facts = [], [], {}
    for corpus in draw(st.sampled_from([["a"], ["a", "b"], ["b", "a", "c"]])):
        speakers = draw(st.integers(1, 12))
        prefix = "a" if shared and corpus == "b" else corpus
        for s in range(speakers):
            for _ in range(draw(st.integers(1, 5))):
                sex = "female" if s % 3 else "male"
                rows.append(utterance(corpus, len(rows), f"{prefix}/{s}", sex))
                labels.append(draw(st.sampled_from("xyz")))
        blocks = draw(st.integers(1, 4))
        facts[corpus] = draw(
            st.sampled_from(
                [None, LOSO, tuple(tuple(str(s) for s in range(first, 12, blocks)) for first in range(blocks))]
            )
        )
    return Table(rows), np.array(labels), facts


@settings(max_examples=150, deadline=None)
@given(wild_tables(), st.sampled_from(PROTOCOLS), st.integers(0, 3), st.none() | st.integers(2, 7))
def test_promises_that_every_split_keeps(case, protocol, seed, count) -> None:
    table, labels, facts = case
    try:
        made = folds(table, labels, protocol, seed=seed, count=count, default_folds=facts)
    except SplitError:
        assume(False)
    tested = np.concatenate([fold.test for fold in made])
    if protocol == "random" and count is None:
        assert len(made) == 1
        assert tested.size in (len(table) // 5, -(-len(table) // 5)), "one split 80/20"
    else:
        assert sorted(tested.tolist()) == list(range(len(table))), "every clip is tested once"
    assert len({fold.name for fold in made}) == len(made)
    for fold in made:
        sides = [fold.train, fold.development, fold.test]
        assert all(side.size and (np.diff(side) > 0).all() for side in sides)
        assert len(np.unique(np.concatenate(sides))) == sum(side.size for side in sides), "no row is on two sides"
        if protocol != "random":
            assert speaker_independent(fold, table)
            train, development, test = (spoken_by(table, side) for side in sides)
            assert not test & (train | development), "no tested speaker is learned from"
            assert fold.development_by == "clips" or not train & development
    assert same(made, folds(table, labels, protocol, seed=seed, count=count, default_folds=facts))


@settings(max_examples=40, deadline=None)
@given(wild_tables(), st.integers(0, 2))
def test_a_set_with_two_speakers_and_no_facts_can_always_be_split(case, seed) -> None:
    table, labels, _ = case
    speakers = spoken_by(table, np.arange(len(table)))
    clips = [np.sum(table.column("speaker") == speaker) for speaker in speakers]
    assume(len(table.corpora()) == 1 and len(speakers) >= 2 and (len(speakers) > 2 or min(clips) > 1))
    assert len(folds(table, labels, seed=seed)) == min(5, len(speakers))


def test_the_default_folds_of_a_corpus_are_the_test_speakers() -> None:
    table = synthetic(a=4)
    made = folds(table, labels_of(table), default_folds={"a": (("02", "04"), ("01",), ("03",))})
    assert [spoken_by(table, fold.test) for fold in made] == [{"a/02", "a/04"}, {"a/01"}, {"a/03"}]
    assert [fold.name for fold in made] == ["1", "2", "3"]


def test_a_fold_keeps_its_number_when_part_of_the_corpus_is_absent() -> None:
    table = synthetic(a=4).take(np.arange(12))  # speakers 01 and 02
    made = folds(table, labels_of(table), default_folds={"a": (("01",), ("03", "04"), ("02",))})
    assert [fold.name for fold in made] == ["1", "3"]


def test_more_than_nine_folds_sort_by_name() -> None:
    table = synthetic(a=10)
    names = [fold.name for fold in folds(table, labels_of(table), default_folds={"a": LOSO})]
    assert names == sorted(names) == [f"{i:02}" for i in range(1, 11)]


def test_corpora_trained_together_are_tested_in_five_folds() -> None:
    table = synthetic(a=10, b=2)
    made = folds(table, labels_of(table), default_folds={"a": LOSO, "b": LOSO})
    assert [len(spoken_by(table, fold.test)) for fold in made] == [3, 3, 2, 2, 2]
    assert spoken_by(table, made[1].test) == {"a/02", "a/07", "b/02"}


def test_one_person_of_two_corpora_stays_on_one_side() -> None:
    song = [utterance("song", i, f"a/{1 + i % 8:02}") for i in range(40)]
    table = synthetic(a=8) + Table(song)
    for seed in range(5):
        for fold in folds(table, labels_of(table), seed=seed, default_folds={"a": LOSO, "song": None}):
            sides = [spoken_by(table, rows) for rows in (fold.train, fold.development, fold.test)]
            assert sum(map(len, sides)) == 8
            assert fold.development_by == "speakers"


def test_cross_corpus_leaves_out_the_tested_speakers_elsewhere_too() -> None:
    table = synthetic(a=4, b=4) + Table(utterance("song", i, "a/01") for i in range(6))
    made = {fold.name: fold for fold in folds(table, labels_of(table), "cross-corpus")}
    assert set(made) == {"a", "b", "song"}
    assert spoken_by(table, made["song"].test) == {"a/01"}
    learned = np.concatenate([made["song"].train, made["song"].development])
    assert spoken_by(table, learned) == {"a/02", "a/03", "a/04", "b/01", "b/02", "b/03", "b/04"}


def test_cross_corpus_of_the_same_people_is_refused() -> None:
    table = synthetic(a=2) + Table(utterance("song", i, f"a/{1 + i % 2:02}") for i in range(6))
    with pytest.raises(SplitError, match="every speaker outside a is also in a"):
        folds(table, labels_of(table), "cross-corpus")


def test_development_is_about_fifteen_percent_of_the_speakers_with_both_sexes() -> None:
    table = synthetic(a=24)
    sex = {row.speaker: row.sex for row in table}
    for seed in range(10):
        for fold in folds(table, labels_of(table), seed=seed):
            sexes = [sex[speaker] for speaker in spoken_by(table, fold.development)]
            assert len(sexes) == 3
            assert set(sexes) == {"female", "male"}


def test_the_rarer_sex_keeps_a_speaker_in_training() -> None:
    table = Table(utterance("a", i, f"a/{i // 4}", "female" if i < 4 else "male") for i in range(48))
    for seed in range(10):
        assert "a/0" in spoken_by(table, everything(table, labels_of(table), seed=seed).train)


def test_development_by_clips_where_one_training_speaker_is_left() -> None:
    table = Table(utterance("a", i, f"a/{i // 50}") for i in range(100))
    labels = np.arange(100) % 5
    made = folds(table, labels, default_folds={"a": LOSO})
    assert [fold.development_by for fold in made] == ["clips", "clips"]
    for fold in made:
        assert np.bincount(labels[fold.development]).tolist() == [2] * 5
        assert speaker_independent(fold, table)


def test_crema_d_uses_the_next_block_of_speakers_for_development() -> None:
    table = synthetic(crema_d=10)
    blocks = tuple((f"{s:02}", f"{s + 1:02}") for s in range(1, 10, 2))
    made = folds(table, labels_of(table), default_folds={"crema_d": blocks})
    for fold, following in zip(made, [*made[1:], made[0]], strict=True):
        assert np.array_equal(fold.development, following.test)


def test_the_random_protocol_stratifies_by_label_and_corpus() -> None:
    table = synthetic(a=10, b=5)
    labels = labels_of(table)
    for fold in folds(table, labels, "random", count=5):
        assert [np.bincount(labels[rows]).tolist() for rows in (fold.test, fold.development)] == [[6] * 3, [3] * 3]
        assert (table.column("corpus")[fold.test] == "b").sum() == 6
        assert fold.development_by == "clips"
        assert not speaker_independent(fold, table)


def test_folds_over_speakers_are_as_even_as_scikit_learns() -> None:
    from sklearn.model_selection import StratifiedGroupKFold

    def unevenness(labels: np.ndarray, tests: list[np.ndarray]) -> float:
        return float(np.std([np.bincount(labels[rows], minlength=4) for rows in tests], axis=0).mean())

    ours, theirs = [], []
    for seed in range(20):
        chance = np.random.default_rng(seed)
        speaker = np.repeat(np.arange(20), chance.integers(2, 30, 20))
        labels = (chance.random(speaker.size) ** (1 + speaker % 3) * 4).astype(int)
        table = Table(utterance("a", i, f"a/{s}") for i, s in enumerate(speaker))
        ours.append(unevenness(labels, [fold.test for fold in folds(table, labels, seed=seed)]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reference = StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(labels, labels, speaker)
            theirs.append(unevenness(labels, [test for _, test in reference]))
    assert np.mean(ours) < 1.1 * np.mean(theirs)


def test_another_seed_gives_other_folds_where_the_corpus_leaves_them_open() -> None:
    table = synthetic(a=12)
    assert not same(folds(table, labels_of(table), seed=0), folds(table, labels_of(table), seed=1))


def test_the_final_model_trains_on_all_clips_except_development_clips() -> None:
    table = synthetic(a=8, b=3)
    fold = everything(table, labels_of(table), name="final")
    assert fold.name == "final"
    assert not fold.test.size
    assert sorted([*fold.train, *fold.development]) == list(range(len(table)))
    assert speaker_independent(fold, table)


def test_a_speaker_on_two_sides_is_detected() -> None:
    table = synthetic(a=3)
    rows = np.arange(18)
    assert not speaker_independent(Fold("1", rows[:4], rows[4:6], rows[6:], "speakers"), table)
    assert speaker_independent(Fold("1", rows[:4], rows[4:6], rows[6:], "clips"), table)
    assert not speaker_independent(Fold("1", rows[:8], rows[12:], rows[8:12], "clips"), table)


@pytest.mark.parametrize(
    ("table", "options", "text"),
    [
        (synthetic(a=2), {"count": 5}, "5 folds need 5 speakers, this set has 2; use folds=2 or fewer"),
        (synthetic(a=1), {}, "2 folds need 2 speakers, this set has 1; add speakers, or use protocol=random"),
        (synthetic(a=8), {"count": 1}, "folds=1 leaves nothing to learn from; use folds=2 or more"),
        (synthetic(a=3), {"default_folds": {"a": (("01", "02"), ("03",))}, "count": 3}, "lie in 2; use folds=2"),
        (synthetic(a=2), {"default_folds": {"a": (("01", "02"), ("03",))}}, "lie in 1; use more of the corpus"),
        (synthetic(a=3), {"default_folds": {"a": (("01",), ("03",))}}, "do not contain speaker 02"),
        (synthetic(a=3), {"protocol": "cross-corpus"}, "needs 2 corpora or more, this set has only a"),
        (
            synthetic(a=3, b=3),
            {"protocol": "cross-corpus", "count": 3},
            "a fold per corpus, here 2; remove folds=3",
        ),
        (synthetic(a=1), {"protocol": "random", "count": 7}, "7 folds need 7 clips, this set has 6"),
        (Table([]), {}, "no clips to split"),
        (Table([utterance("a", 1, "a/1"), utterance("a", 2, "a/2")]), {}, "fold 1: 1 clips on the training side"),
    ],
)
def test_clips_that_cannot_be_split_are_refused(table, options, text) -> None:
    with pytest.raises(SplitError, match=text):
        folds(table, labels_of(table), **options)


def test_wrong_arguments_are_named() -> None:
    table = synthetic(a=3)
    with pytest.raises(LengthMismatch):
        folds(table, [0, 1])
    with pytest.raises(UnknownName, match="did you mean 'speakers'"):
        folds(table, labels_of(table), "speaker")  # type: ignore[arg-type]
