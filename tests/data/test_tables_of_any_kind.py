"""Tables as people and programs write them: read, or refused with the row and what to do."""

from __future__ import annotations

import csv
import io
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emotone.data.corpora import make
from emotone.data.utterance import Table
from emotone.errors import EmotoneError, TableError

HEADER = "file,speaker,emotion\n"
MISSING = ["nan", "NaN", "NA", "N/A", "n/a", "null", "NULL", "None", "-", "<NA>", "#N/A", "NaT", "", "  "]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.wav", "wav/c.wav", "wav/ä.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, np.zeros(1600), 16_000)
    return tmp_path


def read(folder: Path, content: str | bytes) -> Table:
    (folder / "t.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return make("table", corpus="t").read(folder / "t.csv")


@pytest.mark.parametrize("column", ["file", "speaker", "emotion"])
@pytest.mark.parametrize("cell", MISSING)
def test_a_missing_value_is_refused_with_its_row(folder: Path, column: str, cell: str) -> None:
    cells = {"file": "b.wav", "speaker": "ann", "emotion": "sad", column: cell}
    with pytest.raises(TableError, match=rf"t\.csv, line 3: '{column}' is .*Fill it in, or delete the row"):
        read(folder, f"{HEADER}a.wav,ann,sad\n{','.join(cells.values())}\n")


def test_all_rows_with_a_missing_value_are_counted(folder: Path) -> None:
    rows = "".join(f"a.wav,ann,{'nan' if number % 2 else 'sad'}\n" for number in range(20))
    with pytest.raises(TableError, match=r"line 3: 'emotion' is 'nan', .* 9 other rows \(line 5, .* 4 more\)"):
        read(folder, HEADER + rows)


def test_a_missing_value_in_another_column_is_an_empty_cell(folder: Path) -> None:
    (clip,) = read(folder, "file,speaker,emotion,gender,language,end\na.wav,ann,sad,NaN,None,NaT\n")
    assert (clip.sex, clip.language, clip.end_s) == ("", "", None)


@pytest.mark.parametrize(("mark", "encoding"), [("\ufeff", "utf-8"), ("", "utf-16"), ("\ufeff", "utf-16-be")])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_line_ends_and_byte_order_marks(
    folder: Path, mark: str, encoding: str, separator: str, end: str
) -> None:
    lines = ["", "file,speaker,emotion,", '"wav/ä.wav",  ann ,"Sad ",', ",,,", "b.wav,bob,joy,", ""]
    text = mark + end.join(line.replace(",", separator) for line in lines)
    found = [(clip.file.name, clip.speaker, clip.emotion) for clip in read(folder, text.encode(encoding))]
    assert found == [("b.wav", "t/bob", "happy"), ("ä.wav", "t/ann", "sad")]


def test_a_directive_for_excel_names_the_separator(folder: Path) -> None:
    assert len(read(folder, "sep=;\nfile;speaker;emotion\na.wav;ann;sad\n")) == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (HEADER.encode() + b"a.wav,ann,sad\nb.wav,J\xf6rg,sad\n", r"line 3: not UTF-8 \(byte f6.*CSV UTF-8"),
        ("file,speaker\n".encode("utf-16-le"), "zero bytes; if it is UTF-16"),
        (b"PK\x03\x04...", "an Excel workbook"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html>", "an HTML"),
        (HEADER + "a.wav,ann,sad,\nb.wav,ann,sad,happy\n", "line 3: 4 cells under 3 columns"),
        (HEADER + 'a.wav,"ann,sad\nb.wav,bob,sad\n', "line 3: .*is a quote missing"),
        (HEADER + '"a.wav\nb.wav",bob,sad\n', "line 3: a cell contains a line break"),
        (HEADER + f'a.wav,"{"x" * 200_000}",sad\n', "line 2: not a row of a CSV.*is a quote missing"),
        ("file,speaker,emotion,Emotion\na.wav,ann,sad,sad\n", r"'emotion' \(column 3\) and 'emotion' \(column 4\)"),
        ("file,speaker,emotion,start,start_s\na.wav,ann,sad,0,0\n", r"both are the column 'start_s'"),
    ],
)
def test_what_is_not_a_table_is_refused(folder: Path, content: str | bytes, complaint: str) -> None:
    with pytest.raises(TableError, match=complaint):
        read(folder, content)


def test_unknown_columns_may_have_one_name(folder: Path) -> None:
    assert len(read(folder, "note,file,speaker,emotion,note\n1,a.wav,ann,sad,2\n")) == 1


@pytest.mark.parametrize("written", ["wav\\c.wav", ".\\wav\\c.wav", "WAV/C.wav", "wav/c.WAV", "./wav//c.wav"])
def test_a_path_of_another_system_is_found(folder: Path, written: str) -> None:
    (clip,) = read(folder, f"{HEADER}{written},ann,sad\n")
    assert clip.file.samefile(folder / "wav/c.wav")
    assert "\\" not in clip.id


def test_a_path_in_the_other_unicode_form_is_found(folder: Path) -> None:
    (clip,) = read(folder, f"{HEADER}wav/a\u0308.wav,ann,sad\n")
    assert clip.file.samefile(folder / "wav/ä.wav")


