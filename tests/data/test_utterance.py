"""A table of clips keeps its order, its columns, and no clip twice."""

from __future__ import annotations

import csv
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.data.utterance import Table, Utterance
from emotone.errors import LengthMismatch, TableError


def utterance(id: str = "1", corpus: str = "a", **more: object) -> Utterance:
    return replace(Utterance(corpus, id, Path(f"{id}.wav"), "sad", f"{corpus}/x"), **more)


TABLE = Table([utterance("1"), utterance("2", emotion="angry"), utterance("1", corpus="b", start_s=0.5, end_s=2.0)])


def test_a_table_is_a_sequence_of_utterances() -> None:
    assert len(TABLE) == 3
    assert [row.key for row in TABLE] == ["a/1", "a/2", "b/1"]
    assert TABLE[1].emotion == "angry"
    assert TABLE[-1].corpus == "b"
    assert [row.key for row in TABLE[1:]] == ["a/2", "b/1"]
    assert isinstance(TABLE[1:], Table)
    assert TABLE[0] in TABLE


def test_an_utterance_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        TABLE[0].emotion = "happy"  # type: ignore[misc]


def test_columns_are_arrays_in_the_order_of_the_rows() -> None:
    assert TABLE.column("emotion").tolist() == ["sad", "angry", "sad"]
    assert TABLE.column("key").tolist() == ["a/1", "a/2", "b/1"]
    assert TABLE.column("start_s").tolist() == [0, 0, 0.5]
    assert TABLE.corpora() == ["a", "b"]
    assert Table([]).column("speaker").shape == (0,)


@given(st.data())
def test_rows_are_taken_by_position_or_mask(data) -> None:
    mask = data.draw(st.lists(st.booleans(), min_size=3, max_size=3))
    positions = [i for i, chosen in enumerate(mask) if chosen]
    expected = [TABLE[i].key for i in positions]
    for index in (positions, np.array(positions, dtype=int), iter(positions), mask, np.array(mask)):
        assert [row.key for row in TABLE.take(index)] == expected


def test_a_mask_of_another_length_is_refused() -> None:
    with pytest.raises(LengthMismatch, match="the mask has 2 items, the table has 3"):
        TABLE.take(np.array([True, False]))


def test_a_clip_cannot_be_listed_twice() -> None:
    with pytest.raises(TableError, match=r"a/1 is listed twice: 1\.wav and other\.wav; ids must be unique"):
        TABLE + Table([utterance("1", file=Path("other.wav"))])
    with pytest.raises(TableError, match="is listed twice"):
        TABLE.take([0, 0])
    assert len(TABLE + Table([utterance("1", corpus="c")])) == 4, "another corpus may use the same id"


def test_a_table_is_written_as_csv(tmp_path) -> None:
    voted = utterance("3", file=Path("ä, ö.wav"), votes={"sad": 0.75, "fear": 0.25})
    (TABLE + Table([voted])).to_csv(tmp_path / "clips.csv")
    with (tmp_path / "clips.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["id"] for row in rows] == ["1", "2", "1", "3"]
    assert (rows[2]["start_s"], rows[2]["end_s"], rows[0]["end_s"]) == ("0.5", "2.0", "")
    assert rows[3]["file"] == "ä, ö.wav"
    assert (rows[3]["vote_fear"], rows[3]["vote_sad"], rows[0]["vote_sad"]) == ("0.25", "0.75", "")


def test_a_written_table_is_read_back_in_its_order(tmp_path) -> None:
    voted = utterance("0", file=Path("ä, ö.wav"), votes={"sad": 0.75}, start_s=0.1, sentence="01", repetition="2")
    table = TABLE + Table([voted])
    table.to_csv(tmp_path / "clips.csv")
    assert list(Table.from_csv(tmp_path / "clips.csv")) == list(table)
    (tmp_path / "other.csv").write_text("file,emotion\nx.wav,sad\n", encoding="utf-8")
    (tmp_path / "nul.csv").write_bytes((tmp_path / "clips.csv").read_bytes().replace(b"1.wav", b"\x00.wav"))
    for name in ("other.csv", "none.csv", "nul.csv"):
        with pytest.raises(TableError, match=f"{name}: not a table written by emotone"):
            Table.from_csv(tmp_path / name)
