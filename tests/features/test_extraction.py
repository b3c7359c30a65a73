"""Features of a table: complete, with failures named, cached on disk in complete blocks."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from emotone import augment
from emotone.audio import read as audio
from emotone.audio.read import AudioSettings
from emotone.data.utterance import Table, Utterance
from emotone.errors import AudioError, LengthMismatch, ModelError, RecipeError, TableError
from emotone.features import Feature, Values, make
from emotone.features.extraction.extract import BLOCK, Copies, extract, extract_copies
from emotone.features.extraction.feature_set import FeatureSet, Joined
from tests.conftest import REPOSITORY

RATE_HZ = 8_000
AS_IT_IS = AudioSettings(rate_hz=RATE_HZ)
SHORT = make("log_mel", mels=8, n_fft=256, hop=128)


class Counted(Feature):
    """The first samples of a clip; counts how often it is asked."""

    kind = "vector"
    asked: int = 0

    def extract(self, samples: Values, rate_hz: int) -> Values:
        COUNT.append(samples.size)
        return samples[:4]


COUNT: list[int] = []


class Shifted(augment.Augmentation):
    """The clip plus one random number."""

    domains = ("waveform",)

    def __call__(self, values: NDArray[np.float32], rng: np.random.Generator, rate_hz: int) -> NDArray[np.float32]:
        return values + np.float32(rng.uniform(0.1, 0.2))


def clips(folder: Path, count: int, corpus: str = "synthetic") -> Table:
    """Clips of noise, each of another length and content."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(count):
        path = folder / f"{number:04d}.wav"
        noise = np.random.default_rng(number).uniform(-0.5, 0.5, 400 + 16 * (number % 40))
        soundfile.write(path, noise.astype(np.float32), RATE_HZ)
        rows.append(Utterance(corpus, f"{number:04d}", path, "sad", f"{corpus}/{number % 3}"))
    return Table(rows)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return clips(tmp_path / "sounds", 10)


def same(one: FeatureSet, other: FeatureSet) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_each_row_is_what_the_feature_gives_for_that_clip(table: Table, tmp_path: Path) -> None:
    settings = AudioSettings(rate_hz=RATE_HZ, normalise="peak")
    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
        found = extract(table, SHORT, settings, cache=cache)
        assert [row.key for row in found.table] == [row.key for row in table]
        for utterance, values in zip(table, found, strict=True):
            assert np.array_equal(values, SHORT.extract(settings(audio.read(utterance.file, RATE_HZ)), RATE_HZ))
        assert found.lengths.tolist() == [len(values) for values in found]
        assert found.shape == (max(found.lengths), 8)


def test_a_stretch_of_a_file_is_a_clip_of_its_own(table: Table, tmp_path: Path) -> None:
    first = table[0]
    halves = Table([replace(first, id="a", end_s=0.02), replace(first, id="b", start_s=0.02)])
    found = extract(halves, make("mean_std", per="matrix"), AS_IT_IS, cache=tmp_path)
    complete = audio.read(first.file, RATE_HZ)
    assert found[0][0] == pytest.approx(complete[:160].mean(), abs=1e-6)
    assert found[1][0] == pytest.approx(complete[160:].mean(), abs=1e-6)


def test_what_is_on_disk_is_not_computed_again(table: Table, tmp_path: Path) -> None:
    cache = tmp_path / "cache"

    def computed(clips: Table, feature: Feature | None = None, settings: AudioSettings = AS_IT_IS) -> int:
        COUNT.clear()
        extract(clips, feature or Counted(), settings, cache=cache, workers=1)
        return len(COUNT)

    assert computed(table) == 10
    assert computed(table) == 0
    assert computed(table, settings=AudioSettings(rate_hz=4_000)) == 10
    assert computed(table, Counted(asked=1)) == 10
    assert computed(Table(replace(row, start_s=0.01) for row in table)) == 10

    moved = clips(tmp_path / "elsewhere", 10)
    assert computed(moved) == 0, "content counts, not the path"
    soundfile.write(moved[3].file, np.full(600, 0.1, dtype=np.float32), RATE_HZ)
    assert computed(moved) == 10, "a changed file is read again"
    other = clips(tmp_path / "other", 3, corpus="another")
    assert computed(other + table) == 3, "corpora do not share blocks"


