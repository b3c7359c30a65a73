"""The speech gate: sounds of every family are refused, speech is not, and every refusal has a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emotone.audio import read as audio
from emotone.audio import synthetic
from emotone.audio.read import RATE_HZ, Samples
from emotone.audio.synthetic.prosody import PROSODY
from emotone.data import corpora
from emotone.inference import speech_gate
from emotone.inference.shipped import SHIPPED
from emotone.inference.speech_gate import Verdict, combined, judge
from emotone.inference.speech_model import open_model
from scripts.speech_gate import recording
from scripts.speech_gate.sounds import FAMILIES, sound


def voice(seconds: float = 1.5, speaker: int = 0, emotion: str = "neutral") -> Samples:
    return synthetic.syllables(emotion, speaker=speaker, seconds=seconds)


@pytest.fixture(scope="module")
def voices() -> list[Samples]:
    """Every emotion by two synthetic speakers."""
    return [voice(1.5, speaker, emotion) for emotion in PROSODY for speaker in (2, 3)]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> list[Samples]:
    """Sentences by espeak-ng."""
    pytest.importorskip("espeakng_loader")
    root = tmp_path_factory.mktemp("spoken")
    synthetic.write(root, seed=5, speakers=4, emotions=("angry", "sad"), sentences=synthetic.SENTENCES[2:4])
    return [audio.read(path) for path in sorted(root.rglob("*.flac"))]


@pytest.mark.parametrize("family", FAMILIES)
def test_few_sounds_of_any_family_pass(family: str) -> None:
    kinds = FAMILIES[family]
    passed = [
        f"{kind}, seed {seed}"
        for kind in kinds
        for seed in range(10, 14)
        if not judge(sound(family, kind, seconds=2.5, seed=seed)).reason
    ]
    assert len(passed) <= max(1, 0.05 * 4 * len(kinds)), passed
    if family in ("noise", "silence", "machines"):
        assert not passed


def test_voices_pass_in_every_emotion(voices: list[Samples], spoken: list[Samples]) -> None:
    refused = [verdict for verdict in map(judge, [*voices, *spoken]) if verdict.reason]
    assert not refused


MELODY = sound("music", "melody", seconds=6)
DISTURBED: dict[str, Callable[[Samples, np.random.Generator], np.ndarray]] = {
    "noise at 20 dB": lambda speech, rng: recording.with_noise(speech, rng, 20),
    "music at 15 dB": lambda speech, rng: recording.mixed(speech, MELODY[: speech.size], 15),
    "telephone": lambda speech, rng: recording.by_telephone(speech, rng),
    "in a room": lambda speech, rng: recording.in_a_room(speech, rng, reverberation_s=0.4),
    "40 dB quieter": lambda speech, rng: speech * 0.01,
    "pauses": lambda speech, rng: recording.with_noise(np.pad(speech, (RATE_HZ, 2 * RATE_HZ)), rng, 45),
    "clipped lightly": lambda speech, rng: np.clip(speech, *np.quantile(speech, [0.0015, 0.9985])),
    "an offset": lambda speech, rng: speech + 0.2,
}  # fmt: skip


@pytest.mark.parametrize("disturbance", DISTURBED)
def test_disturbed_voices_pass(disturbance: str, voices: list[Samples], spoken: list[Samples]) -> None:
    rng = np.random.default_rng(0)
    speech = [*voices[::2], *spoken]
    reasons = [judge(DISTURBED[disturbance](clip, rng).astype(np.float32)).reason for clip in speech]
    assert sum(map(bool, reasons)) <= 1, reasons


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(0, np.float32), "too_short"),
        (voice()[:1], "too_short"),
        (voice()[8000:10000], "too_short"),
        (np.pad(voice()[8000:10000], 16000), "too_short"),
        (np.zeros(16000, np.float32), "too_quiet"),
        (np.full(16000, 0.3, np.float32), "too_quiet"),
        (voice() * np.float32(1e-4), "too_quiet"),
        (np.sin(np.arange(16000) / 6).astype(np.float32), "no_speech"),
        (np.sign(np.sin(np.arange(16000) / 6)).astype(np.float32), "no_speech"),
        (np.random.default_rng(0).normal(0, 0.1, 32000).astype(np.float32), "no_speech"),
    ],
    ids=[
        *("empty", "one-sample", "an-eighth-of-a-second", "short-in-zeros", "zeros", "offset", "whisper-quiet"),
        *("tone", "square-wave", "noise"),
    ],
)
def test_a_refused_sound_gets_its_reason(samples: Samples, reason: str) -> None:
    assert judge(samples).reason == reason


def cut_off(speech: Samples, share: float) -> Samples:
    """The share of the sounding samples on a plateau."""
    size = np.abs(speech)
    most = np.quantile(size[size > 1e-3 * size.max()], 1 - share)
    return np.clip(speech, -most, most)


def test_the_clipped_share_is_measured_also_after_resampling(spoken: list[Samples]) -> None:
    for speech in spoken[::3]:
        assert judge(speech).clipped < 0.06
        assert judge(cut_off(speech, 0.003)).reason == ""
        for share in (0.2, 0.3):
            assert judge(cut_off(speech, share)).clipped == pytest.approx(share, rel=0.25)
            faster = cut_off(audio.resample(speech, RATE_HZ, 44_100), share)
            assert judge(audio.resample(faster, 44_100, RATE_HZ)).clipped > speech_gate.CLIPPED  # the plateau ripples
    assert {judge(cut_off(speech, 0.25)).reason for speech in spoken} == {"clipped"}


def test_levels_are_those_of_a_sine() -> None:
    sine = 0.5 * np.sin(2 * np.pi * 200 * np.arange(8000) / RATE_HZ)
    found = judge(np.pad(sine, 8000).astype(np.float32))
    assert found.peak_db == pytest.approx(20 * np.log10(0.5), abs=0.01)
    assert found.rms_db == pytest.approx(20 * np.log10(0.5 / np.sqrt(2 * 3)), abs=0.01)
    assert found.sounding_s == pytest.approx(0.5, abs=0.011)


def test_the_level_is_not_a_cue(voices: list[Samples]) -> None:
    for speech in voices[:4]:
        loud, quiet = judge(speech), judge(speech * np.float32(0.01))
        assert quiet.speech == pytest.approx(loud.speech, abs=0.05)
        assert quiet.peak_db == pytest.approx(loud.peak_db - 40, abs=0.01)


def verdict(reason: speech_gate.Reason, speech: float = 0.1, peak_db: float = -20.0) -> Verdict:
    return Verdict(peak_db, -30.0, 0.02, 1.0, reason, speech)


def test_one_stretch_of_speech_is_enough_and_else_the_most_frequent_reason_counts() -> None:
    found = combined([verdict("no_speech"), verdict("", 0.9), verdict("too_quiet", 0.0, -70.0)])
    assert (found.reason, found.speech, found.peak_db, found.sounding_s) == ("", 0.9, -20.0, 3.0)
    assert found.rms_db == pytest.approx(-30)
    assert combined([verdict("too_quiet"), verdict("no_speech"), verdict("no_speech")]).reason == "no_speech"
    assert combined([verdict("clipped", 0.8), verdict("no_speech")]).speech == 0.8
    assert combined([verdict("clipped", 0.8)]) == verdict("clipped", 0.8)


def test_a_long_recording_needs_one_stretch_of_speech() -> None:
    noise = sound("noise", "pink", seconds=24)
    assert judge(noise).reason == "no_speech"
    noise[:] *= np.float32(0.05)
    noise[16 * RATE_HZ : 21 * RATE_HZ] += voice(5.0, 1)
    assert judge(noise).reason == ""


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, st.integers(0, 3000), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_any_finite_samples_get_a_verdict(samples: Samples) -> None:
    found = judge(samples)
    assert found.reason in ("", "too_short", "too_quiet", "no_speech", "clipped")
    assert np.isfinite(found.speech)
    assert 0 <= found.clipped <= 1
    assert np.isfinite([found.peak_db, found.rms_db, found.sounding_s]).all()


def test_scores_of_a_model_take_the_place_of_those_of_the_gate() -> None:
    noise = sound("noise", "pink", seconds=3)
    assert judge(noise, 1.5).reason == ""
    assert judge(voice(), -0.1).reason == "no_speech"
    assert judge(np.zeros(16_000, dtype=np.float32), 1.5).reason == "too_quiet"


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_model_tells_speech_from_other_sounds(name: str, spoken: list[Samples]) -> None:
    model = open_model(SHIPPED[name], 1)
    others = [sound(family, kind, seconds=2.0, seed=3) for family in ("noise", "machines") for kind in FAMILIES[family]]
    for clips, speech in ((spoken[:4], True), (others[:6], False)):
        pieces = [piece for clip in clips for piece in model.features(clip, [(0.0, clip.size / RATE_HZ)])]
        found = model.run(pieces).speech
        assert found is not None
        assert ((found >= 0) == speech).all()


@pytest.mark.real
@pytest.mark.parametrize("name", ["ravdess", "emodb", "tess", "nemo"])
def test_real_speech_is_not_refused(name: str, real_data: Path) -> None:
    clips = list(corpora.make(name).read(real_data / name))
    refused = [clip.id for clip in clips if judge(audio.read(clip.file)).reason]
    assert len(refused) <= 0.01 * len(clips), refused
