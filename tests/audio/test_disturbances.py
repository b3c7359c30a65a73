"""Properties of every disturbance, and independent checks of levels, responses, codecs and rooms."""

from __future__ import annotations

import io

import numpy as np
import pytest
import scipy.signal
import soundfile
from numpy.typing import NDArray

from emotone.audio import synthetic
from emotone.audio.disturbances import GROUPS, Disturbance
from emotone.audio.disturbances._levels import peak, rms
from emotone.audio.disturbances._reverberation import Room
from emotone.audio.disturbances.spectral_tilt import tilt
from emotone.audio.disturbances.telephone import a_law_levels, compressed, mu_law_levels, quantised

RATE_HZ = 16_000
ALL = {disturbance.name: disturbance for group in GROUPS for disturbance in group.disturbances}
SMALL, BACKGROUND, TELEPHONE, RECORDING, TILT = (
    [disturbance.name for disturbance in group.disturbances] for group in GROUPS
)
SPEECH = synthetic.syllables("happy", seed=3, seconds=1.0)
IMPULSE = np.eye(1, 8192, dtype=np.float32)[0]


def disturbed(name: str, samples: NDArray[np.float32], seed: int = 1, rate_hz: int = RATE_HZ) -> NDArray[np.float32]:
    return ALL[name](samples, rate_hz, np.random.default_rng(seed))


def added(name: str, seed: int = 1) -> NDArray[np.float64]:
    """The difference between the disturbed and the original speech."""
    return disturbed(name, SPEECH, seed).astype(np.float64) - SPEECH


def db(ratio: float) -> float:
    return float(20 * np.log10(ratio))


def test_names_are_unique_and_every_disturbance_is_described() -> None:
    assert len(ALL) == sum(len(group.disturbances) for group in GROUPS)
    for disturbance in ALL.values():
        assert disturbance.about.endswith("."), f"{disturbance.name} needs a docstring: one sentence"


