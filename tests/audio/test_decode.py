"""Decoding of every sound format, and errors with the reason."""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.audio import read as audio
from emotone.errors import AudioError, MissingExtra
from tests.helpers.encoded import RATE_HZ, encoded, refused, through_av, tone


def loudness_error(found: np.ndarray, given: np.ndarray) -> float:
    """Largest difference of two power curves, relative to the maximum; ignores codecs' phase and delay."""
    frames = 10
    found, given = (
        np.array([np.mean(part**2) for part in np.array_split(sound.astype(np.float64), frames)])
        for sound in (found, given)
    )
    return float(np.abs(found - given).max() / given.max())


@pytest.mark.parametrize(
    ("form", "subtype", "error"),
    [
        ("WAV", "PCM_U8", 2**-6),
        ("WAV", "PCM_16", 2**-14),
        ("WAV", "PCM_24", 2**-22),
        ("WAV", "PCM_32", 2**-22),
        ("WAV", "FLOAT", 0),
        ("WAV", "DOUBLE", 0),
        ("WAV", "ULAW", 2**-5),
        ("FLAC", "PCM_16", 2**-14),
        ("AIFF", "PCM_16", 2**-14),
        ("AU", "PCM_16", 2**-14),
    ],
)
def test_lossless_files_are_read_sample_by_sample(tmp_path, form, subtype, error) -> None:
    path = tmp_path / f"clip.{form.lower()}"
    path.write_bytes(encoded(form, subtype))
    found = audio.read(path)
    assert found.dtype == np.float32
    assert np.abs(found - tone()).max() <= error
    assert audio.duration_s(path) == 0.5


