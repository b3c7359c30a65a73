"""What every feature promises, and what each computes, by a second way."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import librosa
import numpy as np
import pytest
import scipy.fft
from numpy.typing import NDArray
from pydantic import ValidationError

from emotone.features import Feature, _fourier, make, shelf
from emotone.features._delta import delta
from emotone.features._pitch import track_in_spectra
from emotone.features._shape import NAMES as SHAPE_NAMES
from emotone.features._shape import spectral_shape
from emotone.features._spectrum import frames, power_spectrum
from emotone.features._speech import speech
from emotone.features._statistics import STATISTICS, statistics

Clip = NDArray[np.float32]


def buzz(pitch_hz: float | NDArray[np.float64], rate_hz: int = 16_000, seconds: float = 1.0) -> Clip:
    """A tone of up to ten harmonics below half the rate, of one pitch or of a pitch per sample."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(pitch_hz, round(seconds * rate_hz))) / rate_hz
    harmonics = range(1, min(10, int(0.45 * rate_hz / np.max(pitch_hz))) + 1)
    return np.asarray(0.1 * sum(np.sin(harmonic * phase) / harmonic for harmonic in harmonics), dtype=np.float32)


def noise(rate_hz: int, seconds: float = 2.0, seed: int = 0) -> Clip:
    """Noise that swells by 60 dB."""
    samples = np.random.default_rng(seed).standard_normal(round(seconds * rate_hz))
    return np.asarray(samples * np.geomspace(1e-3, 1, samples.size), dtype=np.float32)


def babble(seed: int = 0, rate_hz: int = 16_000) -> Clip:
    """Syllables of moving pitch with noise between them."""
    chance = np.random.default_rng(seed)
    parts = []
    for _ in range(6):
        seconds = chance.uniform(0.08, 0.25)
        glide = np.geomspace(*chance.uniform(120, 300, 2), round(seconds * rate_hz))
        parts += [buzz(glide, rate_hz, seconds), 0.01 * chance.standard_normal(round(0.06 * rate_hz))]
    return np.concatenate(parts).astype(np.float32)


CLIPS = {
    "silence": np.zeros(16_000, dtype=np.float32),
    "one sample": np.array([0.5], dtype=np.float32),
    "50 ms": noise(16_000, 0.05),
    "a constant": np.full(8_000, 0.25, dtype=np.float32),
    "a click": np.eye(1, 8_000, 4_000, dtype=np.float32)[0],
    "hardly audible": 1e-6 * noise(16_000, 0.5),
    "noise": noise(16_000, 0.5),
    "babble": babble(),
}


NEEDED = {"encoder": {"checkpoint": "random:wav2vec2"}}
"""Settings without a default."""


@pytest.fixture(params=shelf.names())
def feature(request: pytest.FixtureRequest) -> Feature:
    return make(request.param, **NEEDED.get(request.param, {}))


@pytest.mark.parametrize("clip", CLIPS.values(), ids=CLIPS)
def test_every_clip_gives_finite_numbers_of_the_promised_kind(feature: Feature, clip: Clip) -> None:
    values = feature.extract(clip, 16_000)
    assert values.dtype == np.float32
    assert values.ndim == {"vector": 1, "sequence": 2, "image": 3, "waveform": 1}[feature.kind]
    assert np.isfinite(values).all()
    if feature.kind in ("vector", "sequence"):
        assert values.shape[-1] == len(feature.names) == len(set(feature.names))


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_every_feature_takes_every_usual_rate(feature: Feature, rate_hz: int) -> None:
    values = feature.extract(noise(rate_hz, 0.4), rate_hz)
    assert np.isfinite(values).all()
    if feature.kind in ("vector", "sequence"):
        assert values.shape[-1] == len(feature.names)


def test_a_feature_with_a_source_is_computed_from_it(feature: Feature) -> None:
    if feature.source is not None:
        clip = babble()
        again = feature.of_source(feature.source.extract(clip, 16_000))
        np.testing.assert_array_equal(again, feature.extract(clip, 16_000))


def test_correlations_of_cepstra_are_those_of_numpy_and_hear_no_microphone() -> None:
    feature = make("cepstral_correlations", coefficients=3, lags=(0, 2))
    values = np.random.default_rng(0).normal(scale=20, size=(50, 64)).astype(np.float32)
    cepstrum = scipy.fft.dct(values, axis=1, norm="ortho")[:, :3]
    found = feature.of_source(values)
    assert found[3] == pytest.approx(np.corrcoef(cepstrum[:, 0], cepstrum[:, 1])[0, 1], abs=0.03)
    later = np.corrcoef(cepstrum[:-2, 2], cepstrum[2:, 1])[0, 1]
    assert dict(zip(feature.names, found, strict=True))["lag_2.2.1"] == pytest.approx(later, abs=0.06)
    colour = np.linspace(-20, 20, 64, dtype=np.float32)
    np.testing.assert_allclose(feature.of_source(values + colour), found, atol=1e-4)


