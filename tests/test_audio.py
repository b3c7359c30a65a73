"""Whatever people call a recording is read, or refused with the reason."""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from emotone import audio
from emotone.errors import AudioError, MissingExtra

RATE_HZ = 16_000


def tone(seconds: float = 0.5, rate_hz: int = RATE_HZ) -> np.ndarray:
    """A falling tone that fades in and out, so that no two parts are alike."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * (300 - 100 * time_s) * time_s) * np.hanning(time_s.size)).astype(np.float32)


def encoded(form: str, subtype: str | None = None, samples: np.ndarray | None = None, rate_hz: int = RATE_HZ) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tone(rate_hz=rate_hz) if samples is None else samples, rate_hz, format=form, subtype=subtype)
    return file.getvalue()


def through_av(form: str, codec: str, rate_hz: int = RATE_HZ) -> bytes:
    """The tone in a container that only PyAV reads."""
    av = pytest.importorskip("av", reason="m4a and webm are read with the extra emotone[media]")
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(rate_hz=rate_hz)[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate_hz, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return file.getvalue()


def loudness_error(found: np.ndarray, given: np.ndarray) -> float:
    """Largest difference of the two courses of power, relative to the loudest: blind to codecs' phase and delay."""
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
def test_what_phones_and_browsers_record_is_read(tmp_path, form, codec, suffix) -> None:
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


def test_without_pyav_the_missing_part_is_named(tmp_path, monkeypatch) -> None:
    path = tmp_path / "clip.m4a"
    path.write_bytes(b"\x00\x00\x00\x1cftypM4A anything")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtra, match=r"clip\.m4a needs an optional part; pip install 'emotone\[media\]'"):
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


def test_a_header_that_counts_itself_is_forgiven() -> None:
    data = bytearray(encoded("WAV", "PCM_16"))
    start = data.index(b"data") + 4
    data[start : start + 4] = len(data).to_bytes(4, "little")
    assert audio.read(io.BytesIO(bytes(data))).size == 8000


def test_files_file_objects_and_standard_input_say_the_same(tmp_path, monkeypatch) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(encoded("WAV", "FLOAT"))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(path.read_bytes())))
    with path.open("rb") as file:
        for source in (path, str(path), file, io.BytesIO(path.read_bytes()), "-"):
            assert np.array_equal(audio.read(source), tone())


def test_a_stream_comes_to_several_rates_at_once() -> None:
    found = audio.read_at(io.BytesIO(encoded("WAV")), [RATE_HZ, 8000, RATE_HZ])
    assert list(found) == [RATE_HZ, 8000]
    for rate_hz, samples in found.items():
        np.testing.assert_array_equal(samples, audio.read(io.BytesIO(encoded("WAV")), rate_hz))


@pytest.mark.parametrize("rate_hz", [8000, 11025, 22050, 44100, 48000, 96000])
def test_every_rate_comes_to_the_one_asked_for(rate_hz) -> None:
    found = audio.read(io.BytesIO(encoded("WAV", "FLOAT", rate_hz=rate_hz)))
    assert found.size == pytest.approx(8000, abs=1)
    assert np.abs(found[:7999] - tone()[:7999]).max() < 0.01


def test_resampling_keeps_what_librosa_keeps() -> None:
    import librosa

    noise = np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32)
    expected = librosa.resample(noise, orig_sr=48_000, target_sr=RATE_HZ, res_type="soxr_hq")
    assert np.abs(audio.resample(noise, 48_000, RATE_HZ) - expected).max() < 1e-6


def test_channels_are_averaged() -> None:
    channels = np.stack([tone() * gain for gain in (1, 0.5, 0, 0, -0.25, 0.25)], axis=1)
    found = audio.read(io.BytesIO(encoded("WAV", "FLOAT", channels)))
    assert np.abs(found - tone() * 0.25).max() < 1e-6


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"])
def test_integer_arrays_are_scaled_by_their_range(dtype) -> None:
    limits = np.iinfo(dtype)
    middle = 0 if limits.min else (limits.max + 1) // 2
    found = audio.read(np.array([limits.min, middle, limits.max], dtype=dtype), source_rate_hz=RATE_HZ)
    assert found.tolist() == pytest.approx([-1, 0, 1], abs=0.01)
    assert found[0] == -1


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", ">f4"])
def test_float_arrays_are_taken_as_they_are(dtype) -> None:
    found = audio.read(np.array([[0.5, 0.25], [-2, -2]], dtype=dtype), source_rate_hz=RATE_HZ)
    assert found.dtype == np.float32
    assert found.tolist() == [0.375, -2]


