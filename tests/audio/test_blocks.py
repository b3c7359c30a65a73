"""Recordings in blocks: the same sound as of the whole, and what can be read of a broken one."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotone.audio import read as audio
from emotone.audio.blocks import BLOCK_S, open_blocks
from emotone.audio.mono import Mixer
from emotone.errors import AudioError
from tests.helpers.encoded import through_av
from tests.helpers.sounds import babble

RATE_HZ = 8000


def sound(seconds: float, channels: int = 2) -> np.ndarray:
    clip = babble(rate_hz=RATE_HZ)
    mono = np.resize(clip, round(seconds * RATE_HZ))
    return np.stack([mono * (1 - 0.5 * number) for number in range(channels)], axis=1)


def in_blocks(source: Path | io.BytesIO) -> tuple[np.ndarray, str]:
    with open_blocks(source) as blocks:
        mixer = Mixer("x")
        parts = [mixer(block) for block in blocks]
        assert all(0 < len(part) <= 1.01 * BLOCK_S * blocks.rate_hz for part in parts)
        assert len(parts) > 1
        return np.concatenate(parts), blocks.problem


@pytest.mark.parametrize("form", ["wav", "flac", "ogg", "mp3"])
def test_blocks_are_the_whole(form: str, tmp_path: Path) -> None:
    file = tmp_path / f"a.{form}"
    soundfile.write(file, sound(23.0), RATE_HZ)
    found, problem = in_blocks(file)
    np.testing.assert_allclose(found, audio.read(file, RATE_HZ), atol=1e-6)
    assert problem == ""


@pytest.mark.parametrize(("form", "codec"), [("ipod", "aac"), ("webm", "libopus")])
def test_blocks_of_a_container_are_the_whole(form: str, codec: str, tmp_path: Path) -> None:
    pytest.importorskip("av")
    file = tmp_path / f"a.{form}"
    file.write_bytes(through_av(form, codec, np.tile(sound(23.0, channels=1)[:, 0], 6).astype(np.float32), 48_000))
    with open_blocks(file) as blocks:
        rate_hz = blocks.rate_hz
    found, problem = in_blocks(file)
    np.testing.assert_allclose(found, audio.read(file, rate_hz), atol=1e-6)
    assert problem == ""


def test_an_open_file_is_read_too() -> None:
    handle = io.BytesIO()
    soundfile.write(handle, sound(12.0), RATE_HZ, format="WAV")
    handle.seek(0)
    assert in_blocks(handle)[0].size == 12 * RATE_HZ


@pytest.mark.parametrize(
    ("form", "words"), [("wav", "cut short: the header states 30.00 s"), ("flac", "damaged after")]
)
def test_of_a_file_that_breaks_off_what_is_there_is_read(form: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / f"a.{form}"
    soundfile.write(file, sound(30.0), RATE_HZ)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 2 // 3])
    found, problem = in_blocks(file)
    assert words in problem
    assert 17 * RATE_HZ < found.size < 21 * RATE_HZ
    with pytest.raises(AudioError):
        audio.read(file, RATE_HZ)


def test_errors_of_the_caller_are_not_those_of_the_recording(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    soundfile.write(file, sound(1.0), RATE_HZ)
    with pytest.raises(OSError, match="no space"), open_blocks(file):
        raise OSError("no space")


def test_what_is_no_sound_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("hello", encoding="utf-8")
    with (
        pytest.raises(AudioError, match=r"a\.wav: not readable as sound \(it is a text\)"),
        open_blocks(tmp_path / "a.wav"),
    ):
        pass


def test_channels_that_cancel_each_other_are_noticed_over_all_blocks() -> None:
    mixer, block = Mixer("x"), sound(1.0, channels=1)
    for _ in range(3):
        assert not mixer(np.hstack([block, -block])).any()
    with pytest.raises(AudioError, match="cancel each other"):
        mixer.check()
    mixer(np.hstack([10 * block, 10 * block]))
    mixer.check()