@pytest.mark.parametrize("disturbance", ALL.values(), ids=ALL)
def test_a_disturbance_depends_on_its_rng_alone_and_leaves_its_input(disturbance: Disturbance) -> None:
    before = SPEECH.copy()
    first, again = (disturbance(SPEECH, RATE_HZ, np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(SPEECH, before)
    assert not np.array_equal(first, SPEECH)


@pytest.mark.parametrize("rate_hz", [8000, 44_100])
@pytest.mark.parametrize("disturbance", ALL.values(), ids=ALL)
def test_short_clips_are_accepted_and_silence_stays_silent(disturbance: Disturbance, rate_hz: int) -> None:
    for length in (1, 7, 2000):
        loud = disturbance(SPEECH[3000 : 3000 + length], rate_hz, np.random.default_rng(2))
        assert loud.dtype == np.float32
        assert loud.ndim == 1
        assert loud.size > 0
        assert np.isfinite(loud).all()
        silent = disturbance(np.zeros(length, dtype=np.float32), rate_hz, np.random.default_rng(2))
        assert silent.size > 0
        assert not silent.any()


@pytest.mark.parametrize("name", [*BACKGROUND, *TELEPHONE, *TILT])
def test_there_is_no_delay_and_the_length_stays(name: str) -> None:
    changed = disturbed(name, SPEECH).astype(np.float64)
    assert changed.size == SPEECH.size
    loudness = [np.convolve(np.abs(sound), np.ones(80), "same") for sound in (changed, SPEECH)]
    alike = scipy.signal.correlate(*loudness, "full", method="fft")
    assert abs(int(alike.argmax()) - SPEECH.size + 1) <= 40, "2.5 ms"


@pytest.mark.parametrize("name", RECORDING)
def test_the_direct_sound_has_no_delay_and_reverberation_adds_no_length(name: str) -> None:
    click = np.roll(IMPULSE, 2000)
    changed = np.abs(disturbed(name, click))
    assert changed.size == click.size
    assert changed.argmax() == 2000
    assert changed[:2000].max() < 1e-3 * changed.max()


@pytest.mark.parametrize("name", [*TELEPHONE, *RECORDING, *TILT])
def test_the_level_stays_and_nothing_is_louder_than_full_scale(name: str) -> None:
    assert rms(disturbed(name, SPEECH)) == pytest.approx(rms(SPEECH), rel=1e-3)
    full = (SPEECH / peak(SPEECH)).astype(np.float32)
    assert peak(disturbed(name, full)) <= 1 + 1e-6


def test_gain_is_one_or_two_decibels() -> None:
    gains = {round(db(rms(disturbed("gain", SPEECH, seed)) / rms(SPEECH)), 3) for seed in range(30)}
    assert gains == {-2, -1, 1, 2}


@pytest.mark.parametrize(
    ("name", "kept"), [("zeros before", slice(-SPEECH.size, None)), ("zeros after", slice(0, SPEECH.size))]
)
def test_zeros_are_put_at_one_end(name: str, kept: slice) -> None:
    lengths = set()
    for seed in range(20):
        changed = disturbed(name, SPEECH, seed)
        np.testing.assert_array_equal(changed[kept], SPEECH)
        assert np.count_nonzero(changed) == np.count_nonzero(SPEECH)
        lengths.add(changed.size - SPEECH.size)
    assert lengths == {100, 500, 1000}


@pytest.mark.parametrize("name", ["crop start", "crop end"])
def test_a_crop_takes_from_one_end_and_never_more_than_half(name: str) -> None:
    lengths = set()
    for seed in range(20):
        changed = disturbed(name, SPEECH, seed)
        lengths.add(SPEECH.size - changed.size)
        rest = SPEECH[-changed.size :] if name == "crop start" else SPEECH[: changed.size]
        np.testing.assert_array_equal(changed, rest)
        assert disturbed(name, SPEECH[:150], seed).size >= 75
    assert lengths == {100, 500, 1000}


def test_clipping_changes_the_stated_share_of_samples() -> None:
    for seed in range(10):
        changed = disturbed("clipping", SPEECH, seed)
        share = np.mean(np.abs(changed) >= peak(changed) * (1 - 1e-6))
        assert 0.0005 < share < 0.0035


@pytest.mark.parametrize(
    ("name", "corners_hz", "above"), [("high pass", (50, 100, 150), True), ("low pass", (6500, 7000, 7500), False)]
)
def test_filters_are_of_first_order_at_their_corners(name: str, corners_hz: tuple[int, ...], above: bool) -> None:
    hz = np.fft.rfftfreq(IMPULSE.size, 1 / RATE_HZ)[1:-1]
    warped = np.tan(np.pi * hz / RATE_HZ)  # the bilinear transform's axis
    met = set()
    for seed in range(20):
        response = np.abs(np.fft.rfft(disturbed(name, IMPULSE, seed)))[1:-1]
        for corner_hz in corners_hz:
            ratio = warped / np.tan(np.pi * corner_hz / RATE_HZ)
            expected = (ratio if above else 1) / np.sqrt(1 + ratio**2)
            if np.allclose(response, expected, atol=2e-3):
                met.add(corner_hz)
    assert met == set(corners_hz)


def test_small_noise_and_tone_have_the_stated_levels() -> None:
    noises = {round(db(rms(SPEECH) / rms(added("white noise", seed))), 1) for seed in range(30)}
    assert noises == {35, 40, 45}
    for seed in range(10):
        tone = added("tone", seed)
        assert min(abs(db(peak(SPEECH) / peak(tone)) - asked) for asked in (40, 45, 50)) < 0.1
        loudest_hz = np.abs(np.fft.rfft(tone)).argmax() * RATE_HZ / tone.size
        assert 4990 < loudest_hz < 7010


@pytest.mark.parametrize("name", ["white background", "babble", "environment", "music"])
def test_a_background_is_20_db_below_the_speech(name: str) -> None:
    for seed in range(3):
        assert db(rms(SPEECH) / rms(added(name, seed))) == pytest.approx(20, abs=0.01)


@pytest.mark.parametrize("name", ["cough", "sneeze"])
def test_a_burst_is_10_db_below_the_speech_while_it_lasts(name: str) -> None:
    starts = set()
    for seed in range(5):
        burst = added(name, seed)
        lasts = np.flatnonzero(np.abs(burst) > 1e-6)
        assert lasts[-1] - lasts[0] < 0.9 * SPEECH.size
        assert db(rms(SPEECH) / rms(burst[lasts[0] : lasts[-1]])) == pytest.approx(10, abs=0.5)
        starts.add(int(lasts[0]))
    assert len(starts) > 1


@pytest.mark.parametrize(("levels", "subtype"), [(mu_law_levels(), "ULAW"), (a_law_levels(), "ALAW")])
def test_g711_equals_libsndfile(levels: NDArray[np.float64], subtype: str) -> None:
    every = np.arange(-32768, 32768).astype(np.int16)
    written = io.BytesIO()
    soundfile.write(written, every, 8000, format="WAV", subtype=subtype)
    written.seek(0)
    theirs = soundfile.read(written, dtype="int16")[0] / 32768
    ours = quantised(every / 32768, levels)
    np.testing.assert_array_equal(np.unique(theirs), np.unique(ours))
    assert np.mean(ours != theirs) < 0.02, "only where two levels are equally near, or nearly so"
    assert (np.abs(ours - every / 32768) <= np.abs(theirs - every / 32768) + 1e-9).all()


@pytest.mark.parametrize("name", ["narrow band", "g711", "gsm", "opus"])
def test_nothing_above_4_khz_comes_through_a_telephone(name: str) -> None:
    noise = (0.1 * np.random.default_rng(0).standard_normal(2 * RATE_HZ)).astype(np.float32)
    power = np.abs(np.fft.rfft(disturbed(name, noise))) ** 2
    hz = np.fft.rfftfreq(noise.size, 1 / RATE_HZ)
    assert power[hz > 4200].sum() < 1e-3 * power.sum()
    assert power[(hz > 500) & (hz < 3000)].sum() > 0.5 * power.sum()


def test_compression_reduces_differences_above_its_threshold_to_a_quarter() -> None:
    turn = 2 * np.pi * 500 / RATE_HZ * np.arange(RATE_HZ)
    loud, softer, soft = (np.sin(turn) * 10 ** (level / 20) for level in (0, -12, -40))
    parts = np.split(compressed(np.concatenate([loud, softer, soft]), RATE_HZ), 3)
    levels = [db(rms(part[RATE_HZ // 4 : -RATE_HZ // 4])) for part in parts]
    assert levels[0] - levels[1] == pytest.approx(12 / 4, abs=0.2)
    assert levels[1] - levels[2] == pytest.approx(8 / 4 + 20, abs=0.2)


@pytest.mark.parametrize(("room", "distance_m"), [(Room((3.5, 4, 2.6), 0.4), 1.0), (Room((12, 10, 4), 0.9), 3.0)])
def test_a_room_has_its_reverberation_time_and_the_expected_level(room: Room, distance_m: float) -> None:
    seconds, ratios_db = [], []
    for seed in range(10):
        response = room.response(distance_m, RATE_HZ, np.random.default_rng(seed))
        assert response[0] == pytest.approx(1)
        left_db = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1] / np.sum(response**2))  # Schroeder 1965
        seconds.append(3 * (np.argmax(left_db < -25) - np.argmax(left_db < -5)) / RATE_HZ)
        ratios_db.append(-10 * np.log10(np.sum(response[1:] ** 2)))
    assert np.mean(seconds) == pytest.approx(room.rt60_s, rel=0.15)
    critical_m = 0.057 * np.sqrt(np.prod(room.size_m) / room.rt60_s)  # where voice and reverberation are as loud
    assert np.mean(ratios_db) == pytest.approx(db(critical_m / distance_m), abs=1.5)


def test_a_far_microphone_gets_more_reverberation() -> None:
    rest = {
        name: np.mean([np.sum(disturbed(name, IMPULSE, seed)[1:] ** 2) for seed in range(5)])
        for name in ("living room", "far microphone")
    }
    assert rest["far microphone"] > rest["living room"]


def test_a_reflection_combs_and_an_off_axis_microphone_is_duller() -> None:
    response = disturbed("table reflection", IMPULSE)
    (later,) = np.flatnonzero(response[1:]) + 1
    assert 0.0004 <= later / RATE_HZ <= 0.00206
    spectrum = np.abs(np.fft.rfft(response, 2 * later * 64))
    assert spectrum.argmin() % 128 == 64, "the first notch lies at half of one by the delay"
    duller = np.abs(np.fft.rfft(disturbed("off axis", IMPULSE)))
    assert 5 < db(duller[1] / duller[-2]) < 13


@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_a_tilt_is_three_decibels_per_octave(rate_hz: int) -> None:
    taps = tilt(3.0, rate_hz)
    gain_db = 20 * np.log10(np.abs(np.fft.rfft(taps, rate_hz)))  # a hertz per bin
    assert gain_db[4000] - gain_db[500] == pytest.approx(9, abs=0.3)
    assert gain_db[500] == pytest.approx(6, abs=0.3)
    np.testing.assert_allclose(taps, taps[::-1], atol=1e-12)
