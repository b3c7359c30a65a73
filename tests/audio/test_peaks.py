"""The waveform of a recording in few numbers, however it is cut into blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotone.audio import blocks
from emotone.audio.peaks import peaks


@pytest.mark.parametrize("block_s", [0.0071, 0.1, 10.0])
def test_they_are_the_extremes_of_equal_stretches(
    block_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_S", block_s)
    sound = np.random.default_rng(0).uniform(-0.9, 0.9, 8000).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", sound, 8000, subtype="FLOAT")
    stretches = sound.reshape(50, 160)
    expected = np.stack([stretches.min(axis=1), stretches.max(axis=1)], axis=1)
    np.testing.assert_array_equal(peaks(tmp_path / "a.wav", 1.0, columns=50), expected)


def test_a_channel_can_be_chosen_and_channels_that_cancel_are_flat(tmp_path: Path) -> None:
    tone = np.sin(np.arange(4000) / 5)
    soundfile.write(tmp_path / "a.wav", np.stack([tone, -tone], axis=1) / 2, 8000)
    assert np.abs(peaks(tmp_path / "a.wav", 0.5, columns=10)).max() < 1e-3
    assert peaks(tmp_path / "a.wav", 0.5, columns=10, channel="left").max() == pytest.approx(0.5, abs=1e-3)


def test_fewer_samples_than_stretches_and_a_wrong_length_are_drawn(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(80, 0.5), 8000)
    assert np.count_nonzero(peaks(tmp_path / "a.wav", 0.01, columns=1000)[:, 1]) == 80
    assert np.count_nonzero(peaks(tmp_path / "a.wav", 0.005, columns=10)[:, 1]) == 10
