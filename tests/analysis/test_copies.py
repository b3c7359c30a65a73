"""Copies: one recording on both sides is found, changed or not, and two takes are never called copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emotone.analysis.audit.audit import audit
from emotone.analysis.audit.fingerprint import COPY, RATE_HZ, Fingerprint, agreement, unpacked
from emotone.audio import read as audio
from emotone.augment._stretch import stretch
from emotone.data import corpora, splits
from tests.helpers.splits import clean_rows, found, ravdess_rows, real, table, twenty_clips, voice


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return twenty_clips(tmp_path_factory.mktemp("sounds"))


def test_the_same_samples_in_another_file_are_a_leak(sounds: Path, tmp_path: Path) -> None:
    sound, rate_hz = soundfile.read(sounds / "17.wav", dtype="int16")
    soundfile.write(tmp_path / "other name.flac", sound, rate_hz)
    rows = [{**row, "file": str(sounds / row["file"])} for row in clean_rows()]
    rows.append({"file": "other name.flac", "split": "train", "speaker": "s0", "text": ""})
    leaks_found = found(table(tmp_path, rows))
    (proof,) = leaks_found["same_audio"].proof
    assert (proof["tested"], proof["training"]) == (str(sounds / "17.wav"), "other name.flac")
    assert set(leaks_found) == {"same_audio"}


def test_a_file_on_both_sides_is_a_leak_and_twice_in_training_is_not(sounds: Path) -> None:
    twice = [*clean_rows(), clean_rows()[1]]
    assert found(table(sounds, twice)) == {}
    across = [*clean_rows(), {**clean_rows()[1], "split": "test", "speaker": "s9"}]
    assert found(table(sounds, across))["same_audio"].affected == {"1.wav#2"}


def test_stretches_of_one_file_leak_where_they_overlap(sounds: Path) -> None:
    def rows(start_s: float) -> Path:
        parts = [("train", 0.0, 0.8, "a"), ("test", start_s, 1.6, "b")]
        return table(
            sounds,
            [{"file": "3.wav", "split": side, "start": a, "end": b, "speaker": who} for side, a, b, who in parts],
        )

    assert found(rows(0.8)) == {}
    assert found(rows(0.7))["same_audio"].affected == {"3.wav@0.7"}


@pytest.mark.parametrize("how", ["mp3", "ogg", "quieter", "start", "end", "slower", "faster"])
def test_near_copies_are_found_among_twenty_clips(how: str, sounds: Path, tmp_path: Path) -> None:
    sound, rate_hz = soundfile.read(sounds / "16.wav", dtype="float32")
    changed = {
        "start": lambda: sound[len(sound) // 10 :],
        "end": lambda: sound[: -len(sound) // 10],
        "slower": lambda: stretch(sound, rate_hz, speed=0.9),
        "faster": lambda: stretch(sound, rate_hz, speed=1.1),
    }.get(how, lambda: sound * np.float32(10 ** (-3 / 20)))()
    name = f"copy.{how if how in ('mp3', 'ogg') else 'wav'}"
    soundfile.write(tmp_path / name, changed, rate_hz)
    rows = [{**row, "file": str(sounds / row["file"])} for row in clean_rows()]
    rows.append({"file": name, "split": "train", "speaker": "nobody", "text": ""})
    leak = found(table(tmp_path, rows))["near_copies"]
    assert [(proof["tested"], proof["training"]) for proof in leak.proof] == [(str(sounds / "16.wav"), name)]


def test_two_sounds_agree_at_chance_level_and_a_sound_agrees_with_itself() -> None:
    prints = [unpacked(Fingerprint().extract(voice(seed, rate_hz=RATE_HZ), RATE_HZ)) for seed in range(6)]
    assert agreement(prints[0], prints[0]) == pytest.approx(1.0)
    assert max(agreement(prints[0], other) for other in prints[1:]) < COPY / 2
    silent = unpacked(Fingerprint().extract(np.zeros(8000, dtype=np.float32), RATE_HZ))
    assert agreement(silent, silent) == 0.0


def test_declared_copies_leak_also_if_their_source_is_absent(sounds: Path) -> None:
    rows = [{**row, "source": ""} for row in clean_rows()]
    rows[0]["source"] = "19.wav"
    rows[1]["source"] = rows[18]["source"] = "long gone.wav"
    leak = found(table(sounds, rows))["declared_copies"]
    assert leak.affected == {"18.wav", "19.wav"}


def test_many_copies_across_sides_are_reported_as_copied_before_splitting(sounds: Path) -> None:
    rows = clean_rows()
    copies = [{**rows[number], "split": "test", "speaker": "s9"} for number in range(5)]
    assert "copied_before_splitting" not in found(table(sounds, [*rows, *copies[:4]]))
    assert len(found(table(sounds, [*rows, *copies]))["copied_before_splitting"].affected) == 5


def test_a_published_duplicate_is_named_as_the_corpus_s_own(tmp_path: Path) -> None:
    names = ("03-01-03-01-02-01-07.wav", "03-01-03-01-02-02-07.wav")
    rows = []
    for name, side in zip(names, ("train", "test"), strict=True):
        soundfile.write(tmp_path / name, voice(1), 16_000)
        rows.append({"file": name, "split": side})
    (result,) = audit(table(tmp_path, rows))
    assert result.verdict == "clean"
    assert any("corpus's own duplicate" in finding.message for finding in result.findings)


# --- on real corpora -----------------------------------------------------------------------------------------


@pytest.mark.real
def test_ten_copies_of_ravdess_clips_are_named_and_no_others(real_data: Path, tmp_path: Path) -> None:
    rows = ravdess_rows(real_data, by_speaker=True)
    tested = [row["file"] for row in rows if row["split"] == "test"]
    expected = set()
    for number, file in enumerate(np.random.default_rng(1).choice(np.array(tested, dtype=object), 10, replace=False)):
        sound = audio.read(file, 48_000) * np.float32(10 ** (-3 / 20))
        cut = len(sound) // 10
        stretched = [stretch(sound, 48_000, speed=speed) for speed in (0.9, 1.1)]
        sound = [sound, sound[cut:], sound[:-cut], *stretched][number % 5]
        name = f"copy{number}.{'ogg' if number % 2 else 'mp3'}"
        soundfile.write(tmp_path / name, sound, 48_000)
        rows.append({"file": name, "split": "train", "speaker": "somebody"})
        expected.add((str(file), name))
    leak = found(table(tmp_path, rows))["near_copies"]
    assert {(proof["tested"], proof["training"]) for proof in leak.proof} == expected


@pytest.mark.real
@pytest.mark.parametrize("name", ["ravdess", "emodb", "tess", "nemo"])
@pytest.mark.parametrize("protocol", ["speakers", "random"])
def test_no_two_takes_of_a_corpus_are_called_copies(name: str, protocol: Any, real_data: Path) -> None:
    from emotone.analysis.audit import copies
    from emotone.features.extraction import cache as blocks

    clips = real(real_data, name)
    folds = splits.folds(clips, clips.column("emotion"), protocol, default_folds={name: corpora.published(name).folds})
    prints, failures = copies.fingerprints(clips, cache=blocks.folder())
    assert prints is not None
    assert not failures
    pairs = copies.across(prints, folds, np.arange(len(clips)))
    names = {(clips[pair.first].id, clips[pair.second].id) for pair in pairs}
    assert names <= {("03-01-03-01-02-01-07", "03-01-03-01-02-02-07")}  # RAVDESS's own duplicate