def test_a_feature_leaves_the_clip_as_it_was(feature: Feature) -> None:
    clip = babble()
    before = clip.copy()
    first = feature.extract(clip, 16_000)
    assert np.array_equal(clip, before)
    assert np.array_equal(first, feature.extract(clip, 16_000))


MEL_SETTINGS: list[dict[str, Any]] = [
    {},
    {"mels": 40, "n_fft": 512, "hop": 160, "window_length": 400, "fmin_hz": 40, "fmax_hz": 3800, "mel_scale": "htk"},
    {"mels": 64, "power": 1, "ref": "max", "top_db": 60, "centre": False},
    {"mels": 26, "n_fft": 1024, "hop": 333, "amin": 1e-5, "top_db": None},
]


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050])
@pytest.mark.parametrize("settings", MEL_SETTINGS)
def test_log_mel_and_mfcc_are_those_of_librosa(settings: dict[str, Any], rate_hz: int) -> None:
    clip = noise(rate_hz)
    log_mel = make("log_mel", **settings).model_dump()
    mel = librosa.feature.melspectrogram(
        y=clip,
        sr=rate_hz,
        n_fft=log_mel["n_fft"],
        hop_length=log_mel["hop"],
        win_length=log_mel["window_length"],
        center=log_mel["centre"],
        power=log_mel["power"],
        n_mels=log_mel["mels"],
        fmin=log_mel["fmin_hz"],
        fmax=log_mel["fmax_hz"],
        htk=log_mel["mel_scale"] == "htk",
    )
    ref = np.max if log_mel["ref"] == "max" else 1.0
    decibels = librosa.power_to_db(mel, ref=ref, amin=log_mel["amin"], top_db=log_mel["top_db"])
    np.testing.assert_allclose(make("log_mel", **settings).extract(clip, rate_hz), decibels.T, atol=1e-4, rtol=0)
    np.testing.assert_allclose(
        make("log_mel", **settings, log="ln").extract(clip, rate_hz), np.log(mel.T + 1e-8), atol=1e-4, rtol=0
    )
    cepstrum = librosa.feature.mfcc(S=decibels, n_mfcc=20, lifter=0)
    changes = [librosa.feature.delta(cepstrum, order=order) for order in (1, 2)]
    np.testing.assert_allclose(
        make("mfcc", **settings, deltas=2).extract(clip, rate_hz),
        np.concatenate([cepstrum, *changes]).T,
        atol=1e-4,
        rtol=0,
    )


@pytest.mark.parametrize(("width", "order"), [(3, 1), (5, 1), (9, 1), (5, 2), (9, 2)])
def test_a_delta_is_that_of_librosa(width: int, order: int) -> None:
    values = np.random.default_rng(0).standard_normal((31, 4)).astype(np.float32)
    np.testing.assert_allclose(
        delta(values, width, order), librosa.feature.delta(values.T, width=width, order=order).T, atol=1e-5
    )


def test_a_delta_of_a_short_clip_is_defined() -> None:
    np.testing.assert_allclose(delta(np.ones((1, 3), dtype=np.float32)), np.zeros((1, 3)), atol=1e-6)
    rising = delta(np.arange(4, dtype=np.float32)[:, None])
    assert rising.shape == (4, 1)
    assert (rising > 0).all()


@pytest.mark.parametrize("rate_hz", [16_000, 22_050])
@pytest.mark.parametrize(("frame", "hop", "centre"), [(2048, 512, True), (400, 160, True), (1000, 300, False)])
def test_rms_and_zero_crossings_are_those_of_librosa(rate_hz: int, frame: int, hop: int, centre: bool) -> None:
    clip = babble(rate_hz=rate_hz)
    settings: dict[str, Any] = {"frame": frame, "hop": hop, "centre": centre}
    rms = librosa.feature.rms(y=clip, frame_length=frame, hop_length=hop, center=centre)
    np.testing.assert_allclose(make("rms", **settings).extract(clip, rate_hz), rms.T, atol=1e-6)
    crossings = librosa.feature.zero_crossing_rate(clip, frame_length=frame, hop_length=hop, center=centre)
    np.testing.assert_allclose(make("zero_crossing_rate", **settings).extract(clip, rate_hz), crossings.T, atol=1e-7)


def test_a_long_clip_gives_what_its_parts_give() -> None:
    clip = noise(8_000, 20)  # more frames than are transformed at once
    log_mel = make("log_mel", mels=20, n_fft=256, hop=64, centre=False, top_db=None)
    whole = log_mel.extract(clip, 8_000)
    assert len(whole) > 2048
    np.testing.assert_allclose(whole[2000:2100], log_mel.extract(clip[2000 * 64 :], 8_000)[:100], atol=1e-4)


