"""Headers that were not finished or are damaged: what is there is read, or the file is refused quickly."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.audio import read as audio
from emotone.audio.headers import finished
from emotone.errors import AudioError, MissingExtra
from tests.helpers.encoded import RATE_HZ, encoded, refused, tone

SOUND = encoded("WAV", "PCM_16")[44:]
UNKNOWN_32 = (0, 1, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
UNKNOWN_64 = (0, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)


def patched(data: bytes, place: int, form: str, *values: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, place, *values)
    return bytes(changed)


def after(data: bytes, mark: bytes, step: int = 4) -> int:
    return data.index(mark) + step


def samples(data: bytes) -> int:
    return audio.read(io.BytesIO(data)).size


@pytest.mark.parametrize("riff", [0, 36, 0xFFFFFFFF])
@pytest.mark.parametrize("length", UNKNOWN_32)
@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
def test_a_wav_whose_length_was_not_written_is_read_to_its_end(form: str, length: int, riff: int) -> None:
    data = encoded(form, "PCM_16")
    data = patched(patched(data, after(data, b"data"), "<I", length), 4, "<I", riff)
    assert np.array_equal(audio.read(io.BytesIO(data)), audio.read(io.BytesIO(encoded(form, "PCM_16"))))


@pytest.mark.parametrize("length", UNKNOWN_64)
@pytest.mark.parametrize("mark", [b"RF64", b"BW64"])
def test_an_rf64_whose_length_was_not_written_is_read_to_its_end(mark: bytes, length: int) -> None:
    data = mark + encoded("RF64", "PCM_16")[4:]
    assert samples(patched(data, after(data, b"ds64", 8), "<QQ", length, length)) == 8000


@pytest.mark.parametrize("length", [*UNKNOWN_64, 24])
def test_a_w64_whose_length_was_not_written_is_read_to_its_end(length: int) -> None:
    data = encoded("W64", "PCM_16")
    data = patched(data, after(data, b"data\xf3\xac\xd3\x11", 16), "<Q", length)
    assert samples(data) == 8000


@pytest.mark.parametrize("length", [0, 8, 0x7FFFFFFF, 0xFFFFFFFF])
def test_an_aiff_whose_length_was_not_written_is_read_to_its_end(length: int) -> None:
    data = encoded("AIFF", "PCM_16")
    data = patched(data, after(data, b"SSND"), ">I", length)
    data = patched(data, after(data, b"COMM", 10), ">I", 0 if length == 8 else length)
    assert samples(data) == 8000


@pytest.mark.parametrize("length", [0, 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_an_au_whose_length_was_not_written_is_read_to_its_end(length: int) -> None:
    assert samples(patched(encoded("AU", "PCM_16"), 8, ">I", length)) == 8000


@pytest.mark.parametrize("length", [-1, 0, 2**31 - 1, 2**63 - 1])
def test_a_caf_whose_length_was_not_written_is_read_to_its_end(length: int) -> None:
    data = encoded("CAF", "PCM_16")
    assert samples(patched(data, after(data, b"data"), ">q", length)) == 8000


@pytest.mark.parametrize("size", [1, 3, 601])
@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("name", [b"LIST", b"bext", b"junk"])
def test_a_chunk_of_odd_length_before_the_sound_is_passed_over(name: bytes, padded: bool, size: int) -> None:
    data = encoded("WAV", "PCM_16")
    chunk = name + struct.pack("<I", size) + b"x" * size + bytes(padded)
    assert samples(data[:36] + chunk + data[36:]) == 8000


def test_a_chunk_of_a_damaged_length_before_the_sound_is_passed_over() -> None:
    data = encoded("WAV", "PCM_16")
    assert samples(data[:36] + b"LIST\xff\xff\xff\xff" + data[36:]) == 8000


def test_a_wav_of_no_sound_but_with_chunks_after_it_is_empty() -> None:
    data = encoded("WAV", "PCM_16", np.zeros(0))[:44] + b"LIST" + struct.pack("<I", 400) + bytes(400)
    refused(io.BytesIO(data), "0 samples; is the recording empty")
    assert finished(data) is None


def test_an_unfinished_file_is_read_from_a_path_too_and_states_its_duration(tmp_path: Path) -> None:
    path = tmp_path / "killed.wav"
    path.write_bytes(patched(encoded("WAV", "PCM_16"), 40, "<I", 0))
    assert audio.read(path, start_s=0.25).size == 4000
    assert audio.duration_s(path) == 0.5


@pytest.mark.parametrize("rate_hz", [0, 1, 999, 768_001, 10_000_000, 2**31 - 1, 2**32 - 1])
def test_a_rate_that_no_recording_has_is_refused(rate_hz: int) -> None:
    refused(io.BytesIO(patched(encoded("WAV"), 24, "<I", rate_hz)), "a sampling rate of|damaged")


@pytest.mark.parametrize("channels", [0, 33, 1024, 65_535])
def test_channels_that_no_recording_has_are_refused(channels: int) -> None:
    refused(io.BytesIO(patched(encoded("WAV"), 22, "<H", channels)), "channels|[Cc]hannel count|damaged")


@pytest.mark.parametrize("count", [10**9, 2**36 - 1])
def test_a_flac_that_states_more_samples_than_fit_into_memory_is_refused_at_once(count: int) -> None:
    data = bytearray(encoded("FLAC"))
    data[18:26] = (int.from_bytes(data[18:26], "big") >> 36 << 36 | count).to_bytes(8, "big")
    refused(io.BytesIO(bytes(data)), "cut short or damaged|hours of sound")


def test_more_than_twelve_hours_are_refused_but_a_section_of_them_is_read(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(13 * 3600 * 1000, dtype=np.int16), 1000)
    refused(path, "13 hours of sound at 1,000 Hz; at most 12")
    assert audio.read(path, 1000, start_s=100, end_s=101).size == 1000
    refused(np.zeros(13 * 3600 * 1000, dtype=np.int16), "13 hours of sound", source_rate_hz=1000)


FORMS = (
    ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "IMA_ADPCM"), ("WAVEX", "PCM_24"), ("RF64", "PCM_16"),
    ("W64", "PCM_16"), ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"), ("FLAC", None), ("OGG", "VORBIS"),
    ("MP3", None), ("VOC", "PCM_16"), ("NIST", "PCM_16"),
)  # fmt: skip
FILES = {form: encoded(*form, samples=tone(0.2)) for form in FORMS}
NUMBERS = st.sampled_from(
    [0, 1, 7, 8, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63, 2**64 - 1]
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file of some format, some bytes of whose beginning are replaced, inserted or removed."""
    data = bytearray(FILES[draw(st.sampled_from(FORMS))])
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, min(200, max(len(data) - 1, 0))))
        match draw(st.sampled_from(["number", "bytes", "insert", "remove", "cut"])):
            case "number":
                size, order = draw(st.sampled_from([2, 4, 8])), draw(st.sampled_from(["little", "big"]))
                value = draw(NUMBERS) % 256**size
                data[place : place + size] = value.to_bytes(size, "little" if order == "little" else "big")
            case "bytes":
                data[place : place + 2] = draw(st.binary(min_size=2, max_size=2))
            case "insert":
                data[place:place] = draw(st.binary(min_size=1, max_size=9))
            case "remove":
                del data[place : place + draw(st.integers(1, 9))]
            case _:
                del data[draw(st.integers(0, len(data))) :]
    return bytes(data)


@given(damaged())
@settings(max_examples=250, deadline=None)
def test_a_damaged_header_is_read_or_refused_within_seconds_and_without_much_memory(data: bytes) -> None:
    tracemalloc.start()
    started = time.process_time()
    with suppress(AudioError, MissingExtra):
        found = audio.read(io.BytesIO(data))
        assert found.dtype == np.float32
        assert 0 < found.size < 16 * 2 * len(data) + 16 * RATE_HZ, "at most 16 times as many, at 1 kHz"
    assert time.process_time() - started < 5
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 500e6
