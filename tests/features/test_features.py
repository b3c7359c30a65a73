"""What every feature promises, and what each computes, by a second way."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import librosa
import numpy as np
import pytest
import scipy.fft
from pydantic import ValidationError

from emotone.audio import fourier as _fourier
from emotone.audio.spectrum import frames, power_spectrum
from emotone.features import Feature, make, shelf
from emotone.features._delta import delta
from tests.helpers.sounds import Clip, babble, noise

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


def test_scoring_and_the_classic_features_do_without_what_importing_scipy_fft_brings() -> None:
    code = (
        "import sys\nfrom emotone.inference import predictor\nfrom emotone.features import make\n"
        "for name in ('functionals', 'log_mel'):\n    make(name)\n"
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