def test_of_two_files_that_differ_in_case_neither_is_guessed(folder: Path) -> None:
    (folder / "A.wav").write_bytes((folder / "a.wav").read_bytes())
    if (folder / "A.wav").samefile(folder / "a.wav"):
        pytest.skip("this file system ignores case")
    with pytest.raises(TableError, match="1 of 1 files are not there"):
        read(folder, f"{HEADER}a.WAV,ann,sad\n")


@pytest.mark.parametrize(
    ("written", "hint"),
    [("C:\\clips\\a.wav", "absolute Windows paths"), ("clips\\a.wav", "backslashes"), ("/x/a.wav", "another machine")],
)
@pytest.mark.skipif(os.name == "nt", reason="these are usual paths there")
def test_a_path_that_is_not_found_has_a_hint(folder: Path, written: str, hint: str) -> None:
    with pytest.raises(TableError, match=rf"1 of 2 files are not there.*\(line 3\); .*{hint}"):
        read(folder, f"{HEADER}a.wav,ann,sad\n{written},ann,sad\n")


def test_impossible_paths_are_not_found(folder: Path) -> None:
    for written in ("x" * 5000 + ".wav", "wav", "a.wav/b.wav", ".."):
        with pytest.raises(TableError, match="1 of 1 files are not there"):
            read(folder, f"{HEADER}{written},ann,sad\n")


@pytest.mark.parametrize("other", ["./a.wav", "wav/../a.wav", "link.wav", "a.wav"])
def test_one_clip_under_two_paths_is_refused(folder: Path, other: str) -> None:
    (folder / "link.wav").symlink_to(folder / "a.wav")
    with pytest.raises(TableError, match=r"line 3: .* is listed twice: it is the same clip as 'a\.wav' in line 2"):
        read(folder, f"{HEADER}a.wav,ann,sad\n{other},ann,angry\n")
    stretches = "file,speaker,emotion,start,end\na.wav,ann,sad,0,0.05\n./a.wav,ann,sad,0.05,0.1\n"
    assert len(read(folder, stretches)) == 2


@pytest.mark.parametrize(
    ("start", "end", "complaint"),
    [
        ("-1", "", "start_s is '-1'"),
        ("0.05", "0.01", "its end must come after its start"),
        ("nan", "", "start_s is 'nan'"),
        ("0", "inf", "end_s is 'inf'"),
        ("0", "1e400", "end_s is '1e400'"),
        ("", "0.2", r"end_s is 0\.2, but a\.wav ends at 0\.100 s"),
        ("0.1", "", r"start_s is 0\.1, but a\.wav ends at 0\.100 s"),
        ("7", "8", r"start_s is 7, but a\.wav ends at 0\.100 s"),
    ],
)
def test_a_stretch_outside_its_file_is_refused_with_its_row(folder: Path, start: str, end: str, complaint: str) -> None:
    with pytest.raises(TableError, match=rf"line 2: .*({complaint})"):
        read(folder, f"file,speaker,emotion,start,end\na.wav,ann,sad,{start},{end}\n")


def test_durations_of_pandas_and_audformat_are_read(folder: Path) -> None:
    lines = [
        "file,start,end,emotion,speaker",
        "a.wav,0 days 00:00:00.020000,0 days 00:00:00.05,sad,1.0",
        "b.wav,0 days,NaT,sad,1.0",
    ]
    first, second = read(folder, "\n".join(lines))
    assert (first.start_s, first.end_s, first.speaker) == (0.02, 0.05, "t/1")
    assert (second.start_s, second.end_s, second.speaker) == (0.0, None, "t/1")


def test_numbers_keep_one_spelling(folder: Path) -> None:
    clips = read(folder, f"{HEADER}a.wav,3,1.0\nb.wav,3.0,1\nwav/c.wav,03,1\n")
    assert clips.column("speaker").tolist() == ["t/3", "t/3", "t/03"]
    assert set(clips.column("emotion").tolist()) == {"1"}


CELLS = st.one_of(
    st.sampled_from(
        ["a.wav", "b.wav", "wav\\c.wav", "ann", "Ann", "1.0", "sad", "angry", "0.01", "-1", "nan", "", '"']
    ),
    st.text(max_size=6),
)


@given(
    header=st.lists(
        st.sampled_from(["file", "speaker", "emotion", "start", "end", "sex", "votes", "vote_x", ""]), max_size=8
    ),
    rows=st.lists(st.lists(CELLS, max_size=8), max_size=4),
    separator=st.sampled_from([",", ";", "\t"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    cut=st.integers(0, 200),
    noise=st.binary(max_size=4),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_table_raises_anything_but_an_emotone_error(
    folder: Path,
    header: list[str],
    rows: list[list[str]],
    separator: str,
    quoting: int,
    encoding: str,
    cut: int,
    noise: bytes,
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, quoting=quoting).writerows([["file", "speaker", "emotion", *header], *rows])
    data = text.getvalue().encode(encoding, errors="replace")
    for content in (data, data[:cut] + noise + data[cut:]):
        with suppress(EmotoneError):
            assert len(read(folder, content))


@given(content=st.binary(max_size=100), text=st.text(max_size=100))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_file_of_a_run_raises_anything_but_an_emotone_error(folder: Path, content: bytes, text: str) -> None:
    header = (folder / "out.csv", Table([]).to_csv(folder / "out.csv"))[0].read_bytes()
    for data in (content, header + content, header + text.encode(errors="replace"), header[: len(content)] + content):
        (folder / "out.csv").write_bytes(data)
        with suppress(EmotoneError):
            Table.from_csv(folder / "out.csv")
