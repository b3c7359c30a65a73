"""Sources of every kind: names, pipes, open files, other types; whatever is wrong is an AudioError with the name."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.audio import read as audio
from emotone.audio.source import named
from emotone.errors import AudioError, MissingExtra, UnknownName
from tests.helpers.encoded import RATE_HZ, encoded, refused, tone

WAV = encoded("WAV", "FLOAT")
POSIX = pytest.mark.skipif(os.name != "posix", reason="pipes and names of bytes are of POSIX")


@POSIX
def test_a_name_that_is_not_utf_8_is_read_and_printed_with_its_bytes(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")
    Path(name).write_bytes(WAV)
    assert np.array_equal(audio.read(name), tone())
    assert audio.duration_s(name) == 0.5
    assert audio.name_of(name) == f"{tmp_path}/caf\\xe9.wav"
    mp4 = os.fsdecode(os.fsencode(tmp_path) + b"/\xe9.mp4")
    Path(mp4).write_bytes(b"\x00\x00\x00\x1cftypM4A nothing")
    with pytest.raises((AudioError, MissingExtra), match=r"\\xe9\.mp4"):
        audio.read(mp4)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x" * 300 + ".wav", r"xxx\.wav: (cannot be opened \(File name too long\)|no such file)"),
        ("x" * 5000, r"xxx\.\.\.xxx.*: (cannot be opened \(File name too long\)|no such file)"),
        ("nul\0.wav", r"nul\\x00\.wav: (no file can have this name|no such file)"),
        ("line\n.wav", r"line\\n\.wav: no such file"),
        ("", "an empty name: no such file"),
        ("\ud800.wav", "ud800"),
    ],
)
def test_names_that_no_file_has_are_refused_in_one_line(name: str, text: str) -> None:
    for source in (name, Path(name)) if name else (name,):
        with pytest.raises(AudioError, match=text) as raised:
            audio.read(source)
        assert str(raised.value).isprintable()
        assert len(str(raised.value)) < 700


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_characters="/")))
def test_any_name_is_refused_as_a_missing_file_or_a_folder(name: str) -> None:
    with pytest.raises(AudioError) as raised:
        audio.read(Path("/no such folder") / name)
    assert "\n" not in str(raised.value)
    assert str(raised.value).encode("utf-8"), "it can be printed"


@POSIX
def test_a_folder_that_cannot_be_entered_is_an_error_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Any, **options: Any) -> os.stat_result:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "stat", denied)
    refused("shut/a.wav", r"shut/a\.wav: cannot be opened \(Permission denied\)")


@POSIX
def test_pipes_are_read_as_files_are(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe.wav"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(WAV,))
    writer.start()
    assert np.array_equal(audio.read(fifo), tone())
    writer.join()
    end, start = os.pipe()
    writer = threading.Thread(target=lambda: (os.write(start, WAV), os.close(start)))
    writer.start()
    assert np.array_equal(audio.read(f"/dev/fd/{end}"), tone())
    writer.join()
    os.close(end)


@POSIX
@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_standard_input_is_read_by_either_name(name: str) -> None:
    code = f"from emotone.audio.read import read; print(read({name!r}).size)"
    found = subprocess.run([sys.executable, "-c", code], input=WAV, capture_output=True, check=True)
    assert found.stdout.split() == [b"8000"]


@POSIX
def test_an_endless_pipe_is_refused_at_its_first_bytes() -> None:
    with pytest.MonkeyPatch.context() as patch:
        for content, text in [(b"<html>", "an HTML page"), (b"y\n", "it is a text"), (b"\0", "begins with zeros only")]:
            endless = SimpleNamespace(read=lambda size, content=content: content * 999)
            patch.setattr(sys, "stdin", SimpleNamespace(buffer=endless))
            refused("-", f"standard input: .*{text}")
        patch.setattr(sys, "stdin", None)
        refused("-", "standard input: it is closed")
    refused("/dev/zero", "a device, not a recording")


def test_open_files_that_give_nothing_say_why() -> None:
    at_end = io.BytesIO(WAV)
    at_end.seek(0, 2)
    refused(at_end, rf"BytesIO: the file object is at its end \(byte {len(WAV):,}\); call seek\(0\)")
    closed = io.BytesIO(WAV)
    closed.close()
    refused(closed, "BytesIO: not readable as sound .*closed file")
    with soundfile.SoundFile(io.BytesIO(WAV)) as opened:
        refused(opened, r"not soundfile\.SoundFile; pass its samples and its rate")
    assert np.array_equal(audio.read(SimpleNamespace(read=lambda: bytearray(WAV))), tone())  # type: ignore[arg-type]


class Tensor:
    """As torch's: `name` is None."""

    name = None

    def __array__(self, *args: Any, **options: Any) -> np.ndarray:
        return tone()


