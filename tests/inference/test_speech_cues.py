"""Cues of the speech gate: one number per name, and each responds to what its name states."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.audio.read import RATE_HZ
from emotone.inference import speech_cues
from emotone.inference.speech_cues import cues, names
from scripts.speech_gate.sounds import sound

TIME_S = np.arange(2 * RATE_HZ) / RATE_HZ


def named_cues(samples: np.ndarray) -> dict[str, float]:
    return dict(zip(names(), cues(samples.astype(np.float32)).tolist(), strict=True))


def buzz(hz: float | np.ndarray) -> np.ndarray:
    """Harmonics up to 4 kHz of a frequency that may move."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hz, TIME_S.size)) / RATE_HZ
    return sum(np.sin(number * phase) / number for number in range(1, 20)) / 2


@pytest.mark.parametrize("samples", [1, 2, 319, 320, 512, 513, 5000, 100_000])
def test_every_cue_is_finite_for_any_length(samples: int) -> None:
    found = cues(np.random.default_rng(samples).normal(0, 0.3, samples).astype(np.float32))
    assert found.shape == (len(names()),)
    assert np.isfinite(found).all()
    assert np.isfinite(cues(np.zeros(samples, np.float32))).all()


def test_the_number_of_frames_at_once_does_not_change_the_cues(monkeypatch: pytest.MonkeyPatch) -> None:
    music = sound("music", "chords", seconds=2)
    before = cues(music)
    monkeypatch.setattr(speech_cues, "_FRAMES_AT_ONCE", 7)
    np.testing.assert_allclose(cues(music), before, rtol=1e-3, atol=1e-3)


def test_the_modulation_rate_of_the_loudness_is_found() -> None:
    for rate_hz, name in ((1, "loud_0.7_2_hz"), (3, "loud_2_4_hz"), (5, "loud_4_7_hz"), (10, "loud_7_12_hz")):
        found = named_cues(buzz(150) * (0.55 + 0.45 * np.sin(2 * np.pi * rate_hz * TIME_S)))
        shares = {key: value for key, value in found.items() if key.startswith("loud_") and key.endswith("_hz")}
        assert max(shares, key=shares.__getitem__) == name
        assert sum(shares.values()) == pytest.approx(1, abs=1e-3)


def test_pitch_is_found_and_a_note_is_steady_where_a_voice_glides() -> None:
    steady = named_cues(buzz(200))
    assert steady["pitch_median"] == pytest.approx(12, abs=0.2)  # an octave over 100 Hz
    assert steady["voiced"] == 1
    assert steady["pitch_steady"] > 0.95
    assert steady["longest_run_s"] == pytest.approx(2, abs=0.1)
    gliding = named_cues(buzz(200 * 2 ** (0.5 * np.sin(2 * np.pi * 1.5 * TIME_S))))
    assert gliding["pitch_gliding"] > 0.7
    assert gliding["pitch_deviation"] > steady["pitch_deviation"] + 2
    assert named_cues(np.random.default_rng(0).normal(0, 0.3, TIME_S.size))["voiced"] < 0.02


def test_steady_spectral_lines_are_distinguished_from_moving_ones_and_from_noise() -> None:
    noise = named_cues(np.random.default_rng(0).normal(0, 0.3, TIME_S.size))
    moving = named_cues(buzz(200 * 2 ** (0.5 * np.sin(2 * np.pi * 1.5 * TIME_S))))
    steady = named_cues(buzz(200))
    for name in ("lines_kept_3", "lines_kept_8", "lines_always"):
        assert noise[name] < 0.25
        assert steady[name] > 0.8
        assert moving[name] < steady[name] - 0.3
    assert noise["flatness"] > steady["flatness"]


def test_bands_that_vary_together_are_distinguished_from_independent_ones() -> None:
    noise = np.random.default_rng(0).normal(0, 0.3, TIME_S.size)
    beaten = noise * (0.05 + np.maximum(0, np.sin(2 * np.pi * 4 * TIME_S)))
    assert named_cues(beaten)["bands_farther"] > 0.7
    assert abs(named_cues(noise)["bands_farther"]) < 0.1
