"""Arrays of every type, scale and layout, and sound of several channels."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from emotone.audio import read as audio
from emotone.audio.read import AudioSettings
from emotone.errors import AudioError, UnknownName
from tests.helpers.encoded import RATE_HZ, encoded, refused, tone

INT16 = np.round(tone() * 32767).astype(np.int16)


def read(array: Any, **options: Any) -> np.ndarray:
    return audio.read(array, source_rate_hz=RATE_HZ, **options)


@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(np.stack([tone(), tone()], axis=1)),
        np.stack([tone(), tone()]).T,
        tone()[:, None],
        tone().astype(">f4"),
        tone().astype(">f8"),
        np.repeat(tone(), 2)[::2],
        np.frombuffer(tone().tobytes(), dtype=np.float32),  # read-only
        np.ma.masked_array(tone(), mask=False),
    ],
    ids=["fortran", "transposed", "one channel", "big-endian", "big-endian double", "strided", "read-only", "no mask"],
)
def test_the_layout_of_an_array_does_not_matter(array: np.ndarray) -> None:
    found = read(array)
    assert np.array_equal(found, tone())
    assert found.dtype == np.float32
    assert found.dtype.isnative
    assert found.flags.c_contiguous
    audio.normalise_peak(audio.resample(found, RATE_HZ, 8000))


@pytest.mark.parametrize("dtype", [">i2", "<i2"])
def test_integers_of_either_byte_order_are_the_same(dtype: str) -> None:
    assert np.array_equal(read(INT16.astype(dtype)), read(INT16))


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32", "uint64"])
def test_16_bit_values_in_a_wider_array_are_refused(dtype: str) -> None:
    values = INT16.astype(np.int64) + (32_768 if dtype.startswith("u") else 0)
    refused(values.astype(dtype), rf"{dtype} values of at most .*astype\('int16'\)", source_rate_hz=RATE_HZ)
    with pytest.raises(AudioError, match="small part of their range"):
        read(np.clip(values >> 8, 1, 255).astype("uint16" if dtype.startswith("u") else "int64"))
    assert np.abs(read((INT16.astype(np.int64) << 16).astype(np.int32)) - read(INT16)).max() == 0
    assert not read(np.zeros(99, dtype="int64")).any(), "silence is silence"


def test_floats_far_above_full_scale_are_refused_in_arrays_and_files() -> None:
    refused(INT16.astype(float), r"its samples reach 1\d,\d{3}; .* within -1 \.\. 1\. Divide", source_rate_hz=RATE_HZ)
    refused(io.BytesIO(encoded("WAV", "FLOAT", INT16.astype(np.float32))), "its samples reach 1")
    assert np.abs(read(3 * tone())).max() > 1, "a little too loud is read"


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros(5, dtype=bool), "type bool"),
        (np.zeros(5, dtype=complex), "type complex128"),
        (np.array([0.5, None]), "type object"),
        (np.array(["0.5"]), "type <U3"),
        (np.array(0.5), r"array \(\): expected \(samples,\)"),
        (np.zeros((2, 3, 4)), r"array \(2, 3, 4\): expected"),
        (np.zeros((100, 0)), "0 channels; expected"),
        (np.zeros((0, 2)), "0 samples; is the recording empty"),
        (np.zeros((2, 16_000)), "pass its transpose"),
        (np.array([0.1, np.nan]), "1 samples are not finite"),
        (np.array([-np.inf, 0.1]), "1 samples are not finite"),
        (np.ma.masked_array([0.1, 0.2], mask=[True, False]), "some samples are masked"),
    ],
)
def test_arrays_that_are_not_sound_are_refused_with_the_reason(array: np.ndarray, text: str) -> None:
    refused(array, text, source_rate_hz=RATE_HZ)


@pytest.mark.parametrize("rate_hz", [0, -1, 1, 16, 999, 10**7, 2**31, float("nan"), float("inf"), 1e300])
def test_a_rate_out_of_range_is_refused_for_arrays(rate_hz: float) -> None:
    refused(tone(), "a sampling rate of .* Hz are accepted", source_rate_hz=rate_hz)


@pytest.mark.parametrize("rate_hz", ["16000", True, [16_000], 16_000j])
def test_a_rate_that_is_not_a_number_is_refused(rate_hz: Any) -> None:
    refused(tone(), "a sampling rate is a number in Hz, not", source_rate_hz=rate_hz)


def test_a_rate_may_be_of_any_numeric_type() -> None:
    for rate_hz in (np.int32(16_000), 16_000.0, np.float32(16_000)):
        assert np.array_equal(audio.read(tone(), source_rate_hz=rate_hz), tone())


LEFT, RIGHT = tone(), (0.5 * tone()[::-1]).astype(np.float32)
STEREO = np.stack([LEFT, RIGHT], axis=1)


@pytest.mark.parametrize(
    ("channel", "expected"), [("mix", (LEFT + RIGHT) / 2), ("left", LEFT), ("right", RIGHT), ("loudest", LEFT)]
)
def test_one_channel_or_the_mix_is_used(channel: Any, expected: np.ndarray) -> None:
    for source in (io.BytesIO(encoded("WAV", "FLOAT", STEREO)), STEREO):
        np.testing.assert_allclose(read(source, channel=channel), expected, atol=1e-7)
    assert np.array_equal(read(LEFT, channel=channel), LEFT), "mono is the same for each"
    assert np.array_equal(read(LEFT[:, None], channel=channel), LEFT)


def test_an_unknown_channel_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UnknownName, match="did you mean 'left'"):
        read(STEREO, channel="lef")


def test_channels_that_cancel_are_refused_when_mixed_and_read_one_by_one() -> None:
    inverted = np.stack([LEFT, -LEFT], axis=1)
    nearly = np.stack([LEFT, -0.9 * LEFT], axis=1)
    surround = np.stack([LEFT, -LEFT, 0 * LEFT, 0 * LEFT], axis=1)
    for sound in (inverted, nearly, surround, np.round(inverted * 32767).astype(np.int16)):
        with pytest.raises(AudioError, match=r"channels cancel each other .* channel: left, right or loudest"):
            read(sound)
    assert np.array_equal(read(inverted, channel="left"), LEFT)
    assert np.array_equal(read(inverted, channel="right"), -LEFT)


def test_channels_that_do_not_cancel_are_mixed() -> None:
    rng = np.random.default_rng(0)
    alone = np.zeros((8000, 8), dtype=np.float32)
    alone[:, 3] = LEFT
    for sound in (alone, rng.normal(0, 0.1, (8000, 2)), np.zeros((8000, 2)), 1e-5 * np.stack([LEFT, -LEFT], axis=1)):
        np.testing.assert_allclose(read(sound), sound.mean(axis=1), atol=1e-7)


def test_the_settings_name_a_channel_only_where_it_is_not_the_mix() -> None:
    """So that features that were cached before the setting existed stay valid, and voice profiles, too."""
    assert "channel" not in AudioSettings().model_dump(mode="json")
    assert AudioSettings(channel="left").model_dump(mode="json")["channel"] == "left"
    assert AudioSettings(**AudioSettings(channel="right").model_dump()).channel == "right"
    assert repr(AudioSettings(channel="left")) == repr(AudioSettings())
