"""Steady tones, and nothing else, are removed from a recording, in training and in prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone import augment, features
from emotone.audio import read as audio
from emotone.audio import synthetic
from emotone.audio.read import RATE_HZ, AudioSettings, Samples
from emotone.audio.steady_tones import remove_steady_tones
from emotone.audio.synthetic.prosody import PROSODY
from emotone.data import corpora
from emotone.data.utterance import Table, Utterance
from emotone.experiments import train as experiment
from emotone.features.extraction import extract as extraction
from emotone.inference.predictor import load_model
from emotone.runs import recipe as recipes
from scripts.speech_gate.sounds import sound


def speech(seconds: float = 2.0, emotion: str = "angry", speaker: int = 0) -> Samples:
    return synthetic.syllables(emotion, speaker=speaker, seconds=seconds)


def tone(hz: float, like: Samples, below_db: float, phase: float = 0.0, rate_hz: int = RATE_HZ) -> Samples:
    """(samples,) a sine of another sound's length, its peak `below_db` below that of the sound."""
    size = np.abs(like).max() * 10 ** (-below_db / 20)
    return np.asarray(size * np.sin(2 * np.pi * hz * np.arange(like.size) / rate_hz + phase), dtype=np.float32)


def left_db(kept: Samples, clean: Samples, added: Samples) -> float:
    """Level of the residue relative to the added sound, in dB."""
    return float(10 * np.log10(np.mean(np.square(kept - clean)) / np.mean(np.square(added))))


@given(hz=st.floats(3000, 7600), below_db=st.floats(20, 45), phase=st.floats(0, 6.28), seconds=st.floats(0.8, 4))
@settings(max_examples=40, deadline=None)
def test_a_tone_below_speech_is_removed_and_the_speech_is_kept(
    hz: float, below_db: float, phase: float, seconds: float
) -> None:
    clean = speech(seconds)
    added = tone(hz, clean, below_db, phase)
    assert left_db(remove_steady_tones(clean + added, RATE_HZ), clean, added) < -15


@given(hz=st.floats(100, 3000), below_db=st.floats(15, 50), seconds=st.floats(0.8, 3))
@settings(max_examples=40, deadline=None)
def test_at_the_frequencies_of_speech_a_tone_is_removed_or_left(hz: float, below_db: float, seconds: float) -> None:
    clean = speech(seconds)
    added = tone(hz, clean, below_db)
    assert left_db(remove_steady_tones(clean + added, RATE_HZ), clean, added) < 0.1


@pytest.mark.parametrize("rate_hz", [8000, 22_050, 44_100])
def test_several_tones_are_removed_at_any_rate(rate_hz: int) -> None:
    clean = audio.resample(speech(), RATE_HZ, rate_hz)
    added = tone(3111.1, clean, 40, rate_hz=rate_hz) + tone(3456.7, clean, 45, rate_hz=rate_hz)
    assert left_db(remove_steady_tones(clean + added, rate_hz), clean, added) < -15


def test_other_sounds_are_not_changed() -> None:
    half_tone = speech(3.0)
    half_tone[: half_tone.size // 2] += tone(5555, half_tone, 40)[: half_tone.size // 2]
    gliding = speech(3.0)
    moments = np.arange(gliding.size) / RATE_HZ
    gliding += np.float32(0.01) * np.sin(2 * np.pi * (3000 + 20 * moments) * moments).astype(np.float32)
    others = [sound("noise", kind, seconds=2.0) for kind in ("white", "pink")]
    short = speech(0.4)
    clips = [speech(2.0, emotion, speaker) for emotion in PROSODY for speaker in (0, 1)]
    silence = np.zeros(RATE_HZ, dtype=np.float32)
    for samples in (half_tone, gliding, *others, short + tone(5555, short, 40), *clips, silence, silence[:1]):
        assert remove_steady_tones(samples, RATE_HZ) is samples


class AddTone(augment.Augmentation):
    """The clip with a steady tone."""

    domains = ("waveform",)

    def __call__(self, values: Samples, rng: np.random.Generator, rate_hz: int) -> Samples:
        return values + tone(6021, values, 40, rate_hz=rate_hz)


def test_tones_are_removed_before_augmentation(tmp_path: Path) -> None:
    clean = speech()
    soundfile.write(tmp_path / "clean.wav", clean, RATE_HZ, subtype="FLOAT")
    soundfile.write(tmp_path / "noisy.wav", clean + tone(6021, clean, 40), RATE_HZ, subtype="FLOAT")
    table = Table(
        Utterance(corpus="x", id=name, file=tmp_path / f"{name}.wav", speaker="a", emotion="sad")
        for name in ("clean", "noisy")
    )
    feature = features.make("functionals")
    apart = {}
    for tones in ("keep", "remove"):
        values = extraction.extract(table, feature, AudioSettings(tones=tones), cache=None, workers=1)
        apart[tones] = np.abs(values[0] - values[1]).max()
    assert apart["remove"] < 0.05 * apart["keep"]
    first = table.take([0])
    copy = extraction.extract_copies(
        first,
        extraction.Copies([0], [1], [AddTone()], seed=0),
        feature,
        AudioSettings(tones="remove"),
        cache=None,
        workers=1,
    )
    np.testing.assert_allclose(copy[0], extraction.extract(table, feature, AudioSettings(), cache=None, workers=1)[1])


def test_a_model_trained_without_tones_predicts_without_them(syllables: Path, tmp_path: Path) -> None:
    content: dict[str, Any] = {
        "title": "means",
        "data": {"corpora": [str(syllables)], "folds": 2, "run_folds": 1},
        "feature": {"name": "mean_std", "mels": 16, "coefficients": 6},
        "model": "ridge",
    }
    clean = speech()
    noisy = clean + tone(6021, clean, 35)
    moved = {}
    for tones in ("keep", "remove"):
        run = experiment.train(recipes.parse(content | {"audio": {"tones": tones}}), out=tmp_path / tones)
        model = load_model(run.folder)
        quiet, loud = (model.probabilities(samples, RATE_HZ) for samples in (clean, noisy))
        moved[tones] = float(np.abs(quiet - loud).max())
    assert moved["remove"] < 0.01 < moved["keep"]
    assert model.predict(tone(1000, clean, 0), RATE_HZ).reason == "no_speech", "the gate gets the clip with its tone"


@pytest.mark.real
def test_no_clip_of_the_real_corpora_has_a_steady_tone(real_data: Path) -> None:
    for name in ("ravdess", "emodb", "nemo", "tess"):
        for row in list(corpora.make(name).read(real_data / name))[::10]:
            samples = audio.read(row.file)
            assert remove_steady_tones(samples, RATE_HZ) is samples, row.file