def test_an_array_that_came_is_left_as_it_was() -> None:
    given = tone()
    audio.normalise_peak(audio.read(given, source_rate_hz=RATE_HZ))
    assert np.array_equal(given, tone())


def test_a_stretch_is_read_alike_from_file_and_array(tmp_path) -> None:
    path = tmp_path / "clip.flac"
    path.write_bytes(encoded("FLAC"))
    for start_s, end_s in [(0.0, 0.25), (0.125, None), (0.125, 0.25), (0.25, 9.0)]:
        first, last = round(start_s * RATE_HZ), None if end_s is None else round(end_s * RATE_HZ)
        from_file = audio.read(path, start_s=start_s, end_s=end_s)
        from_array = audio.read(tone(), source_rate_hz=RATE_HZ, start_s=start_s, end_s=end_s)
        assert np.array_equal(from_array, tone()[first:last])
        assert np.abs(from_file - from_array).max() < 2**-14


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
def test_a_file_cut_in_half_is_refused_with_what_was_there(tmp_path, form, subtype) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 4 * RATE_HZ)
    data = encoded(form, subtype, noise)
    path = tmp_path / "clip.snd"
    path.write_bytes(data[: len(data) // 2])
    for source in (path, io.BytesIO(path.read_bytes())):
        with pytest.raises(AudioError, match=r"cut short or damaged: 4\.00 s are promised, [12]\.\d\d s can be read"):
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
def test_a_file_cut_anywhere_is_read_or_refused_and_nothing_else(form, share) -> None:
    data = encoded(*form)
    with suppress(AudioError):
        found = audio.read(io.BytesIO(data[: int(len(data) * share)]))
        assert 0 < found.size <= 8000


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"RIFF", b"fLaC", b"OggS", b"ID3", b"\xff\xf1", b"\xff"]))
def test_bytes_that_are_no_sound_are_refused(data, start) -> None:
    with pytest.raises((AudioError, MissingExtra)):
        audio.read(io.BytesIO(start + data))


def refused(source: object, text: str, **options: object) -> None:
    with pytest.raises(AudioError, match=text):
        audio.read(source, **options)  # type: ignore[arg-type]


def test_paths_that_are_no_sound_are_refused(tmp_path) -> None:
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


def test_streams_that_are_no_sound_are_refused(monkeypatch) -> None:
    refused(io.BytesIO(), "0 bytes; is the recording empty")
    refused(io.StringIO("text"), "open it in binary mode")
    refused(b"RIFF", "not bytes; wrap bytes in io.BytesIO")
    refused([0.0, 0.1], "not list")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO()))
    refused("-", "standard input: 0 bytes")


def test_a_film_without_sound_is_refused() -> None:
    av = pytest.importorskip("av")
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 32
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), dtype=np.uint8))
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    refused(io.BytesIO(file.getvalue()), "holds no sound")


def test_arrays_that_are_no_sound_are_refused() -> None:
    refused(np.zeros(9), "pass source_rate_hz=")
    for source, text in [
        (np.zeros(0), r"array \(0,\): 0 samples; is the recording empty"),
        (np.zeros((2, 16_000)), "16000 channels.* pass its transpose"),
        (np.zeros((2, 2, 2)), r"expected \(samples,\) or \(samples, channels\)"),
        (np.array(0.5), "expected"),
        (np.array([0, np.nan, np.inf]), "2 samples are not finite"),
        (np.array([1e300]), "1 samples are not finite"),
        (np.array([True]), "samples of type bool"),
        (np.array([1j]), "samples of type complex"),
    ]:
        refused(source, text, source_rate_hz=RATE_HZ)
    refused(np.zeros(1), "1 samples; is the recording empty", source_rate_hz=96_000)
    refused(np.zeros(9), "rates must be positive", source_rate_hz=0)


def test_sound_that_is_not_finite_is_refused() -> None:
    refused(io.BytesIO(encoded("WAV", "FLOAT", np.array([0, np.nan, 0.5]))), "1 samples are not finite numbers")
    refused(io.BytesIO(encoded("WAV", "PCM_16", np.zeros(0))), "0 samples; is the recording empty")


