"""Reading sound from any source: rate, channels, level and length."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from emotone.audio import read as audio
from tests.helpers.encoded import RATE_HZ, encoded, refused, tone


def test_files_file_objects_and_standard_input_give_the_same_samples(tmp_path, monkeypatch) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(encoded("WAV", "FLOAT"))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(path.read_bytes())))
    with path.open("rb") as file:
        for source in (path, str(path), file, io.BytesIO(path.read_bytes()), "-"):
            assert np.array_equal(audio.read(source), tone())


def test_a_stream_is_read_at_several_rates_at_once() -> None:
    found = audio.read_at(io.BytesIO(encoded("WAV")), [RATE_HZ, 8000, RATE_HZ])
    assert list(found) == [RATE_HZ, 8000]
    for rate_hz, samples in found.items():
        np.testing.assert_array_equal(samples, audio.read(io.BytesIO(encoded("WAV")), rate_hz))


@pytest.mark.parametrize("rate_hz", [8000, 11025, 22050, 44100, 48000, 96000])
def test_every_rate_is_resampled_to_the_requested_rate(rate_hz) -> None:
    found = audio.read(io.BytesIO(encoded("WAV", "FLOAT", rate_hz=rate_hz)))
    assert found.size == pytest.approx(8000, abs=1)
    assert np.abs(found[:7999] - tone()[:7999]).max() < 0.01


def test_resampling_equals_librosa() -> None:
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


def test_an_input_array_is_not_changed() -> None:
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


def test_arrays_that_are_not_sound_are_refused() -> None:
    refused(np.zeros(9), "sampling rate is missing; pass it in Hz")
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
    refused(np.zeros(9), "1,000 to 768,000 Hz are accepted", source_rate_hz=0)


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
    assert np.array_equal(np.trim_zeros(trimmed), sound), "no part of the sound is lost"
    again = audio.trim(trimmed, RATE_HZ)
    assert trimmed.size - again.size <= 2 * hop


@pytest.mark.parametrize(("rate_hz", "size"), [(16_000, 12_345), (11_025, 9_999), (8_000, 201)])
def test_the_ends_are_those_of_the_frames_that_sound(rate_hz: int, size: int) -> None:
    samples = (np.random.default_rng(size).standard_normal(size) * np.hanning(size) ** 4).astype(np.float32)
    frame, hop = round(0.025 * rate_hz), round(0.01 * rate_hz)
    starts = [start for start in range(0, size, hop) if start < size - frame + hop]
    powers = np.array([np.mean(samples[start : start + frame].astype(np.float64) ** 2) for start in starts])
    loud = np.flatnonzero(powers > 1e-3 * powers.max())
    assert audio.ends(samples, rate_hz, below_db=30) == (starts[loud[0]], min(starts[loud[-1]] + frame, size))


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
