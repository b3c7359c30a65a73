"""Files of predictions: every format is read back by a program that is not ours."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st
from praatio import textgrid

from emotone.errors import EmotoneError, MissingExtra
from emotone.inference import formats
from emotone.inference.prediction import Prediction, Segment
from emotone.inference.speaker_turns import read_rttm

SCORES = {"angry": 0.8, "sad": 0.2}


def segment(start_s: float, end_s: float, label: str = "angry", **more: str) -> Segment:
    return Segment(start_s, end_s, label, 0.8, SCORES, 0.3, -0.6, **more)


def recording(*segments: Segment, duration_s: float = 10.0, file: str = "a/call one.wav") -> Prediction:
    return Prediction(file, duration_s, "angry", 0.8, SCORES, 0.3, -0.6, tuple(segments))


TWO = recording(
    segment(0.5, 2.25, speaker="anna", channel="left"),
    segment(3.0, 9.9996, "unsure", reason="low_confidence", speaker='ben "b" <x>', channel="right"),
)


@pytest.mark.parametrize("name", formats.shelf.names())
def test_a_format_writes_a_file_of_its_extension_and_leaves_no_other(name: str, tmp_path: Path) -> None:
    form = formats.shelf.get(name)()
    place = tmp_path / f"out{form.suffix.upper()}"
    for _ in range(2):  # the second time over the first
        TWO.to(place)
    files = list(place.iterdir()) if form.folder else [place]
    assert all(file.stat().st_size > 0 for file in files)
    assert not [file for file in files if file.suffix == ".tmp"]
    assert list(tmp_path.iterdir()) == [place]
    if not form.several:
        with pytest.raises(EmotoneError, match="holds one recording, 2 came"):
            formats.write(place, [TWO, TWO])


def test_an_unknown_extension_is_one_line_with_those_that_are_known() -> None:
    with pytest.raises(EmotoneError, match=r"cannot write \.doc; use one of \.audformat, \.csv, \.json"):
        formats.of("a.doc")
    with pytest.raises(EmotoneError, match="a file without an ending"):
        formats.of("a")


def test_captions_are_read_by_webvtt(tmp_path: Path) -> None:
    TWO.to(tmp_path / "a.vtt")
    TWO.to(tmp_path / "a.srt")
    for captions in (webvtt.read(str(tmp_path / "a.vtt")), webvtt.from_srt(str(tmp_path / "a.srt"))):
        assert [(one.start, one.end) for one in captions] == [
            ("00:00:00.500", "00:00:02.250"),
            ("00:00:03.000", "00:00:10.000"),
        ]
        assert captions[0].text == "left anna: angry 0.80"
    assert 'right ben "b" <⁠x>: unsure (low confidence)' in (tmp_path / "a.srt").read_text(encoding="utf-8")
    assert 'right ben "b" &lt;x&gt;: unsure' in (tmp_path / "a.vtt").read_text(encoding="utf-8")


def test_tiers_are_read_by_praatio(tmp_path: Path) -> None:
    TWO.to(tmp_path / "a.TextGrid")
    grid = textgrid.openTextgrid(str(tmp_path / "a.TextGrid"), includeEmptyIntervals=False)
    assert grid.maxTimestamp == pytest.approx(10.0)
    assert grid.tierNames == (
        "emotion left anna", "confidence left anna", 'emotion right ben "b" <x>', 'confidence right ben "b" <x>',
    )  # fmt: skip
    (interval,) = grid.getTier("emotion left anna").entries
    assert (interval.start, interval.end, interval.label) == (0.5, 2.25, "angry")


def test_speaker_lines_are_read_as_turns(tmp_path: Path) -> None:
    TWO.to(tmp_path / "a.rttm")
    lines = [line.split() for line in (tmp_path / "a.rttm").read_text(encoding="utf-8").splitlines()]
    assert [len(fields) for fields in lines] == [10, 10]
    assert [fields[2] for fields in lines] == ["1", "2"]
    assert [turn.speaker for turn in read_rttm(tmp_path / "a.rttm")] == ["anna", 'ben_"b"_<x>']


def test_the_channel_of_a_speaker_line_is_its_number_whoever_speaks_first(tmp_path: Path) -> None:
    parts = [segment(at, at + 1, channel=name) for at, name in enumerate(("right", "left", "3"))]
    recording(*parts).to(tmp_path / "a.rttm")
    lines = (tmp_path / "a.rttm").read_text(encoding="utf-8").splitlines()
    assert [line.split()[2] for line in lines] == ["2", "1", "3"]


def test_a_recording_without_speech_is_in_every_format(tmp_path: Path) -> None:
    silent = replace(recording(), label="unsure", reason="no_speech")
    for name in formats.shelf.names():
        formats.write(tmp_path / f"a{formats.shelf.get(name).suffix}", [silent], segments=True)
    grid = textgrid.openTextgrid(str(tmp_path / "a.textgrid"), includeEmptyIntervals=True)
    assert [(tier.name, len(tier.entries)) for tier in grid.tiers] == [("emotion", 1), ("confidence", 1)]
    assert list(webvtt.read(str(tmp_path / "a.vtt"))) == []
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as handle:
        (row,) = csv.DictReader(handle)
    assert (row["file"], row["start_s"], row["reason"]) == (silent.file, "", "no_speech")


def test_markup_in_names_is_shown_and_ends_no_caption(tmp_path: Path) -> None:
    recording(segment(0, 1, speaker="<i>a --> b {\\an8}"), segment(1, 2)).to(tmp_path / "a.srt")
    first, second = webvtt.from_srt(str(tmp_path / "a.srt"))
    assert "-->" not in first.raw_text
    assert "<i>" not in first.raw_text
    assert first.raw_text.replace("\N{WORD JOINER}", "") == "<i>a --> b {\\an8}: angry 0.80"
    assert second.text == "angry 0.80"


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # audformat 1.4 under pandas 3.1
def test_a_database_is_read_by_audformat(tmp_path: Path) -> None:
    audformat = pytest.importorskip("audformat")
    place = tmp_path / "db.audformat"
    inside = replace(TWO, file=str(place / "sub" / "b, ü.wav"), arousal=None)
    long = recording(segment(90_000.0005, 90_061.25, "sad"), duration_s=1e5)
    formats.write(place, [long, inside, inside], [{"file": "x.wav", "error": "no such file"}])
    found = audformat.Database.load(str(place))
    assert found.schemes["emotion"].labels == ["angry", "sad", "unsure"]
    files, parts = found["files"].get(), found["segments"].get()
    assert list(files.index) == [str(Path("a/call one.wav").absolute()), "sub/b, ü.wav"]
    assert files["arousal"].isna().tolist() == [False, True]
    starts, ends = (parts.index.get_level_values(name).total_seconds().tolist() for name in ("start", "end"))
    assert starts == pytest.approx([90_000.0, 0.5, 3.0], abs=2e-3)
    assert ends == pytest.approx([90_061.25, 2.25, 10.0])
    assert parts["emotion"].tolist() == ["sad", "angry", "unsure"]
    assert parts["speaker"].tolist()[1:] == ["anna", 'ben "b" <x>']
    assert parts["confidence"].tolist() == [0.8] * 3


def test_without_pyarrow_the_error_comes_before_the_work_and_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtra, match=r"pip install 'emotone\[parquet\]'"):
        formats.of("a.parquet")
    assert formats.of("a.csv").several


def test_tables_have_a_row_for_each_recording_or_segment(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    failures = [{"file": "b.wav", "error": "no such file"}]
    broken = replace(TWO, problem="cut short")
    for many, rows in ((False, 2), (True, 3)):
        formats.write(tmp_path / "a.csv", [broken], failures, segments=many)
        formats.write(tmp_path / "a.parquet", [broken], failures, segments=many)
        with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as handle:
            table = list(csv.DictReader(handle))
        typed = parquet.read_table(tmp_path / "a.parquet").to_pylist()
        assert len(table) == len(typed) == rows
        assert list(table[0]) == list(typed[0])
        assert [row["error"] for row in table] == [row["error"] for row in typed]
        assert (table[0]["error"], table[-1]["error"], table[-1]["angry"]) == ("cut short", "no such file", "")
        assert typed[-1]["confidence"] is None
        assert float(table[0]["confidence"]) == typed[0]["confidence"] == 0.8
    assert (table[1]["start_s"], table[1]["speaker"]) == ("3.0", 'ben "b" <x>')


def test_json_is_an_object_for_one_recording_and_a_list_otherwise(tmp_path: Path) -> None:
    TWO.to(tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_bytes()) == TWO.as_dict()
    formats.write(tmp_path / "b.json", [TWO], [{"file": "x", "error": "y"}])
    assert json.loads((tmp_path / "b.json").read_bytes()) == [TWO.as_dict(), {"file": "x", "error": "y"}]


TIMES = st.lists(st.floats(0, 5000), min_size=2, max_size=8, unique_by=lambda time: round(time, 2)).map(sorted)
NAMES = st.text(max_size=12)


@settings(max_examples=50, deadline=None)
@given(times=TIMES, speaker=NAMES, file=NAMES)
def test_any_names_and_times_are_read_back(
    times: list[float], speaker: str, file: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    spans = list(zip(times[::2], times[1::2], strict=False))
    prediction = recording(*(segment(*span, speaker=speaker) for span in spans), duration_s=times[-1], file=file)
    for name in ("a.srt", "a.vtt", "a.TextGrid", "a.rttm", "a.txt"):
        prediction.to(folder / name)
    assert len(webvtt.from_srt(str(folder / "a.srt"))) == len(spans)
    assert len(webvtt.read(str(folder / "a.vtt"))) == len(spans)
    turns = read_rttm(folder / "a.rttm")
    assert [turn.start_s for turn in turns] == pytest.approx([start for start, _ in spans], abs=1e-3)
    grid = textgrid.openTextgrid(str(folder / "a.TextGrid"), includeEmptyIntervals=False)
    assert len(grid.tiers[0].entries) == len(spans)
    assert len((folder / "a.txt").read_text(encoding="utf-8").splitlines()) == len(spans)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.05, 50), st.sampled_from(["", "left", "right"])), max_size=6))
def test_overlapping_segments_give_tiers_without_overlap_and_a_share_of_at_most_one(
    tmp_path_factory: pytest.TempPathFactory, spans: list[tuple[float, float, str]]
) -> None:
    place = tmp_path_factory.mktemp("overlap") / "a.TextGrid"
    parts = [segment(start, start + length, channel=name) for start, length, name in sorted(spans)]
    prediction = recording(*parts, duration_s=200.0)
    prediction.to(place)
    for tier in textgrid.openTextgrid(str(place), includeEmptyIntervals=True).tiers:
        assert tier.entries[0].start == 0
        assert tier.entries[-1].end == 200
        assert all(left.end == right.start for left, right in pairwise(tier.entries))
    found = prediction.summary()
    ticks = [sum(part.start_s <= at / 100 < part.end_s for part in parts) for at in range(20_000)]
    assert found.speech_share == pytest.approx(sum(count > 0 for count in ticks) / 20_000, abs=1e-3)
    assert found.speech_s == pytest.approx(sum(length for _, length, _ in spans))


def test_a_summary_is_by_time() -> None:
    parts = (
        segment(0.0, 3.0), segment(3.0, 4.0, "sad"), segment(4.0, 6.0, "unsure", reason="low_confidence"),
        segment(6.0, 9.0, "unsure", reason="no_speech"),
    )  # fmt: skip
    found = recording(*parts, duration_s=12.0).summary()
    assert (found.speech_s, found.speech_share) == (6.0, 0.5)
    assert found.emotions == pytest.approx({"angry": 1 / 2, "unsure": 1 / 3, "sad": 1 / 6})
    assert list(found.strongest) == ["angry", "sad"]
    assert found.arousal == pytest.approx(0.3)
    assert list(TWO.summaries()) == ["left anna", 'right ben "b" <x>']
    assert recording().summary().emotions == {}