@pytest.mark.parametrize("compiled", [True, False])
def test_transforms_are_those_of_scipy(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not compiled:
        monkeypatch.setattr(_fourier, "_pocketfft", None)
    values = np.random.default_rng(0).standard_normal((3, 101)).astype(np.float32)
    for n in (None, 101, 128):
        spectra = scipy.fft.rfft(values, n)
        found = _fourier.rfft(values, n)
        assert found.dtype == np.complex64
        assert np.array_equal(found, spectra)
    for some in (spectra, np.abs(spectra)):
        for n in (128, 256):
            assert np.array_equal(_fourier.irfft(some, n), scipy.fft.irfft(some, n))
    assert [_fourier.next_fast_len(n) for n in range(1, 999)] == [
        scipy.fft.next_fast_len(n, real=True) for n in range(1, 999)
    ]


def test_spectra_in_pieces_are_those_of_the_whole() -> None:
    framed = frames(noise(16_000), 400, 160)
    windowed = framed * np.hanning(401)[:-1]
    assert power_spectrum(framed, 512) == pytest.approx(np.abs(np.fft.rfft(windowed, 512)) ** 2, rel=1e-3, abs=1e-6)
    assert power_spectrum(framed[:0], 512).shape == (0, 257)


def test_the_features_of_the_default_model_do_without_what_importing_scipy_fft_brings() -> None:
    code = (
        "import sys\nfrom emotone import predictor\nfrom emotone.features import make\n"
        "for name in ('functionals', 'log_mel', 'cepstral_correlations'):\n    make(name)\n"
        "assert 'scipy.fft' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_averaged_frames_are_means_of_their_neighbours() -> None:
    clip = babble()[:16_000]
    plain, thirds = (make("log_mel", hop=160, average=count).extract(clip, 16_000) for count in (1, 3))
    assert len(thirds) == -(-len(plain) // 3)
    by_hand = [plain[first : first + 3].mean(axis=0) for first in range(0, len(plain), 3)]
    np.testing.assert_allclose(thirds, by_hand, atol=1e-4)


def test_normalising_a_clip_removes_its_colour() -> None:
    clip = babble()
    centred = make("log_mel", normalise="clip_mean").extract(clip, 16_000)
    np.testing.assert_allclose(centred.mean(axis=0), 0, atol=1e-3)
    scaled = make("log_mel", normalise="clip").extract(clip, 16_000)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("log_mel", {"window_length": 4096}),
        ("log_mel", {"fmin_hz": 500, "fmax_hz": 400}),
        ("mfcc", {"coefficients": 41, "mels": 40}),
        ("mfcc", {"delta_width": 8}),
        ("pitch", {"fmin_hz": 400}),
        ("functionals", {"fmin_hz": 400}),
        ("functionals", {"coefficients": 32, "mels": 32}),
        ("log_mel", {"mel": 40}),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make(name, **settings)


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


def test_functionals_do_not_hear_the_gain() -> None:
    clip = babble()
    for gain in (0.5, 0.03, 4.0):
        np.testing.assert_allclose(
            make("functionals").extract(gain * clip, 16_000),
            make("functionals").extract(clip, 16_000),
            atol=2e-2,
            rtol=1e-2,
        )


def test_descriptors_name_what_they_measure_and_bridge_the_pitch_of_pauses() -> None:
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


def test_contours_hear_no_microphone_in_their_bands_and_leave_the_descriptors_as_they_are() -> None:
    feature, clip = make("contours"), babble()
    values = make("descriptors").extract(clip, 16_000)
    before, coloured = values.copy(), values.copy()
    coloured[:, :32] += np.linspace(-3, 3, 32, dtype=np.float32)
    np.testing.assert_allclose(feature.of_source(coloured), feature.of_source(values), atol=1e-4)
    np.testing.assert_array_equal(values, before)
    np.testing.assert_array_equal(feature.of_source(values)[:, 32:], values[:, 32:])


def test_functionals_with_level_tell_it_in_decibels() -> None:
    feature, clip = make("functionals", level=True), babble()
    at = feature.names.index("level.mean_db")
    louder, softer = feature.extract(clip, 16_000)[at], feature.extract(clip / 2, 16_000)[at]
    assert louder - softer == pytest.approx(6.02, abs=0.01)


def test_functionals_do_not_hear_silence_around_a_clip_that_fades() -> None:
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
    import scipy.stats

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
    said = speech(babble(rate_hz=rate_hz), rate_hz, floor_db=50.0)
    shape = spectral_shape(said.power, said.decibels, said.power.T, said.bin_hz)
    hz = np.arange(said.power.shape[1]) * said.bin_hz
    heard = np.where(hz >= 60, said.power, 0).T
    centroid = librosa.feature.spectral_centroid(S=heard, freq=hz)[0]
    spread = librosa.feature.spectral_bandwidth(S=heard, freq=hz)[0]
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
    said = speech(clip, rate_hz, floor_db=50.0)
    return track_in_spectra(
        said.power,
        said.energy_db > -30,
        bin_hz=said.bin_hz,
        window_s=said.window / rate_hz,
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
