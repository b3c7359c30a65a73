"""Audit of tables as people write them: each odd row or file is named, the others are audited, exit status 1."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from emotone.analysis.audit import split_table
from emotone.analysis.audit.audit import Audit, audit
from emotone.cli import app
from emotone.errors import EmotoneError
from tests.helpers.splits import clean_rows, found, table, twenty_clips

ODD_FILES: dict[str, tuple[bytes, str]] = {
    "raw.raw": (b"\0" * 20_000, "not readable as sound"),
    "empty.wav": (b"", "0 bytes"),
    "page.wav": (b"<!doctype html><title>404</title>" * 9, "page.wav: "),
    "torn.wav": (b"RIFF\xff\xff\xff\x7fWAVEfmt ", "torn.wav: "),
}
ODD_NAMES = {"x" * 300 + ".wav": "File name too long", "gone.wav": "no such file", "folder.wav": "a folder"}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = twenty_clips(tmp_path_factory.mktemp("sounds"))
    for name, (content, _) in ODD_FILES.items():
        (folder / name).write_bytes(content)
    (folder / "folder.wav").mkdir()
    return folder


def audit_of(rows: list[dict[str, Any]], sounds: Path) -> Audit:
    (result,) = audit(table(sounds, rows))
    return result


def note(result: Audit, check: str) -> str:
    (finding,) = [finding for finding in result.findings if finding.check == check]
    assert finding.severity == "note"
    return finding.message


# --- files ----------------------------------------------------------------------------------------------------


def test_odd_files_among_many_are_named_and_the_others_are_audited(sounds: Path) -> None:
    reasons = {**{name: reason for name, (_, reason) in ODD_FILES.items()}, **ODD_NAMES}
    rows = clean_rows() + [{"file": name, "split": "train", "speaker": "s0", "text": ""} for name in reasons]
    rows.append({**clean_rows()[0], "split": "test"})  # a leak that must still be found
    result = audit_of(rows, sounds)
    assert (result.verdict, result.ok, result.compared) == ("leak", False, 21)
    for failure, (name, reason) in zip(result.unreadable, reasons.items(), strict=True):
        assert Path(failure["file"]).name == name
        assert reason in failure["reason"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom permissions stop")
def test_a_file_in_a_folder_without_permission_is_named(sounds: Path) -> None:
    shut = sounds / "shut"
    shut.mkdir()
    shutil.copy(sounds / "0.wav", shut)
    shut.chmod(0)
    result = audit_of([*clean_rows(), {**clean_rows()[0], "file": "shut/0.wav"}], sounds)
    shut.chmod(0o700)
    assert [failure["reason"] for failure in result.unreadable] == [
        f"{shut}/0.wav: cannot be opened (Permission denied)"
    ]


@pytest.mark.parametrize("written", [lambda name: f".\\{name}", lambda name: name.upper()])
def test_windows_paths_and_other_case_are_found(written: Callable[[str], str], sounds: Path) -> None:
    result = audit_of([{**row, "file": written(row["file"])} for row in clean_rows()], sounds)
    assert (result.verdict, result.ok, result.compared) == ("clean", True, 20)


# --- rows -----------------------------------------------------------------------------------------------------


def test_odd_rows_are_named_by_line_and_the_others_are_audited(sounds: Path) -> None:
    path = table(sounds, clean_rows())
    odd = [
        "1.wav,nan,s0,",
        "nan,train,s0,",
        ",train,s0,",
        "1.wav,,s0,",
        "1.wav,left,s0,",
        "1.wav,train",
        "1.wav,a,b,c,d,e",
    ]
    path.write_text(path.read_text(encoding="utf-8") + "\n".join(odd) + "\n", encoding="utf-8")
    (result,) = audit(path)
    assert (result.verdict, result.ok, result.clips) == ("clean", False, 20)
    assert [failure["key"] for failure in result.unreadable] == [f"line {number}" for number in range(22, 29)]
    assert "could not be read: 7" in result.as_text()
    assert CliRunner().invoke(app, ["audit", str(path)]).exit_code == 1


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda text: text.replace(",", ";").encode("utf-8-sig"),
        lambda text: text.replace(",", "\t").replace("\n", "\r\n").encode(),
        lambda text: text.encode("utf-16"),
    ],
)
def test_separators_line_ends_and_byte_order_marks_are_read(rewrite: Callable[[str], bytes], sounds: Path) -> None:
    path = table(sounds, clean_rows())
    path.write_bytes(rewrite(path.read_text(encoding="utf-8")))
    (result,) = audit(path)
    assert (result.verdict, result.ok, result.clips) == ("clean", True, 20)


def test_missing_speakers_in_words_are_not_one_speaker(sounds: Path) -> None:
    rows = clean_rows()
    for row, word in zip((rows[0], rows[16], rows[17]), ("nan", "None", "N/A"), strict=True):
        row["speaker"] = word
    result = audit_of(rows, sounds)
    assert result.verdict == "clean"
    assert "3 of 20 clips have no speaker (0.wav, 16.wav, 17.wav)" in note(result, "speakers")


def test_one_file_under_two_names_is_a_leak_across_sides_and_a_note_on_one_side(sounds: Path) -> None:
    link = sounds / "link.wav"
    if not link.exists():
        link.symlink_to(sounds / "2.wav")
    for name in ("./2.wav", "../" + sounds.name + "/2.wav", str(sounds / "2.wav"), "link.wav"):
        across = found(
            table(sounds, [*clean_rows(), {**clean_rows()[2], "file": name, "split": "test", "speaker": "s9"}])
        )
        assert across["same_audio"].affected == {name}
        twice = audit_of([*clean_rows(), {**clean_rows()[2], "file": name}], sounds)
        assert twice.verdict == "clean"
        assert f"{name} = 2.wav" in note(twice, "repeated_rows")


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_whatever_a_table_contains_the_answer_is_an_audit_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Random damage to the bytes of a table."""
    path = tmp_path_factory.mktemp("tables") / "split.csv"
    table(path.parent, clean_rows())
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(
            st.binary(max_size=3) | st.sampled_from([b'"', b",", b"\n"])
        )
    path.write_bytes(bytes(content))
    try:
        read = split_table.read(path)
    except EmotoneError as problem:
        message = str(problem)
    else:
        message = ""
        assert len(read.table) + len(read.problems) >= 2
    assert "\n" not in message


# --- speakers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "second"), [("3", "3.0"), ("s9", "S9"), ("01", "1"), ("s 9", "s9")])
def test_two_spellings_of_one_speaker_are_named_and_count_as_one(first: str, second: str, sounds: Path) -> None:
    rows = clean_rows()
    for row in rows:
        if row["split"] == "test":
            row["speaker"] = second
    rows[0]["speaker"] = first
    result = audit_of(rows, sounds)
    assert result.verdict == "leak"
    message = note(result, "speaker_ids")
    assert "1 speaker has more than one spelling" in message
    for name, clips in ((first, "1 clip)"), (second, "4 clips)")):
        assert f"{name!r} ({clips}" in message
    leak = found(table(sounds, rows))["speakers"]
    assert leak.affected == {f"{number}.wav" for number in range(16, 20)}
    assert repr(first) in leak.message
    assert repr(second) in leak.message


def test_two_spellings_on_one_side_are_a_note(sounds: Path) -> None:
    rows = clean_rows()
    rows[0]["speaker"] = "S0"
    result = audit_of(rows, sounds)
    assert result.verdict == "clean"
    assert "'s0' (3 clips) and 'S0' (1 clip)" in note(result, "speaker_ids")
