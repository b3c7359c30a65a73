"""Synthetic sounds without speech, for the speech gate: reproducible from their seed, of the requested length."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.audio.read import RATE_HZ
from emotone.errors import UnknownName
from scripts.speech_gate import recording
from scripts.speech_gate.sounds import FAMILIES, sound

KINDS = [(family, kind) for family, kinds in FAMILIES.items() for kind in kinds]
SILENT = {"digital", "dither", "offset", "room", "bumped"}


@pytest.mark.parametrize(("family", "kind"), KINDS, ids=[kind for _, kind in KINDS])
def test_every_kind_has_the_requested_length_and_depends_on_its_seed_alone(family: str, kind: str) -> None:
    first, again, other = (sound(family, kind, seconds=0.7, seed=seed) for seed in (1, 1, 2))
    assert first.shape == (round(0.7 * RATE_HZ),)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)
    assert kind == "digital" or not np.array_equal(first, other)
    assert kind in SILENT or np.abs(first).max() == pytest.approx(0.5, rel=1e-5)


def test_names_of_kinds_are_unique() -> None:
    assert len({kind for _, kind in KINDS}) == len(KINDS)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'noise'"):
        sound("noises", "white")
    with pytest.raises(UnknownName, match="did you mean 'white'"):
        sound("noise", "whit")


def tone(seconds: float = 1.0, hz: float = 1000.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)


def power(samples: np.ndarray, low_hz: float, high_hz: float) -> float:
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    hz = np.fft.rfftfreq(samples.size, 1 / RATE_HZ)
    return float(spectrum[(hz >= low_hz) & (hz < high_hz)].sum())


def test_recording_keeps_the_length_and_rounds_to_16_bits() -> None:
    clip = tone().astype(np.float32)
    for seed in range(25):
        changed = recording.recorded(clip, np.random.default_rng(seed))
        assert changed.shape == clip.shape
        assert np.abs(changed).max() <= 1
        assert -46 < 20 * np.log10(np.abs(changed).max()) <= 0.01
        np.testing.assert_array_equal(changed * 32768, np.round(changed * 32768))
    np.testing.assert_array_equal(changed, recording.recorded(clip, np.random.default_rng(24)))
    assert not recording.recorded(np.zeros(800, np.float32), np.random.default_rng(0)).any()


def test_a_mixed_sound_has_the_requested_ratio() -> None:
    both = recording.mixed(tone(hz=500), 0.01 * tone(hz=3000), 20)
    assert power(both, 400, 600) / power(both, 2900, 3100) == pytest.approx(100, rel=1e-3)
    paused = np.concatenate([tone(hz=500), np.zeros(RATE_HZ)])
    both = recording.mixed(paused, tone(2, hz=3000), 20)  # pauses do not count
    assert power(both, 400, 600) / power(both, 2900, 3100) == pytest.approx(100 / 2, rel=0.05)


def test_a_telephone_passes_its_band_and_a_room_reverberates() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(RATE_HZ)
    changed = recording.by_telephone(noise, rng)
    assert power(changed, 0, 150) < 0.02 * power(noise, 0, 150)
    assert power(changed, 5000, 8000) < 0.02 * power(noise, 5000, 8000)
    assert power(changed, 500, 3000) == pytest.approx(power(noise, 500, 3000), rel=0.1)
    click = np.zeros(RATE_HZ)
    click[100] = 1
    tail = recording.in_a_room(click, rng, reverberation_s=0.5)
    assert np.abs(tail[:100]).max() < 1e-12
    early, late = (float(np.square(tail[start : start + 1600]).sum()) for start in (800, 5600))
    assert 10 * np.log10(early / late) == pytest.approx(60 * 0.3 / 0.5, abs=4)  # 60 dB in half a second
