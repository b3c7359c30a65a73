"""RTTM files: what is read from them, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.errors import EmotoneError
from emotone.inference.speaker_turns import Turn, read_rttm


def rttm(folder: Path, text: str) -> Path:
    (folder / "turns.rttm").write_text(text, encoding="utf-8")
    return folder / "turns.rttm"


def test_turns_are_read_in_order_of_time(tmp_path: Path) -> None:
    text = (
        ";; a comment\nSPKR-INFO call 1 <NA> <NA> <NA> unknown agent <NA> <NA>\n\n"
        "SPEAKER call 1 4.5 1.25 <NA> <NA> agent <NA> <NA>\nSPEAKER call 1 0 3 <NA> <NA> kundin <NA> <NA>\n"
    )
    turns = [Turn(0.0, 3.0, "kundin"), Turn(4.5, 5.75, "agent")]
    assert read_rttm(rttm(tmp_path, text)) == turns
    assert read_rttm(rttm(tmp_path, text), "other name") == turns


def test_of_several_recordings_the_named_one_is_used(tmp_path: Path) -> None:
    file = rttm(tmp_path, "SPEAKER a 1 0 1 <NA> <NA> x <NA>\nSPEAKER b 1 2 1 <NA> <NA> y <NA>\n")
    assert read_rttm(file, "b") == [Turn(2.0, 3.0, "y")]
    with pytest.raises(EmotoneError, match=r"2 recordings \(a, b\), none named c"):
        read_rttm(file, "c")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no SPEAKER line"),
        ("1,2,anna\n", r"line 1: `1,2,anna` is no turn"),
        ("SPEAKER a 1 0 1 <NA> <NA>\n", "is no turn"),
        ("SPEAKER a 1 x 1 <NA> <NA> y\n", "starts at x s"),
        ("SPEAKER a 1 0 0 <NA> <NA> y\n", "lasts 0 s"),
        ("SPEAKER a 1 nan 1 <NA> <NA> y\n", "starts at nan s"),
        ("SPEAKER a 1 0 inf <NA> <NA> y\n", "lasts inf s"),
    ],
)
def test_what_is_no_turn_is_refused_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(EmotoneError, match=words):
        read_rttm(rttm(tmp_path, text))


def test_a_file_that_is_absent_or_no_text_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EmotoneError, match="No such file"):
        read_rttm(tmp_path / "none.rttm")
    (tmp_path / "bytes.rttm").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EmotoneError, match="cannot be read as RTTM"):
        read_rttm(tmp_path / "bytes.rttm")


@given(text=st.text(max_size=200))
def test_any_text_gives_turns_or_an_error_of_emotone(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with suppress(EmotoneError):
        assert read_rttm(rttm(tmp_path_factory.mktemp("any"), text))
