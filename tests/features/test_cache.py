"""The cache of features: where it is, and work that goes on without it."""

from __future__ import annotations

import errno
import logging
from pathlib import Path

import numpy as np
import pytest

from emotone.features import Feature, Values
from emotone.features.extraction import cache
from emotone.features.extraction.extract import extract
from tests.features.test_extraction import AS_IT_IS, SHORT, clips, same


@pytest.fixture(autouse=True)
def warnings_again() -> None:
    cache.warn_without.cache_clear()


def test_the_folder_is_the_named_one_then_xdg_then_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("EMOTONE_CACHE", str(tmp_path / "named"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.folder() == tmp_path / "named"
    monkeypatch.delenv("EMOTONE_CACHE")
    assert cache.folder() == tmp_path / "xdg/emotone"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache.folder() == tmp_path / ".cache/emotone"


def test_without_a_home_there_is_no_cache_and_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("EMOTONE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert cache.folder() is None
    assert cache.folder() is None
    assert [record.getMessage() for record in caplog.records] == [
        "emotone: features are computed but not cached: there is no home folder; EMOTONE_CACHE names another folder "
        "for them"
    ]


def test_a_folder_that_cannot_be_made_costs_no_feature(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = clips(tmp_path / "sounds", 4)
    (tmp_path / "file").touch()
    for _ in range(2):
        found = extract(table, SHORT, AS_IT_IS, cache=tmp_path / "file" / "cache")
        assert same(found, extract(table, SHORT, AS_IT_IS, cache=None))
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.WARNING


def test_blocks_of_a_folder_that_cannot_be_written_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    table = clips(tmp_path / "sounds", 4)
    before = extract(table, SHORT, AS_IT_IS, cache=tmp_path / "cache")
    monkeypatch.setattr(cache, "usable", lambda _: False)
    monkeypatch.setattr(type(SHORT), "extract", None)
    assert same(before, extract(table, SHORT, AS_IT_IS, cache=tmp_path / "cache"))
    monkeypatch.undo()
    assert not caplog.records


def test_a_full_disk_costs_no_feature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    table = clips(tmp_path / "sounds", 4)
    monkeypatch.setattr(cache, "save", full)
    found = extract(table, SHORT, AS_IT_IS, cache=tmp_path / "cache", workers=1)
    assert same(found, extract(table, SHORT, AS_IT_IS, cache=None))
    assert "No space left on device" in caplog.text


def test_a_block_that_disappears_is_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = clips(tmp_path / "sounds", 4)
    monkeypatch.setattr(cache, "save", lambda *_: None)
    assert same(extract(table, SHORT, AS_IT_IS, cache=tmp_path), extract(table, SHORT, AS_IT_IS, cache=None))


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"lengths": 3}', b'{"lengths": []}', b'{"lengths": [-1, 9, 9, 9]}', b"\xff", b"null"]
)
@pytest.mark.parametrize("suffix", [".json", ".npy"])
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: bytes, suffix: str) -> None:
    table = clips(tmp_path / "sounds", 4)
    before = [*map(np.array, extract(table, SHORT, AS_IT_IS, cache=tmp_path / "cache"))]
    (path,) = (tmp_path / "cache").rglob(f"*{suffix}")
    path.write_bytes(damage)
    for _ in range(2):
        after = extract(table, SHORT, AS_IT_IS, cache=tmp_path / "cache")
        assert all(map(np.array_equal, before, after))


class Picky(Feature):
    """Fails for some clips, as a library may."""

    kind = "vector"

    def extract(self, samples: Values, rate_hz: int) -> Values:
        if samples.size in (416, 432):
            raise ZeroDivisionError("of a\nlibrary") if samples.size == 416 else MemoryError
        return samples[:4]


def test_whatever_a_library_raises_is_the_failure_of_one_clip(tmp_path: Path) -> None:
    table = clips(tmp_path / "sounds", 4)
    found = extract(table, Picky(), AS_IT_IS, cache=tmp_path / "cache", workers=1)
    assert [row.id for row in found.table] == ["0000", "0003"]
    assert [failure.reason.removeprefix(f"{failure.file}: ") for failure in found.failures] == [
        "ZeroDivisionError: of a library",
        "MemoryError: ",
    ]


class Half(Feature):
    """Numbers that half precision rounds, one of them too large for it."""

    kind = "sequence"

    def extract(self, samples: Values, rate_hz: int) -> Values:
        frames = samples[:300].reshape(-1, 3) / 3
        frames[0, 0] = 1e6
        return frames

    @property
    def half_precision(self) -> bool:
        return True


def test_a_feature_of_half_precision_takes_half_the_space_and_is_read_as_float32(tmp_path: Path) -> None:
    table = clips(tmp_path / "sounds", 4)
    plain = extract(table, Half(), AS_IT_IS, cache=None)
    for _ in range(2):
        found = extract(table, Half(), AS_IT_IS, cache=tmp_path / "cache")
        assert same(found, plain)
        batch, _ = found.padded([0, 1])
        assert found[0].dtype == found[0:1][0].dtype == batch.dtype == np.float32
        assert found[0][0, 0] == np.finfo(np.float16).max
    (path,) = (tmp_path / "cache").rglob("*.npy")
    assert np.load(path).dtype == np.float16


def test_a_block_that_another_program_has_written_in_the_meantime_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, calls = clips(tmp_path / "sounds", 4), []
    plain, usable = type(SHORT).extract, cache.usable

    def counted(feature: Feature, samples: Values, rate_hz: int) -> Values:
        calls.append(rate_hz)
        return plain(feature, samples, rate_hz)

    def the_other_program_first(folder: Path) -> bool:
        monkeypatch.setattr(cache, "usable", usable)
        extract(table, SHORT, AS_IT_IS, cache=tmp_path / "cache", workers=1)
        return True

    monkeypatch.setattr(type(SHORT), "extract", counted)
    monkeypatch.setattr(cache, "usable", the_other_program_first)
    found = extract(table, SHORT, AS_IT_IS, cache=tmp_path / "cache", workers=1)
    assert len(calls) == len(table)
    assert same(found, extract(table, SHORT, AS_IT_IS, cache=None))
