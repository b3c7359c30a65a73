"""Exploring a corpus: the numbers for sounds of known pitch, duration and level, and their page."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from emotone.analysis.corpus import explore
from emotone.audio import synthetic
from emotone.cli import app
from emotone.data import corpora
from emotone.errors import CorpusError, EmotoneError, UnknownName

RATE_HZ = 16_000


def tone(path: Path, hz: float, seconds: float, level: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    soundfile.write(path, level * np.sin(2 * np.pi * hz * time), RATE_HZ)


@pytest.fixture
def emodb(tmp_path: Path) -> Path:
    """Files named as EmoDB's clips: speaker 03 is male, 08 female; W is angry, T sad."""
    root = tmp_path / "emodb"
    tone(root / "wav/03a01Wa.wav", 200, 1.0, 0.5)
    tone(root / "wav/03a02Wa.wav", 220, 2.0, 0.5)
    tone(root / "wav/08a01Ta.wav", 150, 3.0, 0.05)
    return root


def test_pitch_duration_and_energy_are_those_of_the_sounds(emodb: Path, tmp_path: Path) -> None:
    found = explore("emodb", emodb, tmp_path / "out")
    angry, sad = found["per_emotion"]["angry"], found["per_emotion"]["sad"]
    assert (found["clips"], found["speakers"], angry["clips"], sad["clips"]) == (3, 2, 2, 1)
    assert found["seconds"] == pytest.approx(6.0, abs=0.01)
    assert angry["duration_s"]["mean"] == pytest.approx(1.5)
    assert angry["pitch_hz"]["mean"] == pytest.approx(210, rel=0.01)
    assert sad["pitch_hz"]["median"] == pytest.approx(150, rel=0.01)
    assert sad["energy_db"]["mean"] == pytest.approx(20 * np.log10(0.05 / np.sqrt(2)), abs=0.3)
    assert found["per_sex"]["male"]["clips"] == 2
    assert found["per_speaker"]["emodb/08"]["sex"] == "female"
    json.dumps(found, allow_nan=False)


def test_a_clip_that_cannot_be_read_is_named_and_the_others_are_measured(emodb: Path, tmp_path: Path) -> None:
    (emodb / "wav/08b01Ta.wav").write_bytes(b"")
    found = explore("emodb", emodb, tmp_path / "out")
    assert [failure["key"] for failure in found["failures"]] == ["emodb/08b01Ta"]
    assert "0 bytes" in found["failures"][0]["reason"]
    assert found["clips"] == 3
    page = (tmp_path / "out/explore.html").read_text(encoding="utf-8")
    assert "1 clip could not be read" in page
    assert "08b01Ta" in page


def test_the_command_names_clips_that_cannot_be_read_on_standard_error_and_exits_with_1(emodb: Path) -> None:
    (emodb / "wav/08b01Ta.wav").write_bytes(b"")
    words = ["corpora", "explore", "emodb", "--data", str(emodb.parent), "--out", str(emodb.parent / "out")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert "left out" in done.stderr
    assert "08b01Ta.wav: 0 bytes" in done.stderr
    assert "angry" in done.stdout


def test_companion_files_of_macos_are_passed_over(emodb: Path, tmp_path: Path) -> None:
    (emodb / "wav/__MACOSX").mkdir()
    for name in ("wav/._03a01Wa.wav", "wav/__MACOSX/._03a01Wa.wav", ".DS_Store", "wav/Thumbs.db"):
        (emodb / name).write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X")
    found = explore("emodb", emodb, tmp_path / "out")
    assert (found["clips"], found["failures"]) == (3, [])


def test_a_page_that_cannot_be_written_is_an_error_before_any_clip_is_read(emodb: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    reports: list[Any] = []
    with pytest.raises(EmotoneError, match="file is a file; give the name of a folder"):
        explore("emodb", emodb, tmp_path / "file", progress=lambda *report: reports.append(report))
    assert not reports


def test_silence_has_neither_pitch_nor_energy(tmp_path: Path) -> None:
    tone(tmp_path / "emodb/03a01Na.wav", 100, 0.5, 0.0)
    found = explore("emodb", tmp_path / "emodb", tmp_path / "out")
    neutral = found["per_emotion"]["neutral"]
    assert (neutral["pitch_hz"]["n"], neutral["pitch_hz"]["mean"], neutral["energy_db"]["n"]) == (0, None, 0)


def test_a_folder_in_which_no_clip_can_be_read_is_an_error_with_the_first_reason(tmp_path: Path) -> None:
    (tmp_path / "emodb").mkdir()
    (tmp_path / "emodb/03a01Na.wav").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"none of the 1 clips .* 0 bytes"):
        explore("emodb", tmp_path / "emodb", tmp_path / "out")


def test_an_unknown_corpus_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'emodb'"):
        explore("emo_db", tmp_path, tmp_path / "out")


def test_the_page_of_a_synthetic_table_has_a_picture_of_everything_measured(tmp_path: Path) -> None:
    synthetic.write(tmp_path / "table", speakers=2, sentences=["Hello."], sound="syllables")
    found = explore("table", tmp_path / "table", tmp_path / "out")
    assert found["clips"] == 10
    assert found["per_emotion"]["angry"]["energy_db"]["mean"] > found["per_emotion"]["sad"]["energy_db"]["mean"]
    page = (tmp_path / "out/explore.html").read_text(encoding="utf-8")
    for caption in ("Clips", "Duration", "Pitch, female", "Pitch, male", "Energy"):
        assert f"<figcaption>{caption}</figcaption>" in page
    assert page.count("<svg") == 5


def test_progress_is_reported_after_each_clip_and_only_if_requested(
    emodb: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reports = []
    explore("emodb", emodb, tmp_path / "out", progress=lambda *report: reports.append(report))
    assert reports == [("emodb", done, 3) for done in range(4)]
    explore("emodb", emodb, tmp_path / "out")
    assert capsys.readouterr() == ("", "")


@pytest.mark.real
def test_emodb_is_angrier_higher_than_sad(tmp_path: Path) -> None:
    data = os.environ.get("EMOTONE_DATA")
    if not data or not (Path(data) / "emodb").is_dir():
        pytest.skip("EMOTONE_DATA names no folder that holds emodb")
    found = explore("emodb", Path(data) / "emodb", tmp_path / "out")
    assert {emotion: row["clips"] for emotion, row in found["per_emotion"].items()} == corpora.published(
        "emodb"
    ).classes
    assert not found["failures"]
    assert found["per_emotion"]["angry"]["pitch_hz"]["mean"] > 1.5 * found["per_emotion"]["sad"]["pitch_hz"]["mean"]
    assert 1.3 < found["per_sex"]["female"]["pitch_hz"]["median"] / found["per_sex"]["male"]["pitch_hz"]["median"] < 2