def test_a_newer_version_of_a_feature_is_computed_again(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(table, Counted(), AS_IT_IS, cache=tmp_path, workers=1)
    monkeypatch.setattr(Counted, "version", 2)
    COUNT.clear()
    extract(table, Counted(), AS_IT_IS, cache=tmp_path, workers=1)
    assert len(COUNT) == 10


def test_clips_that_cannot_be_read_are_named_and_tried_again(table: Table, tmp_path: Path) -> None:
    table[2].file.write_bytes(b"")
    table[5].file.unlink()
    found = extract(table, SHORT, AS_IT_IS, cache=tmp_path / "cache")
    assert [failure.key for failure in found.failures] == [table[2].key, table[5].key]
    assert [row.key for row in found.table] == [row.key for n, row in enumerate(table) if n not in (2, 5)]
    key, file, reason = found.failures[0]
    assert (key, file) == (table[2].key, table[2].file)
    assert "0 bytes" in reason
    clips(tmp_path / "sounds", 10)
    assert not extract(table, SHORT, AS_IT_IS, cache=tmp_path / "cache").failures


def test_numbers_that_are_not_finite_are_a_failure(table: Table) -> None:
    class Broken(Counted):
        def extract(self, samples: Values, rate_hz: int) -> Values:
            return samples[:4] if samples.size > 450 else np.full(4, np.nan, dtype=np.float32)

    failures = extract(table, Broken(), AS_IT_IS, cache=None).failures
    assert [failure.key for failure in failures] == [row.key for row in table[:4]]


def test_nothing_readable_or_nothing_at_all_is_an_error(table: Table) -> None:
    for row in table:
        row.file.unlink()
    with pytest.raises(AudioError, match="none of 10 clips"):
        extract(table, SHORT, AS_IT_IS, cache=None)
    with pytest.raises(TableError, match="no clips"):
        extract(Table([]), SHORT, AS_IT_IS, cache=None)


def test_batches_are_padded_with_zeros(table: Table) -> None:
    found = extract(table, SHORT, AS_IT_IS, cache=None)
    batch, lengths = found.padded([9, 0, 4])
    assert batch.shape == (3, max(lengths), 8)
    for values, length, row in zip(batch, lengths, (9, 0, 4), strict=True):
        assert np.array_equal(values[:length], found[row])
        assert not values[length:].any()


def test_a_dense_array_needs_one_length(table: Table) -> None:
    with pytest.raises(ModelError, match=r"audio\.seconds"):
        extract(table, SHORT, AS_IT_IS, cache=None).dense()
    found = extract(table, SHORT, AudioSettings(rate_hz=RATE_HZ, seconds=0.1), cache=None)
    assert found.dense().shape == (10, *found.shape)
    assert np.array_equal(found.dense([3, 1]), np.stack([found[3], found[1]]))


def test_processes_give_what_one_process_gives(tmp_path: Path) -> None:
    table = clips(tmp_path / "sounds", 2 * BLOCK + 5)
    alone = extract(table, SHORT, AS_IT_IS, cache=None, workers=1)
    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
        assert same(alone, extract(table, SHORT, AS_IT_IS, cache=cache, workers=2))
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 3


def test_a_copy_depends_on_seed_clip_and_number_alone(table: Table, tmp_path: Path) -> None:
    def copies(rows: list[int], numbers: list[int], seed: int = 0, cache: Path | None = None) -> FeatureSet:
        feature = make("mean_std", per="matrix")
        return extract_copies(table, Copies(rows, numbers, [Shifted()], seed), feature, AS_IT_IS, cache=cache)

    first = copies([1, 1, 7], [1, 2, 1])
    assert [row.id for row in first.table] == ["0001#1", "0001#2", "0007#1"]
    assert [row.speaker for row in first.table] == [table[row].speaker for row in (1, 1, 7)]
    assert np.array_equal(copies([7, 1], [1, 2])[1], first[1])
    cached = [copies([1, 1, 7], [1, 2, 1], cache=tmp_path) for _ in range(2)]
    assert same(cached[0], first)
    assert same(cached[1], first)
    assert not np.array_equal(first[0], first[1])
    assert not same(copies([1, 1, 7], [1, 2, 1], seed=1, cache=tmp_path), first)


def test_copies_are_changed_before_the_audio_is_preprocessed(table: Table) -> None:
    settings = AudioSettings(rate_hz=RATE_HZ, normalise="peak")
    first = Copies([0], [1], [Shifted()], seed=0)
    found = extract_copies(table, first, make("rms"), settings, cache=None)
    plain = extract(table, make("rms"), settings, cache=None)
    assert not np.allclose(found[0], plain[0])

    class Peak(Counted):
        def extract(self, samples: Values, rate_hz: int) -> Values:
            return np.array([np.abs(samples).max()], dtype=np.float32)

    peak = extract_copies(table, first, Peak(), settings, cache=None)[0]
    assert peak[0] == pytest.approx(1.0)


def test_invalid_copies_are_refused(table: Table) -> None:
    def copies(rows: list[int], numbers: list[int], change: augment.Augmentation) -> FeatureSet:
        return extract_copies(table, Copies(rows, numbers, [change], seed=0), SHORT, AS_IT_IS, cache=None)

    with pytest.raises(RecipeError, match="SpecAugment"):
        copies([0], [1], augment.make("spec_augment"))
    with pytest.raises(TableError, match="numbered from 1"):
        copies([0], [0], Shifted())
    with pytest.raises(TableError, match="twice"):
        copies([0, 0], [1, 1], Shifted())
    with pytest.raises(LengthMismatch):
        copies([0, 1], [1], Shifted())
    table[0].file.unlink()
    with pytest.raises(AudioError, match="no such file"):
        copies([0], [1], Shifted())


def test_clips_and_copies_are_joined_in_that_order(table: Table) -> None:
    plain = extract(table, SHORT, AS_IT_IS, cache=None)
    copies = extract_copies(table, Copies([3], [1], [Shifted()], seed=0), SHORT, AS_IT_IS, cache=None)
    joined = Joined(plain, copies)
    assert len(joined) == 11
    assert np.array_equal(joined[10], copies[0])
    assert np.array_equal(joined.padded([10, 2])[0][1, : plain.lengths[2]], plain[2])


SLOW = """
import sys, time
from pathlib import Path
from emotone.audio.read import AudioSettings
from emotone.features.extraction.extract import extract
from emotone.features import log_mel
from tests.features.test_extraction import SHORT, AS_IT_IS, clips

class Slow(type(SHORT)):
    def extract(self, samples, rate_hz):
        time.sleep(0.002)
        return super().extract(samples, rate_hz)

Slow.__module__, Slow.__qualname__ = type(SHORT).__module__, type(SHORT).__qualname__
table = clips(Path(sys.argv[1]), 4 * 128)
print("ready", flush=True)
extract(table, Slow(**SHORT.model_dump()), AS_IT_IS, cache=Path(sys.argv[2]), workers=1)
"""


def start(sounds: Path, cache: Path) -> subprocess.Popen[str]:
    """Another process that computes four blocks, slowly."""
    return subprocess.Popen(
        [sys.executable, "-c", SLOW, str(sounds), str(cache)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_killed_process_leaves_only_complete_blocks_and_the_next_continues(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    process = start(tmp_path / "sounds", cache)
    try:
        deadline = time.monotonic() + 60
        while not list(cache.rglob("*.json")) and time.monotonic() < deadline:
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    complete = {path: path.stat().st_mtime_ns for path in cache.rglob("*.json")}
    assert 1 <= len(complete) < 4
    table = clips(tmp_path / "sounds", 4 * BLOCK)
    found = extract(table, SHORT, AS_IT_IS, cache=cache, workers=1)
    assert len(list(cache.rglob("*.json"))) == 4
    assert {path: path.stat().st_mtime_ns for path in complete} == complete, "complete blocks are not written again"
    assert same(found, extract(table, SHORT, AS_IT_IS, cache=None, workers=1))


def test_two_processes_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    table = clips(tmp_path / "sounds", 4 * BLOCK)
    others = [start(tmp_path / f"sounds_{number}", cache) for number in range(2)]
    for other in others:
        other.communicate(timeout=60)
        assert other.returncode == 0
    assert len(list(cache.rglob("*.json"))) == 4
    assert not list(cache.rglob("*.tmp"))
    assert same(
        extract(table, SHORT, AS_IT_IS, cache=cache, workers=1), extract(table, SHORT, AS_IT_IS, cache=None, workers=1)
    )


@pytest.mark.parametrize("damage", ["cut", "no lengths", "no values"])
def test_a_damaged_block_is_computed_again(table: Table, tmp_path: Path, damage: str) -> None:
    before = extract(table, SHORT, AS_IT_IS, cache=None)
    extract(table, SHORT, AS_IT_IS, cache=tmp_path)
    (values,), (lengths,) = tmp_path.rglob("*.npy"), tmp_path.rglob("*.json")
    if damage == "cut":
        values.write_bytes(values.read_bytes()[:-100])
    else:
        (lengths if damage == "no lengths" else values).write_bytes(b"")
    assert same(before, extract(table, SHORT, AS_IT_IS, cache=tmp_path))