@pytest.mark.parametrize(("form", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")])
def test_lossy_files_are_read(tmp_path, form, subtype) -> None:
    path = tmp_path / f"clip.{'opus' if subtype == 'OPUS' else form.lower()}"
    path.write_bytes(encoded(form, subtype))
    assert audio.read(path).size == pytest.approx(8000, abs=160)
    assert loudness_error(audio.read(path), tone()) < 0.05
    assert audio.duration_s(path) == pytest.approx(0.5, abs=0.01)


AV_FORMS = [("ipod", "aac", ".m4a"), ("mp4", "aac", ".mp4"), ("webm", "libopus", ".webm"), ("adts", "aac", ".aac")]


@pytest.mark.parametrize(("form", "codec", "suffix"), AV_FORMS)
def test_formats_of_phones_and_browsers_are_read(tmp_path, form, codec, suffix) -> None:
    path = tmp_path / f"clip{suffix}"
    path.write_bytes(through_av(form, codec))
    found = audio.read(path)
    assert found.size == pytest.approx(8000, abs=2100)  # AAC pads to whole frames of 1024, and has a delay
    assert loudness_error(found[-8000 if form == "adts" else 0 :][:8000], tone()) < 0.2
    assert audio.duration_s(path) == pytest.approx(0.5, abs=0.13)
    assert np.array_equal(audio.read(io.BytesIO(path.read_bytes())), found)
    misnamed = tmp_path / "clip.wav"
    misnamed.write_bytes(path.read_bytes())
    assert np.array_equal(audio.read(misnamed), found), "the content counts, not the name"
    assert audio.read(path, start_s=0.1, end_s=0.3).size == 3200


def test_every_promised_extension_is_read(tmp_path) -> None:
    made = {
        ".m4a": lambda: through_av("ipod", "aac"),
        ".mp4": lambda: through_av("mp4", "aac"),
        ".webm": lambda: through_av("webm", "libopus"),
        ".aac": lambda: through_av("adts", "aac"),
        ".opus": lambda: encoded("OGG", "OPUS"),
        ".aif": lambda: encoded("AIFF"),
    }
    for suffix in audio.EXTENSIONS:
        path = Path(tmp_path / f"clip{suffix}")
        path.write_bytes(made[suffix]() if suffix in made else encoded(suffix[1:].upper()))
        assert audio.read(path).size > 7000, suffix


def test_without_pyav_the_missing_part_is_named(tmp_path, monkeypatch) -> None:
    path = tmp_path / "clip.m4a"
    path.write_bytes(b"\x00\x00\x00\x1cftypM4A anything")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtra, match=r"clip\.m4a needs optional packages; pip install 'emotone\[media\]'"):
        audio.read(path)
    with pytest.raises(MissingExtra):
        audio.duration_s(path)


def test_a_streamed_flac_that_states_no_length_is_read() -> None:
    pytest.importorskip("av")
    data = bytearray(encoded("FLAC"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)  # the sample count of STREAMINFO: 0 is unknown
    assert np.abs(audio.read(io.BytesIO(bytes(data))) - tone()).max() < 2**-14


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_streamed_wav_that_states_no_length_is_read(length) -> None:
    data = bytearray(encoded("WAV", "PCM_16"))
    start = data.index(b"data") + 4
    data[start : start + 4] = length.to_bytes(4, "little")
    assert audio.read(io.BytesIO(bytes(data))).size == 8000


def test_a_data_length_that_includes_the_header_is_accepted() -> None:
    data = bytearray(encoded("WAV", "PCM_16"))
    start = data.index(b"data") + 4
    data[start : start + 4] = len(data).to_bytes(4, "little")
    assert audio.read(io.BytesIO(bytes(data))).size == 8000


def test_silence_and_a_twentieth_of_a_second_are_sound() -> None:
    assert not audio.read(io.BytesIO(encoded("WAV", "PCM_16", np.zeros(800)))).any()
    assert audio.read(io.BytesIO(encoded("MP3", samples=tone(0.05)))).size == 800


CUT_SHORT = [
    ("WAV", "PCM_16"),
    ("WAV", "FLOAT"),
    ("AIFF", "PCM_16"),
    ("AU", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("MP3", None),
]


@pytest.mark.parametrize(("form", "subtype"), CUT_SHORT)
def test_a_file_cut_in_half_is_refused_with_both_lengths(tmp_path, form, subtype) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 4 * RATE_HZ)
    data = encoded(form, subtype, noise)
    path = tmp_path / "clip.snd"
    path.write_bytes(data[: len(data) // 2])
    for source in (path, io.BytesIO(path.read_bytes())):
        with pytest.raises(
            AudioError, match=r"cut short or damaged: the header states 4\.00 s, [12]\.\d\d s can be read"
        ):
            audio.read(source)


@pytest.mark.parametrize(("form", "codec"), [("mp4", "aac"), ("webm", "libopus"), ("matroska", "flac")])
def test_a_container_cut_in_half_is_refused(form, codec) -> None:
    data = through_av(form, codec)
    with pytest.raises(AudioError, match=r"cut short or damaged|not readable as sound"):
        audio.read(io.BytesIO(data[: len(data) // 2]))


def test_a_flac_with_a_flipped_bit_is_refused() -> None:
    data = bytearray(encoded("FLAC", samples=np.random.default_rng(0).normal(0, 0.1, 4 * RATE_HZ)))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(AudioError, match="cut short or damaged"):
        audio.read(io.BytesIO(bytes(data)))


def test_an_ogg_cut_short_gives_its_whole_pages() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 10 * RATE_HZ)
    data = encoded("OGG", "VORBIS", noise)
    assert 2 < audio.read(io.BytesIO(data[: len(data) // 2])).size / RATE_HZ < 6


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([("WAV", "PCM_16"), ("FLAC", None), ("OGG", "VORBIS"), ("MP3", None)]), st.floats(0, 1))
def test_a_file_cut_anywhere_is_read_or_refused(form, share) -> None:
    data = encoded(*form)
    with suppress(AudioError):
        found = audio.read(io.BytesIO(data[: int(len(data) * share)]))
        assert 0 < found.size <= 8000


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"RIFF", b"fLaC", b"OggS", b"ID3", b"\xff\xf1", b"\xff"]))
def test_random_bytes_are_refused(data, start) -> None:
    with pytest.raises((AudioError, MissingExtra)):
        audio.read(io.BytesIO(start + data))


def test_paths_that_are_not_sound_are_refused(tmp_path) -> None:
    refused(tmp_path / "absent.wav", "no such file")
    refused(tmp_path, "a folder, not a file")
    for name in ("empty.wav", "empty.m4a"):
        (tmp_path / name).touch()
        refused(tmp_path / name, f"{name}: 0 bytes; is the recording empty")
    (tmp_path / "text.wav").write_text("not a sound at all, and longer than a header\n" * 9, encoding="utf-8")
    refused(tmp_path / "text.wav", "not readable as sound .*; wav, flac, ogg, opus and mp3 are read")
    with pytest.raises(AudioError, match="no such file"):
        audio.duration_s(tmp_path / "absent.wav")
    with pytest.raises(AudioError, match="not readable as sound"):
        audio.duration_s(tmp_path / "text.wav")


def test_streams_that_are_not_sound_are_refused(monkeypatch) -> None:
    refused(io.BytesIO(), "0 bytes; is the recording empty")
    refused(io.StringIO("text"), "open it in binary mode")
    refused(b"RIFF", "not bytes; wrap bytes in io.BytesIO")
    refused([0.0, 0.1], "not list")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO()))
    refused("-", "standard input: 0 bytes")


def test_a_length_that_leads_out_of_the_file_prints_no_traceback(tmp_path, capfd) -> None:
    pytest.importorskip("av")
    data = bytearray(encoded("CAF", "PCM_16"))
    place = data.index(b"data") + 4
    data[place : place + 8] = (2**62).to_bytes(8, "big")
    (tmp_path / "odd.mp4").write_bytes(data)
    with suppress(AudioError):
        audio.read(tmp_path / "odd.mp4")
    assert capfd.readouterr().err == ""


def test_a_film_without_sound_is_refused() -> None:
    av = pytest.importorskip("av")
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 32
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), dtype=np.uint8))
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    refused(io.BytesIO(file.getvalue()), "contains no sound")