class Series:
    """As pandas': `name` may be anything."""

    name = "left"

    def to_numpy(self) -> np.ndarray:
        return tone()


Tensor.__module__, Series.__module__ = "torch", "pandas.core.series"


def test_other_types_are_named_with_what_to_write() -> None:
    for source, text in [
        (Tensor(), r"not torch\.Tensor; pass samples\.detach\(\)\.cpu\(\)\.numpy\(\)"),
        (Series(), r"not pandas\.Series; pass samples\.to_numpy\(\)"),
        (SimpleNamespace(numpy=tone), r"pass samples\.numpy\(\)"),
        (tone().tolist(), "not list; pass numpy.array"),
        (["a.wav", "b.wav"], "not list; pass several with predict_many"),
        ((tone(), 16_000), "not tuple; pass samples and rate as two arguments"),
        (memoryview(WAV), "not memoryview; wrap bytes in io.BytesIO"),
        (np.float32(0.5), r"not numpy\.float32"),
        (None, "not NoneType"),
        (7, "not int"),
        ({"array": tone()}, "not dict"),
    ]:
        refused(source, text, source_rate_hz=RATE_HZ)


NOT_SOUND = [
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "a Git LFS pointer.*git lfs pull"),
    (b"/annex/objects/SHA256E-s4\n", "a git-annex pointer.*git annex get"),
    (b"\n<!DOCTYPE html>\n<html>", "an HTML page"),
    (b"\xef\xbb\xbf<HTML><head>", "an HTML page"),
    (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML document"),
    (b'{"message": "Not Found"}', "a JSON text"),
    (b"PK\x03\x04" + bytes(60), "a zip archive, not a recording; unpack it"),
    (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X" + bytes(60), "a companion file of macOS"),
    (b"Hello, this is a letter.\n" * 30, "it is a text"),
    ("Grüße aus München\n".encode() * 40, "it is a text"),
    (bytes(4000), "begins with zeros only"),
]


@pytest.mark.parametrize(("content", "text"), NOT_SOUND, ids=[text for _, text in NOT_SOUND])
@pytest.mark.parametrize("suffix", [".wav", ".m4a", ".raw"])
def test_what_is_often_mistaken_for_a_recording_is_called_what_it_is(
    tmp_path: Path, content: bytes, text: str, suffix: str
) -> None:
    path = tmp_path / f"clip{suffix}"
    path.write_bytes(content)
    if suffix == ".m4a" and not any(content):
        text = "not readable as sound"  # by PyAV
    for source in (path, io.BytesIO(content)):
        refused(source, text if source is path else ".")
    with pytest.raises(AudioError, match=text):
        audio.duration_s(path)


def test_raw_samples_are_refused_with_what_to_do_and_a_recording_of_that_name_is_read(tmp_path: Path) -> None:
    (tmp_path / "pcm.raw").write_bytes(np.random.default_rng(0).bytes(4000))
    refused(tmp_path / "pcm.raw", r"pcm\.raw: raw samples without a header.*convert it to wav")
    (tmp_path / "clip.raw").write_bytes(WAV)
    assert np.array_equal(audio.read(tmp_path / "clip.raw"), tone())


@pytest.mark.parametrize("companion", [b"", b"\x00\x05\x16\x07" + bytes(80), b"\x00\x05\x16\x07" + bytes(4000)])
def test_an_mp3_is_read_with_its_companion_of_macos_next_to_it(tmp_path: Path, companion: bytes) -> None:
    path = tmp_path / "clip.mp3"
    path.write_bytes(encoded("MP3"))
    (tmp_path / "._clip.mp3").write_bytes(companion)
    assert audio.read(path).size == 8000


def test_whatever_a_library_raises_becomes_an_error_with_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for raised in (ValueError("bad"), TypeError("worse"), RuntimeError(), OSError(5, "I/O"), AssertionError()):
        with pytest.raises(AudioError, match=r"^a\.wav: "), named("a.wav"):
            raise raised
    with pytest.raises(AudioError, match="too long for the memory"), named("a.wav"):
        raise MemoryError
    with pytest.raises(UnknownName), named("a.wav"):
        raise UnknownName("channel", "up", ["left"])
    with pytest.raises(KeyboardInterrupt), named("a.wav"):
        raise KeyboardInterrupt
