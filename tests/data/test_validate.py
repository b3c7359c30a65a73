"""A folder held against what was published: complete, in part, damaged."""

from __future__ import annotations

import hashlib
import json
import os
import runpy
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotone.data import corpora
from emotone.data.corpora import Corpus, IndexEntry, published
from emotone.data.validate import check
from emotone.errors import CorpusError, UnknownName
from tests.conftest import REPOSITORY
from tests.helpers import corpus_names

RATE_HZ = 16_000


def _sound(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, int(RATE_HZ * seconds))


@pytest.fixture
def emodb(tmp_path, monkeypatch):
    """A synthetic EmoDB of 14 WAVs, with an index as if it had been published like this."""
    names = corpus_names.some("emodb", 14)
    index = {}
    for number, name in enumerate(names):
        path = tmp_path / f"{name.path}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, _sound(0.5 + number / 20, number), RATE_HZ)
        digest = hashlib.md5(path.read_bytes()).hexdigest()
        index[path.stem] = IndexEntry(path.stem, path.stat().st_size, f"md5:{digest}", 0.5 + number / 20)
    monkeypatch.setattr(Corpus, "index", lambda self: index)
    monkeypatch.setattr(corpora.shelf.get("emodb"), "clips", len(names))
    return tmp_path


def _paths(root: Path) -> list[Path]:
    return sorted((root / "wav").iterdir())


def _as(extension: str, path: Path, share: float = 1.0) -> Path:
    """The clip in another encoding, or the first `share` of it, in place of the WAV."""
    sound, rate_hz = soundfile.read(path)
    soundfile.write(path.with_suffix(extension), sound[: int(len(sound) * share)], rate_hz)
    if extension != ".wav":
        path.unlink()
    return path.with_suffix(extension)


def test_the_files_as_distributed_are_proven_by_checksum(emodb):
    result = check("emodb", emodb)
    assert result.ok
    assert (result.found, result.expected, result.missing, result.damaged, result.extra) == (14, 14, (), (), ())
    assert result.proofs == {"checksum": 14}


@pytest.mark.parametrize("extension", [".flac", ".ogg", ".mp3"])
def test_another_encoding_is_proven_by_its_duration(emodb, extension):
    for path in _paths(emodb):
        _as(extension, path)
    result = check("emodb", emodb)
    assert result.ok, result.as_text()
    assert result.proofs == {"duration": 14}


