"""Synthetic speech: reproducible from its seed, and emotions differ in their prosody."""

from __future__ import annotations

import builtins
import csv
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emotone.audio import synthetic
from emotone.audio.synthetic import clip, espeak
from emotone.errors import EmotoneError, MissingExtra, UnknownName

pytest.importorskip("espeakng_loader")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.write(tmp_path_factory.mktemp("synthetic"), seed=3, speakers=4, sentences=synthetic.SENTENCES[:3])


def test_every_speaker_says_every_sentence_in_every_emotion(corpus: Path) -> None:
    rows = table(corpus)
    assert list(rows[0]) == ["file", "speaker", "emotion", "sex", "sentence", "language"]
    assert len({(row["speaker"], row["emotion"], row["sentence"]) for row in rows}) == len(rows) == 4 * 5 * 3
    assert {(row["speaker"], row["sex"]) for row in rows} == {
        ("s01", "male"), ("s02", "female"), ("s03", "male"), ("s04", "female")
    }  # fmt: skip


def test_every_clip_is_audible_16_khz_speech_that_does_not_clip(corpus: Path) -> None:
    for row in table(corpus):
        samples, rate_hz = soundfile.read(corpus.parent / row["file"])
        assert rate_hz == 16_000
        assert 0.6 < len(samples) / rate_hz < 6, row["file"]
        assert np.sqrt(np.mean(samples**2)) > 0.005, row["file"]
        assert np.abs(samples).max() < 1, row["file"]


@pytest.mark.parametrize("sound", ["speech", "syllables"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_different_ones(tmp_path: Path, sound: Any) -> None:
    few: dict[str, Any] = {"speakers": 3, "emotions": ["happy", "sad"], "sentences": ["Hello there."], "sound": sound}
    first, again, other = (
        everything(synthetic.write(tmp_path / name, seed=seed, **few).parent)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again
    assert all(first[name] != other[name] for name in first if name.endswith(".flac"))


def test_a_sad_clip_is_slower_and_softer_than_an_angry_one_of_the_same_voice(corpus: Path) -> None:
    measured: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in table(corpus):
        samples, rate_hz = soundfile.read(corpus.parent / row["file"])
        measured.setdefault((row["speaker"], row["emotion"]), []).append(
            (len(samples) / rate_hz, float(np.std(samples)))
        )
    for speaker in ("s01", "s02", "s03", "s04"):
        sad, angry = (np.mean(measured[speaker, emotion], axis=0) for emotion in ("sad", "angry"))
        assert sad[0] > 1.2 * angry[0]
        assert sad[1] < 0.6 * angry[1]


def test_unseen_speakers_are_classified_well_above_chance_but_not_perfectly(tmp_path: Path) -> None:
    """Nearest class mean of band levels and length, without speaker normalisation; the chance level is 20 %."""
    rows = table(synthetic.write(tmp_path, speakers=6, sentences=synthetic.SENTENCES[:4]))
    values = []
    for row in rows:
        samples, rate_hz = soundfile.read(tmp_path / row["file"])
        power = np.abs(np.fft.rfft(samples)) ** 2
        hz = np.fft.rfftfreq(len(samples), 1 / rate_hz)
        bands = [power[(hz >= low) & (hz < 1.5 * low)].sum() for low in 80 * 1.5 ** np.arange(11)]
        values.append([*np.log(bands), np.log(len(samples))])
    features, truth = np.array(values), np.array([row["emotion"] for row in rows])
    speaker = np.array([row["speaker"] for row in rows])
    right = []
    for name in np.unique(speaker):
        train, test = speaker != name, speaker == name
        scaled = (features - features[train].mean(axis=0)) / features[train].std(axis=0)
        labels = np.unique(truth)
        means = np.array([scaled[train & (truth == label)].mean(axis=0) for label in labels])
        nearest = ((scaled[test][:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
        right.extend(labels[nearest] == truth[test])
    assert 0.4 < np.mean(right) < 0.95


def test_a_clip_does_not_depend_on_the_other_emotions_of_the_corpus(tmp_path: Path) -> None:
    for name, emotions in (("one", ["sad"]), ("two", ["angry", "sad"])):
        synthetic.write(tmp_path / name, speakers=1, emotions=emotions, sentences=["Hello."], sound="syllables")
    file = "s01/s01_sad_1.flac"
    assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("emotion", sorted(synthetic.PROSODY))
def test_syllables_of_every_emotion_are_finite_and_of_the_requested_length(emotion: str) -> None:
    samples = synthetic.syllables(emotion, speaker=1, seed=4, seconds=0.7)
    assert samples.shape == (11_200,)
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    assert 0.005 < np.abs(samples).max() < 1


def test_an_unknown_emotion_is_named_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'happy'"):
        synthetic.write(tmp_path / "none", emotions=["happpy"])
    assert not (tmp_path / "none").exists()
    with pytest.raises(UnknownName, match="happpy"):
        synthetic.syllables("happpy")


def test_without_the_package_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*args: Any, **settings: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], espeak.NO_PACKAGE, "", "")

    monkeypatch.setattr(subprocess, "run", answer)
    with pytest.raises(MissingExtra, match=r"emotone\[train\]"):
        synthetic.write(tmp_path, speakers=1)


def test_the_speaking_process_reports_a_missing_package_by_its_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **settings: Any) -> Any:
        if name == "espeakng_loader":
            raise ImportError(name)
        return real(name, *args, **settings)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert espeak.speak() == espeak.NO_PACKAGE


def test_a_failure_of_the_speaking_process_is_reported_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip, "_ACCENTS", ("en-nowhere",))
    with pytest.raises(EmotoneError, match="no voice en-nowhere"):
        synthetic.write(tmp_path, speakers=1)
