"""Several spellings of one person are one speaker or an error, never two speakers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emotone.data.corpora import published_names
from emotone.data.speaker_ids import merged, one_number, require_one_spelling, speaker_key, spellings, with_one_spelling
from emotone.data.splits import folds
from emotone.data.utterance import Table, Utterance
from emotone.errors import TableError
from tests.helpers import corpus_names

BLANKS = ["", " ", "  ", "\t", "\u00a0", "\u2009", "\u200b", "\ufeff"]


@st.composite
def respelled(draw: st.DrawFn) -> tuple[str, str]:
    """A speaker id, and another spelling of it."""
    letters = draw(st.sampled_from(["", "s", "spk", "Anna", "Jörg", "OAF", "№"]))
    number = draw(st.integers(0, 2000))
    zeros, decimals = draw(st.integers(0, 3)), draw(st.sampled_from(["", ".0", ".00"]))
    case = draw(st.sampled_from([str, str.upper, str.lower, str.title]))
    first, inner, last = (draw(st.sampled_from(BLANKS)) for _ in range(3))
    return f"{letters}{number}", f"{first}{case(letters)}{inner}{'0' * zeros}{number}{decimals}{last}"


def table(*speakers: str) -> Table:
    return Table(Utterance("x", str(row), Path(f"{row}.wav"), "sad", f"x/{name}") for row, name in enumerate(speakers))


@given(respelled())
def test_every_spelling_of_a_person_has_one_key(pair: tuple[str, str]) -> None:
    original, other = pair
    assert speaker_key(other) == speaker_key(original)
    assert speaker_key(f"Corpus/{other}") == speaker_key(f"corpus/{original}")
    assert speaker_key(speaker_key(other)) == speaker_key(other)


@given(st.text(max_size=8))
@example("K¸")  # a letter, a blank and a combining cedilla: without the blank they are one letter
def test_a_key_is_stable_for_any_text(text: str) -> None:
    assert speaker_key(speaker_key(text)) == speaker_key(text)
    assert speaker_key(one_number(text)) == speaker_key(text)


@pytest.mark.parametrize(
    ("first", "second"),
    [("1", "10"), ("1", "11"), ("s1", "s2"), ("1.05", "1.5"), ("03", "30"), ("a-b", "ab"), ("1", "l")],
)
def test_different_people_have_different_keys(first: str, second: str) -> None:
    assert speaker_key(first) != speaker_key(second)


@given(respelled(), st.integers(2, 4))
def test_no_spelling_ever_makes_a_second_speaker(pair: tuple[str, str], rows: int) -> None:
    original, other = pair
    clips = table(*[original] * rows, other, "somebody else", "somebody else")
    if original == other:
        assert with_one_spelling(clips, "strict") is clips
    else:
        with pytest.raises(TableError, match=r"1 speaker has more than one spelling.*same person.*speaker_ids=merge"):
            with_one_spelling(clips, "strict")
        with pytest.raises(TableError, match="spelling"):
            folds(clips, ["sad"] * len(clips))
    assert set(with_one_spelling(clips, "merge").column("speaker").tolist()) == {f"x/{original}", "x/somebody else"}


def test_the_spellings_are_named_with_their_rows() -> None:
    with pytest.raises(TableError, match=r"2 speakers have .*: 'x/1' \(2 rows\) and 'x/01' \(1 row\); 'x/S' .* 'x/s'"):
        require_one_spelling(table("1", "1", "01", "s", "S").column("speaker").tolist())
    assert spellings(["", "", "a"]) == [], "an unknown speaker has no spelling"
    many = [f"{case}{letter}" for letter in "abcdefgh" for case in ("q", "Q")]
    with pytest.raises(TableError, match="and 3 more"):
        require_one_spelling(many)


def test_the_most_frequent_spelling_is_kept() -> None:
    assert merged(table("S1", "s1", "s1", "t")).column("speaker").tolist() == ["x/s1", "x/s1", "x/s1", "x/t"]


@pytest.mark.parametrize("name", published_names())
def test_published_corpora_have_one_spelling_per_speaker(name: str) -> None:
    require_one_spelling(clip.metadata["speaker"] for clip in corpus_names.names(name))
