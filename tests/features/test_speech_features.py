"""What the features of speech measure: pitch, voice, shape of the spectrum, and functionals."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.stats

from emotone.features import make
from emotone.features._pitch import track_in_spectra
from emotone.features._shape import NAMES as SHAPE_NAMES
from emotone.features._shape import spectral_shape
from emotone.features._speech import speech
from emotone.features._statistics import STATISTICS, statistics
from tests.helpers.sounds import Clip, babble, buzz


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("pitch_hz", [65.0, 90.0, 123.4, 220.0, 333.3, 480.0])
def test_the_pitch_of_a_tone_is_found_within_one_percent(pitch_hz: float, rate_hz: int) -> None:
    for tone in (buzz(pitch_hz, rate_hz, 0.6), np.sin(2 * np.pi * pitch_hz * np.arange(rate_hz // 2) / rate_hz)):
        found = make("pitch").extract(tone.astype(np.float32), rate_hz)[5:-5]
        np.testing.assert_allclose(found[:, 0], pitch_hz, rtol=0.01)
        assert (found[:, 1] > 0.9).all()


def test_the_pitch_of_a_glide_is_followed_within_one_percent() -> None:
    glide = np.geomspace(100, 350, 32_000)
    found = make("pitch").extract(buzz(glide, seconds=2.0), 16_000)[5:-5, 0]
    np.testing.assert_allclose(found, glide[800:31_360:160], rtol=0.01)


def test_noise_and_silence_have_no_pitch() -> None:
    hiss = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    assert (make("pitch").extract(hiss, 16_000)[:, 0] > 0).mean() < 0.02
    assert not make("pitch").extract(np.zeros(16_000, dtype=np.float32), 16_000).any()
    half = np.concatenate([buzz(150), np.zeros(16_000, dtype=np.float32)])
    voiced = make("pitch").extract(half, 16_000)[:, 0] > 0
    assert voiced[5:95].all()
    assert not voiced[105:].any()


def test_strength_of_voicing_is_the_periodic_share_of_the_power() -> None:
    tone = buzz(200.0, seconds=3.0)
    hiss = np.random.default_rng(0).standard_normal(tone.size).astype(np.float32)
    mixed = tone / tone.std() + hiss / hiss.std() / 2  # shares 4 : 1
    strength = make("pitch").extract(mixed, 16_000)[5:-5, 1]
    assert abs(float(strength.mean()) - 0.8) < 0.03


def test_functionals_do_not_depend_on_the_gain() -> None:
    clip = babble()
    for gain in (0.5, 0.03, 4.0):
        np.testing.assert_allclose(
            make("functionals").extract(gain * clip, 16_000),
            make("functionals").extract(clip, 16_000),
            atol=2e-2,
            rtol=1e-2,
        )


def test_descriptors_have_names_and_interpolate_the_pitch_of_pauses() -> None:
    low, high, pause = buzz(110.0, seconds=0.5), buzz(220.0, seconds=0.5), np.zeros(6_400, dtype=np.float32)
    pause += 1e-3 * np.random.default_rng(0).normal(size=pause.size).astype(np.float32)
    feature = make("descriptors")
    values = feature.extract(np.concatenate([low, pause, high]), 16_000)
    named = dict(zip(feature.names, values.T, strict=True))
    voiced, pitch = named["voiced"] > 0, named["pitch_semitones"]
    assert len(values) == pytest.approx(1.4 / 0.016, abs=3)
    np.testing.assert_allclose(pitch[5:25], 12, atol=0.2)
    np.testing.assert_allclose(pitch[-25:-5], 24, atol=0.2)
    silent = np.flatnonzero(~voiced)
    assert 15 < silent.size < 35
    steps = np.diff(pitch[silent[0] : silent[-1] + 1])
    assert steps.min() > 0
    assert named["energy_db"][:25].mean() > named["energy_db"][silent].mean() + 20
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    of_tone = dict(zip(feature.names, feature.extract(tone, 16_000).mean(axis=0).tolist(), strict=True))
    assert of_tone["centroid"] == pytest.approx(0, abs=0.05)  # octaves over 1 kHz


def test_functionals_with_level_measure_it_in_decibels() -> None:
    feature, clip = make("functionals", level=True), babble()
    at = feature.names.index("level.mean_db")
    louder, softer = feature.extract(clip, 16_000)[at], feature.extract(clip / 2, 16_000)[at]
    assert louder - softer == pytest.approx(6.02, abs=0.01)


def test_functionals_do_not_depend_on_silence_around_a_clip_that_fades() -> None:
    clip = babble()
    clip[:800] *= np.linspace(0, 1, 800, dtype=np.float32) ** 3
    clip[-800:] *= np.linspace(1, 0, 800, dtype=np.float32) ** 3
    plain = make("functionals").extract(clip, 16_000)
    for before, behind in ((100, 0), (1000, 0), (0, 777), (1234, 5000)):
        padded = make("functionals").extract(np.pad(clip, (before, behind)), 16_000)
        np.testing.assert_allclose(padded, plain, atol=2e-2, rtol=1e-2)


def test_functionals_name_what_they_measure() -> None:
    feature = make("functionals")
    numbers = dict(zip(feature.names, feature.extract(buzz(220.0, seconds=2.0), 16_000).tolist(), strict=True))
    assert numbers["pitch.semitones.mean"] == pytest.approx(24, abs=0.1)
    assert numbers["pitch.semitones.median"] == pytest.approx(24, abs=0.1)
    assert numbers["rhythm.voiced_share"] > 0.95
    assert numbers["rhythm.log_seconds"] == pytest.approx(np.log(2.0), abs=0.03)
    rising = feature.extract(buzz(np.geomspace(150, 300, 32_000), seconds=2.0), 16_000)
    assert rising[feature.names.index("pitch.semitones.slope")] == pytest.approx(6, abs=0.3)


def test_statistics_are_those_of_numpy_and_scipy() -> None:

    contours = np.random.default_rng(0).gamma(2.0, size=(3, 40)).astype(np.float32)
    found = dict(zip(STATISTICS, statistics(contours), strict=True))
    time = np.linspace(-1, 1, 40)
    bend, slope, _ = np.polyfit(time, contours.T, 2)
    by_hand = {
        "mean": contours.mean(axis=1),
        "std": contours.std(axis=1),
        "change": np.abs(contours[:, 2:] - contours[:, :-2]).mean(axis=1),
        "skewness": scipy.stats.skew(contours, axis=1),
        "slope": slope,
        "bend": bend,
    }
    assert found.keys() == by_hand.keys()
    for name, values in by_hand.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-3, err_msg=name)


@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_centroid_and_spread_are_those_of_librosa(rate_hz: int) -> None:
    spectra = speech(babble(rate_hz=rate_hz), rate_hz, floor_db=50.0)
    shape = spectral_shape(spectra.power, spectra.decibels, spectra.power.T, spectra.bin_hz)
    hz = np.arange(spectra.power.shape[1]) * spectra.bin_hz
    audible = np.where(hz >= 60, spectra.power, 0).T
    centroid = librosa.feature.spectral_centroid(S=audible, freq=hz)[0]
    spread = librosa.feature.spectral_bandwidth(S=audible, freq=hz)[0]
    np.testing.assert_allclose(shape[SHAPE_NAMES.index("centroid")], np.log2(centroid / 1000), atol=1e-3)
    np.testing.assert_allclose(shape[SHAPE_NAMES.index("spread")], np.log2(spread / 1000), atol=1e-2)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("pitch_hz", [70.0, 123.4, 220.0, 333.3, 480.0])
def test_the_pitch_is_found_in_spectra_too(pitch_hz: float, rate_hz: int) -> None:
    found = pitch_in_spectra(buzz(pitch_hz, rate_hz, 0.6), rate_hz)[4:-4]
    np.testing.assert_allclose(found, pitch_hz, rtol=0.02)


def test_spectra_of_noise_have_hardly_a_pitch_and_those_of_syllables_the_one_of_the_pitch_feature() -> None:
    hiss = np.random.default_rng(0).standard_normal(32_000).astype(np.float32)
    assert (pitch_in_spectra(hiss, 16_000) > 0).mean() < 0.02
    quick = pitch_in_spectra(babble(3), 16_000)
    slow = make("pitch").extract(babble(3), 16_000)[:, 0]
    np.testing.assert_allclose(np.median(quick[quick > 0]), np.median(slow[slow > 0]), rtol=0.05)


def pitch_in_spectra(clip: Clip, rate_hz: int) -> Clip:
    spectra = speech(clip, rate_hz, floor_db=50.0)
    return track_in_spectra(
        spectra.power,
        spectra.energy_db > -30,
        bin_hz=spectra.bin_hz,
        window_s=spectra.window / rate_hz,
        fmin_hz=60.0,
        fmax_hz=600.0,
    )[0]


def test_the_centres_of_the_formants_regions_follow_the_tract() -> None:
    import scipy.signal

    feature = make("functionals")

    def centres(formants_hz: tuple[int, int, int]) -> list[float]:
        sound = np.zeros(16_000)
        sound[::133] = 1  # 120 Hz
        for hz in formants_hz:
            radius = np.exp(-np.pi * 90 / 16_000)
            sound = scipy.signal.lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * hz / 16_000), radius**2], sound)
        numbers = feature.extract((0.1 * sound).astype(np.float32), 16_000)
        return [1000 * 2 ** float(numbers[feature.names.index(f"shape.formant_{n}.mean")]) for n in (1, 2, 3)]

    assert centres((500, 1200, 2600)) == pytest.approx([500, 1200, 2600], rel=0.1)
    assert centres((650, 1500, 2300)) == pytest.approx([650, 1500, 2300], rel=0.1)