def test_stretches_without_sound_are_refused() -> None:
    data = encoded("FLAC")
    refused(io.BytesIO(data), "0 samples between 3.0 s and the end", start_s=3.0)
    refused(io.BytesIO(data), r"3.0 \.\. 2.0 s is empty", start_s=3.0, end_s=2.0)
    refused(io.BytesIO(data), "0 <= start < end", start_s=-1.0)


sounds = arrays.arrays(
    np.float32, st.integers(1, 3000), elements=st.floats(-2, 2, width=32), fill=st.floats(-2, 2, width=32)
)


@given(sounds)
def test_normalising_brings_the_level_and_leaves_the_shape(samples) -> None:
    peak, rms = audio.normalise_peak(samples), audio.normalise_rms(samples, 0.1)
    assert peak.dtype == rms.dtype == np.float32
    if not samples.any():
        assert not peak.any()
        assert not rms.any()
        return
    assert np.abs(peak).max() == pytest.approx(1)
    assert np.sqrt(np.mean(rms.astype(float) ** 2)) == pytest.approx(0.1, rel=1e-4)
    scale = np.abs(samples).max()
    assert peak == pytest.approx(samples / scale, abs=1e-6)


@given(sounds, st.integers(0, 4000), st.sampled_from(["end", "symmetric"]), st.sampled_from(["start", "centre"]))
def test_a_fitted_clip_has_the_length_and_adds_only_zeros(samples, length, pad, crop) -> None:
    fitted = audio.fit_length(samples, length, pad=pad, crop=crop)
    assert fitted.shape == (length,)
    if length >= samples.size:
        before = (length - samples.size) // 2 if pad == "symmetric" else 0
        assert np.array_equal(fitted[before : before + samples.size], samples)
        assert not fitted[:before].any()
        assert not fitted[before + samples.size :].any()
    else:
        before = (samples.size - length) // 2 if crop == "centre" else 0
        assert np.array_equal(fitted, samples[before : before + length])


@given(st.integers(0, 5000), st.integers(1, 8000), st.integers(0, 5000), st.floats(0.001, 1))
def test_trimming_removes_silence_at_the_ends_alone(before, middle, after, level) -> None:
    sound = level * np.cos(np.arange(middle)).astype(np.float32)
    samples = np.concatenate([np.zeros(before), sound, np.zeros(after)]).astype(np.float32)
    trimmed = audio.trim(samples, RATE_HZ)
    frame, hop = 400, 160
    assert middle <= trimmed.size <= middle + 2 * frame
    assert np.array_equal(np.trim_zeros(trimmed), sound), "nothing of the sound is lost"
    again = audio.trim(trimmed, RATE_HZ)
    assert trimmed.size - again.size <= 2 * hop


def test_trimming_keeps_a_pause_in_the_middle_and_a_clip_of_silence() -> None:
    pause = np.concatenate([tone(), np.zeros(8000, dtype=np.float32), tone()])
    assert audio.trim(pause, RATE_HZ).size > 23_000
    assert audio.trim(np.zeros(8000, dtype=np.float32), RATE_HZ).size == 8000


def test_trimming_leaves_what_is_louder_than_the_threshold() -> None:
    noise = np.full(8000, 1e-2, dtype=np.float32)  # 40 dB under the tone's amplitude of 1
    clip = np.concatenate([noise, np.sin(np.arange(8000)).astype(np.float32), noise])
    assert audio.trim(clip, RATE_HZ, below_db=60).size == 24_000
    assert 8000 <= audio.trim(clip, RATE_HZ, below_db=30).size < 9000


def test_settings_trim_then_normalise_then_fit() -> None:
    clip = np.concatenate([np.zeros(RATE_HZ, dtype=np.float32), tone() / 4])
    made = audio.AudioSettings(trim_db=60, normalise="peak", seconds=1, pad="symmetric")(clip)
    assert made.shape == (RATE_HZ,)
    assert np.abs(made).max() == pytest.approx(1)
    loud = np.flatnonzero(np.abs(made) > 0.5)
    assert RATE_HZ * 0.4 < loud.mean() < RATE_HZ * 0.6, "the clip is in the middle once its silence is gone"
    assert np.array_equal(audio.AudioSettings()(clip), clip), "the defaults change nothing"


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
