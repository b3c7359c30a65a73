"""Cues of speech: one number per name, and what they are named after moves them."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.audio.read import RATE_HZ
from emotone.inference import speech_cues
from emotone.inference.speech_cues import cues, names
from scripts.speech_gate.sounds import sound

TIME_S = np.arange(2 * RATE_HZ) / RATE_HZ


def told(samples: np.ndarray) -> dict[str, float]:
    return dict(zip(names(), cues(samples.astype(np.float32)).tolist(), strict=True))


def buzz(hz: float | np.ndarray) -> np.ndarray:
    """Harmonics up to 4 kHz of a frequency that may move."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hz, TIME_S.size)) / RATE_HZ
    return sum(np.sin(number * phase) / number for number in range(1, 20)) / 2


@pytest.mark.parametrize("samples", [1, 2, 319, 320, 512, 513, 5000, 100_000])
def test_any_length_has_every_cue_as_a_finite_number(samples: int) -> None:
    found = cues(np.random.default_rng(samples).normal(0, 0.3, samples).astype(np.float32))
    assert found.shape == (len(names()),)
    assert np.isfinite(found).all()
    assert np.isfinite(cues(np.zeros(samples, np.float32))).all()


def test_how_many_frames_are_looked_at_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    music = sound("music", "chords", seconds=2)
    before = cues(music)
    monkeypatch.setattr(speech_cues, "_FRAMES_AT_ONCE", 7)
    np.testing.assert_allclose(cues(music), before, rtol=1e-3, atol=1e-3)


def test_the_rate_at_which_the_loudness_moves_is_found() -> None:
    for rate_hz, name in ((1, "loud_0.7_2_hz"), (3, "loud_2_4_hz"), (5, "loud_4_7_hz"), (10, "loud_7_12_hz")):
        found = told(buzz(150) * (0.55 + 0.45 * np.sin(2 * np.pi * rate_hz * TIME_S)))
        shares = {key: value for key, value in found.items() if key.startswith("loud_") and key.endswith("_hz")}
        assert max(shares, key=shares.__getitem__) == name
        assert sum(shares.values()) == pytest.approx(1, abs=1e-3)


def test_pitch_is_found_and_a_note_stands_where_a_voice_glides() -> None:
    steady = told(buzz(200))
    assert steady["pitch_median"] == pytest.approx(12, abs=0.2)  # an octave over 100 Hz
    assert steady["voiced"] == 1
    assert steady["pitch_steady"] > 0.95
    assert steady["longest_run_s"] == pytest.approx(2, abs=0.1)
    gliding = told(buzz(200 * 2 ** (0.5 * np.sin(2 * np.pi * 1.5 * TIME_S))))
    assert gliding["pitch_gliding"] > 0.7
    assert gliding["pitch_deviation"] > steady["pitch_deviation"] + 2
    assert told(np.random.default_rng(0).normal(0, 0.3, TIME_S.size))["voiced"] < 0.02


def test_lines_that_stay_are_told_from_lines_that_move_and_from_none() -> None:
    noise = told(np.random.default_rng(0).normal(0, 0.3, TIME_S.size))
    moving = told(buzz(200 * 2 ** (0.5 * np.sin(2 * np.pi * 1.5 * TIME_S))))
    steady = told(buzz(200))
    for name in ("lines_kept_3", "lines_kept_8", "lines_always"):
        assert noise[name] < 0.25
        assert steady[name] > 0.8
        assert moving[name] < steady[name] - 0.3
    assert noise["flatness"] > steady["flatness"]


def test_bands_that_move_together_are_told_from_bands_that_do_not() -> None:
    noise = np.random.default_rng(0).normal(0, 0.3, TIME_S.size)
    beaten = noise * (0.05 + np.maximum(0, np.sin(2 * np.pi * 4 * TIME_S)))
    assert told(beaten)["bands_farther"] > 0.7
    assert abs(told(noise)["bands_farther"]) < 0.1