def test_each_kind_of_damage_is_named_with_its_file(emodb):
    gone, half_wav, half_flac, torn_flac, swapped, empty, text, *_ = _paths(emodb)
    gone.unlink()
    _as(".wav", half_wav, 0.5)
    half_flac = _as(".flac", half_flac, 0.5)
    torn_flac = _as(".flac", torn_flac)
    torn_flac.write_bytes(torn_flac.read_bytes()[: torn_flac.stat().st_size // 2])
    data = bytearray(swapped.read_bytes())
    data[-1] ^= 1
    swapped.write_bytes(data)
    empty.write_bytes(b"")
    text.write_text("404 not found")

    result = check("emodb", emodb)
    assert not result.ok
    assert result.missing == (gone.stem,)
    reasons = dict(result.damaged)
    assert set(reasons) == {half_wav, half_flac, torn_flac, swapped, empty, text}
    assert all("s long, the original has" in reasons[path] for path in (half_wav, half_flac))
    assert "md5 is" in reasons[swapped]
    assert "0 bytes" in reasons[empty]
    assert "not readable as sound" in reasons[text]
    assert result.proofs == {"checksum": 7}


def test_a_part_of_a_corpus_is_a_part(emodb):
    for path in _paths(emodb)[3:]:
        path.unlink()
    result = check("emodb", emodb)
    assert not result.ok
    assert result.damaged == ()
    assert "3 of 14 clips, incomplete" in result.as_text()
    assert len(result.missing) == 11
    assert result.speakers == (len({path.stem[:2] for path in _paths(emodb)}), 10)


def test_duplicates_and_other_audio_files_are_extra_and_no_problem(emodb):
    copy = emodb / "zz" / _paths(emodb)[0].name
    copy.parent.mkdir()
    copy.write_bytes(_paths(emodb)[0].read_bytes())
    soundfile.write(emodb / "doorbell.wav", _sound(0.1), RATE_HZ)
    result = check("emodb", emodb)
    assert result.ok
    assert set(result.extra) == {copy, emodb / "doorbell.wav"}


def test_an_unpublished_clip_is_extra_and_a_problem(emodb):
    stranger = emodb / "wav" / "16b10Wz.wav"
    soundfile.write(stranger, _sound(0.1), RATE_HZ)
    result = check("emodb", emodb)
    assert not result.ok
    assert result.extra == (stranger,)
    assert result.found == 15


def test_without_a_published_list_counts_and_headers_are_checked(tmp_path):
    names = corpus_names.some("jl")
    corpus_names.write(tmp_path, names, seconds=0.5)
    torn = tmp_path / f"{names[0].path}.flac"
    soundfile.write(torn, _sound(0.5), RATE_HZ)
    torn.write_bytes(torn.read_bytes()[: torn.stat().st_size // 2])
    result = check("jl", tmp_path)
    assert not result.ok
    assert (result.found, result.expected, result.missing) == (40, 2400, ())
    assert [path for path, _ in result.damaged] == [torn]
    assert result.proofs == {"decoding": 39}
    assert "no list of its files is published" in result.as_text()


def test_the_size_of_a_crema_d_file_gives_its_duration(tmp_path):
    entry = published("crema_d").index()["1001_DFA_ANG_XX"]
    for name, share in (("1001_DFA_ANG_XX", 1.0), ("1001_DFA_DIS_XX", 0.5)):
        seconds = published("crema_d").index()[name].seconds
        soundfile.write(tmp_path / f"{name}.flac", _sound(seconds * share), RATE_HZ)
    result = check("crema_d", tmp_path)
    assert entry.seconds == pytest.approx(2.28, abs=0.01)
    assert [path.stem for path, _ in result.damaged] == ["1001_DFA_DIS_XX"]
    assert len(result.missing) == 7440


def test_the_json_names_every_missing_file_and_the_text_the_first_few(emodb):
    for path in _paths(emodb)[2:]:
        path.unlink()
    _paths(emodb)[0].write_bytes(b"x")
    result = check("emodb", emodb)
    listed = json.loads(json.dumps(result.as_dict()))
    assert listed["missing"] == list(result.missing)
    assert len(listed["missing"]) == 12
    assert listed["damaged"][0]["file"] == f"wav/{_paths(emodb)[0].name}"
    assert listed["ok"] is False
    assert listed["classes"]["angry"]["expected"] == 127
    text = result.as_text(most=10)
    assert "missing: 12" in text
    assert "... and 2 more" in text
    assert result.missing[9] in text
    assert result.missing[10] not in text


def test_what_cannot_be_checked_is_an_error(tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'savee'"):
        check("save", tmp_path)
    with pytest.raises(CorpusError, match="reads your own data"):
        check("table", tmp_path)
    with pytest.raises(CorpusError, match="no folder"):
        check("savee", tmp_path / "nowhere")


def test_progress_is_reported_clip_by_clip(emodb, capsys):
    reports = []
    found = check("emodb", emodb, progress=lambda *report: reports.append(report)).found
    assert reports == [("emodb", done, found) for done in range(found + 1)]
    assert capsys.readouterr() == ("", "")


def test_the_script_writes_an_index_that_check_believes(tmp_path, monkeypatch):
    names = corpus_names.some("jl")
    corpus_names.write(tmp_path / "jl", names, ".wav", seconds=0.2)
    monkeypatch.setattr(corpora.shelf.get("jl"), "clips", len(names))
    write_index = runpy.run_path(str(REPOSITORY / "scripts" / "corpora" / "index.py"))["write_index"]
    (tmp_path / "_index").mkdir()
    write_index("jl", tmp_path / "jl", tmp_path / "_index" / "jl.csv")
    monkeypatch.setattr(corpora, "files", lambda package: tmp_path)
    result = check("jl", tmp_path / "jl")
    assert result.ok
    assert result.proofs == {"checksum": 40}
    next((tmp_path / "jl").rglob("*.wav")).unlink()
    with pytest.raises(CorpusError, match=r"39 of 40 clips.*all are needed"):
        write_index("jl", tmp_path / "jl", tmp_path / "_index" / "jl.csv")


# --- on the real ones -------------------------------------------------------------------------------------


def _real(name: str) -> Path:
    root = Path(os.environ.get("EMOTONE_DATA", "")) / name
    if "EMOTONE_DATA" not in os.environ or not root.is_dir():
        pytest.skip(f"needs the corpus {name} in $EMOTONE_DATA/{name}")
    return root


@pytest.mark.real
@pytest.mark.parametrize("name", ["ravdess", "emodb", "nemo"])
def test_a_complete_real_corpus_is_complete_and_intact(name):
    result = check(name, _real(name))
    assert result.ok, result.as_text()
    assert sum(result.proofs.values()) == result.expected


@pytest.mark.real
def test_half_of_tess_is_half_of_tess():
    result = check("tess", _real("tess"))
    assert (result.found, result.expected, len(result.missing), result.damaged) == (1400, 2800, 1400, ())
    assert not result.ok


@pytest.mark.real
def test_damage_to_a_copy_of_ravdess_is_named(tmp_path):
    root = _real("ravdess")
    for path in sorted(root.rglob("*.flac")):
        (tmp_path / path.name).symlink_to(path)
    gone, torn, half = (tmp_path / f"03-01-0{emotion}-01-01-01-07.flac" for emotion in (3, 4, 5))
    data = torn.read_bytes()
    sound, rate_hz = soundfile.read(half)
    for path in (gone, torn, half):
        path.unlink()
    torn.write_bytes(data[: len(data) // 2])
    soundfile.write(half, sound[: len(sound) // 2], rate_hz)
    result = check("ravdess", tmp_path)
    assert result.missing == (gone.stem,)
    assert {path for path, _ in result.damaged} == {torn, half}
