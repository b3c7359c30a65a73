"""Batches with odd recordings: each is named with its reason, and the others are classified."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from emotone.audio import synthetic
from emotone.cli import app
from tests.helpers.cli import emotone
from tests.helpers.encoded import encoded, tone

GOOD, SPEAKERS = 270, 6


def good_wav(path: Path, number: int) -> None:
    samples = synthetic.syllables(("angry", "sad")[number % 2], speaker=number % SPEAKERS, seconds=0.6)
    soundfile.write(path, samples, 16_000, format="WAV", subtype="PCM_16")


def changed(change: Callable[[bytearray], bytes | bytearray]) -> Callable[[Path], None]:
    """A kind of file whose bytes differ from those of a good recording."""

    def write(path: Path) -> None:
        good_wav(path, 0)
        path.write_bytes(change(bytearray(path.read_bytes())))

    return write


def with_bytes(at: int, value: bytes) -> Callable[[bytearray], bytearray]:
    def change(content: bytearray) -> bytearray:
        content[at : at + len(value)] = value
        return content

    return change


def cut_flac(path: Path) -> None:
    good_wav(path, 0)
    samples, rate_hz = soundfile.read(path)
    soundfile.write(path, np.tile(samples, 5), rate_hz, format="FLAC")
    path.write_bytes(path.read_bytes()[:8000])


def not_finite(path: Path) -> None:
    samples = np.full(8000, np.nan, dtype=np.float32)
    soundfile.write(path, samples, 16_000, format="WAV", subtype="FLOAT")


KINDS: dict[str, Callable[[Path], object]] = {
    "empty.wav": lambda path: path.write_bytes(b""),
    "text.wav": lambda path: path.write_text("these are notes, not a recording\n" * 20),
    "page.mp3": lambda path: path.write_text("<!DOCTYPE html><html><body>404</body></html>"),
    "pointer.flac": lambda path: path.write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 132\n"
    ),
    "zeros.wav": lambda path: path.write_bytes(bytes(20_000)),
    "header.wav": changed(lambda content: content[:20]),
    "rate.wav": changed(with_bytes(24, bytes(4))),
    "channels.wav": changed(with_bytes(22, b"\xff\xff")),
    "random.ogg": lambda path: path.write_bytes(np.random.default_rng(0).bytes(9000)),
    "cut.flac": cut_flac,
    "nan.wav": not_finite,
    "samples.raw": lambda path: path.write_bytes(bytes(range(256)) * 50),
    "absent.wav": lambda path: None,
    "link.wav": lambda path: path.symlink_to("nowhere.wav"),
    f"{'long' * 70}.wav": lambda path: None,
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two files of each kind."""
    folder = tmp_path_factory.mktemp("odd")
    files = []
    for name, write in KINDS.items():
        for number in range(2):
            files.append(folder / f"{number}-{name}")
            write(files[-1])
    return list(map(str, files))


def test_of_300_files_with_30_odd_ones_270_are_classified_and_30_named(odd: list[str], tmp_path: Path) -> None:
    good = [str(tmp_path / f"{number}.wav") for number in range(GOOD)]
    for number, path in enumerate(good):
        if number < 12:
            good_wav(Path(path), number)
        else:
            os.link(good[number % 12], path)
    files = [good, [*odd]]
    mixed = [files[number % 10 == 0].pop() for number in range(300)]
    done = emotone("predict", *mixed, "-o", tmp_path / "out.csv", check=1)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == len(mixed) == 300
    failed = [row for row in rows if row["error"]]
    assert {Path(row["file"]).name[2:] for row in failed} == set(KINDS)
    assert len(failed) == 30
    assert all(row["label"] and float(row["confidence"]) > 0 for row in rows if not row["error"])
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 30
    assert all(line.startswith("emotone: ") for line in lines)


def test_names_that_are_not_utf8_are_classified_and_printed(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    try:
        good_wav(tmp_path / "good.wav", 0)
        os.rename(tmp_path / "good.wav", name)
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    done = emotone("predict", tmp_path, "--json")
    assert json.loads(done.stdout)["file"].endswith("caf\\xe9.wav")
    assert b"caf\\xe9.wav" in emotone("predict", tmp_path).stdout
    emotone("predict", tmp_path, "-o", tmp_path / "out.csv")
    assert "caf\\xe9.wav" in (tmp_path / "out.csv").read_text(encoding="utf-8")


def test_a_speaker_is_enrolled_from_the_recordings_that_can_be_read(
    odd: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOTONE_VOICES", str(tmp_path / "voices"))
    good_wav(tmp_path / "good.wav", 0)
    done = emotone("enrol", "anna", tmp_path / "good.wav", *odd[::2], "--json", check=1)
    about = json.loads(done.stdout)
    assert (about["files"], len(about["failures"])) == (1, len(KINDS))
    assert done.stderr.count(b"left out: ") == len(KINDS)
    emotone("predict", tmp_path / "good.wav", "--speaker", "anna")
    none = emotone("enrol", "nobody", *odd[:2], check=2)
    assert b"no recording to enrol the speaker from" in none.stderr
    assert not (tmp_path / "voices" / "nobody.json").exists()


def test_a_decoder_prints_nothing_about_damaged_frames(tmp_path: Path) -> None:
    content = bytearray(encoded("MP3", samples=tone(3.0)))
    rng = np.random.default_rng(0)
    for place in rng.integers(len(content), size=200):
        content[place] = rng.integers(256)
    (tmp_path / "damaged.mp3").write_bytes(content)
    done = emotone("predict", tmp_path, check=None)
    assert all(line.startswith(b"emotone: ") for line in done.stderr.splitlines()), done.stderr


@pytest.mark.parametrize("place", range(len(KINDS)))
def test_one_odd_file_alone_is_one_line(odd: list[str], place: int) -> None:
    done = CliRunner().invoke(app, ["predict", odd[2 * place], "--json"])
    assert done.exit_code == 1
    (failure,) = json.loads(done.stdout)
    assert set(failure) == {"file", "error"}
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_that_cannot_be_entered_is_named(tmp_path: Path) -> None:
    good_wav(tmp_path / "good.wav", 0)
    (tmp_path / "shut").mkdir(mode=0)
    if os.access(tmp_path / "shut", os.R_OK):
        pytest.skip("this user may enter every folder")
    done = emotone("predict", tmp_path, check=1)
    assert b"good.wav" in done.stdout
    assert b"shut" in done.stderr
