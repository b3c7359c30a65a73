"""Outputs that cannot be written, streams that are closed, full or of a narrow encoding, folders of the user."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from emotone.audio import synthetic
from emotone.cli.output import writable_output
from emotone.errors import EmotoneError
from emotone.inference import voice_profile
from tests.helpers.cli import emotone

EMOTONE = f"'{sys.executable}' -m emotone"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "你好 – łódź.wav"
    soundfile.write(path, synthetic.syllables("sad", seconds=0.6), 16_000)
    return path


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        timeout=120,
        env={**os.environ, **environment},
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    assert b"Exception ignored" not in done.stderr, done.stderr.decode()
    return done


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("file/x.csv", "Not a directory"),
        ("folder.csv", "is a folder"),
        ("absent/x.json", "no folder .*absent; make it first"),
        ("x" * 300 + ".csv", "too long"),
        ("/dev/null", "not a regular file"),
    ],
)
def test_an_output_that_cannot_be_written_is_one_line(place: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.csv").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(EmotoneError, match=expected):
        writable_output(tmp_path / place)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_test_of_an_output_leaves_nothing_behind_and_keeps_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "kept.csv").write_text("kept", encoding="utf-8")
    assert writable_output(tmp_path / "kept.csv") == tmp_path / "kept.csv"
    assert writable_output(tmp_path / "name", ending=".html") == tmp_path / "name.html"
    assert writable_output(tmp_path / "a" / "b", folder=True) == tmp_path / "a" / "b"
    assert writable_output(tmp_path / "a" / "x.html", parents=True) == tmp_path / "a" / "x.html"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.csv"]
    assert (tmp_path / "kept.csv").read_text(encoding="utf-8") == "kept"
    (tmp_path / "kept.csv").chmod(0o444)
    if not os.access(tmp_path / "kept.csv", os.W_OK):
        with pytest.raises(EmotoneError, match="read-only"):
            writable_output(tmp_path / "kept.csv")


@pytest.mark.parametrize(
    "words",
    [
        "predict CLIP -o FILE/x.csv",
        "explain RUN CLIP --out FILE/x.html",
        "export RUN -o FILE/x.onnx",
        "audit RUN --html FILE/x.html",
        "stress RUN -o FILE/x",
        "train RECIPE --out FILE/x",
        "benchmark RECIPE --out FILE/x",
        "pictures RECIPE --out FILE/x",
        "demo --out FILE/x",
        "corpora explore emodb --out FILE/x",
        "corpora get emodb --data FILE/x",
    ],
)
def test_every_command_tests_its_output_before_the_work(words: str, clip: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    recipe = "title: t\ndata: {corpora: [t.csv]}\nfeature: functionals\nmodel: ridge\n"
    (tmp_path / "recipe.yaml").write_text(recipe, encoding="utf-8")
    places = {"CLIP": str(clip), "FILE": str(file), "RUN": str(tmp_path), "RECIPE": str(tmp_path / "recipe.yaml")}
    done = emotone(
        *(
            next((word.replace(key, place) for key, place in places.items() if key in word), word)
            for word in words.split()
        ),
        check=2,
    )
    assert len(done.stderr.splitlines()) == 1
    assert str(file).encode() in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("redirect", [">/dev/full", ">&-"])
@pytest.mark.parametrize("words", ["predict CLIP", "predict CLIP --json", "--help", "features --json"])
def test_a_standard_output_that_cannot_be_written_is_one_line(words: str, redirect: str, clip: Path) -> None:
    words = words.replace("CLIP", shlex.quote(str(clip)))
    done = shell(f"{EMOTONE} {words} {redirect}")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_that_stops_and_closed_streams_end_quietly(clip: Path, tmp_path: Path) -> None:
    assert shell(f"{EMOTONE} features --json | head -1").stdout == b"[\n"
    assert shell(f"{EMOTONE} predict '{clip}' 2>&-").returncode == 0
    done = shell(f"{EMOTONE} predict - <&-")
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert shell(f"{EMOTONE} predict '{clip}' -o '{tmp_path}/out.json' >&- 2>&- <&-").returncode == 0
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["label"]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8", "utf-16"])
def test_letters_that_a_stream_lacks_are_escaped(encoding: str, clip: Path) -> None:
    table = shell(f"{EMOTONE} predict '{clip}' 'łódź.wav'", PYTHONIOENCODING=encoding)
    assert table.returncode == 1
    printed = shell(f"{EMOTONE} predict '{clip}' --json", PYTHONIOENCODING=encoding)
    assert json.loads(printed.stdout.decode(encoding))["file"] == str(clip)


def test_a_disk_that_is_full_loses_no_prediction(clip: Path, tmp_path: Path) -> None:
    done = shell(f"ulimit -f 0; {EMOTONE} predict '{clip}' -o '{tmp_path}/out.csv' | cat")
    assert done.returncode == 2
    assert b"the predictions are printed" in done.stderr
    assert clip.name.encode() in done.stdout


def test_voice_profiles_are_kept_where_the_variables_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("EMOTONE_VOICES", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert voice_profile.folder() == tmp_path / "home" / ".local" / "share" / "emotone" / "voices"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert voice_profile.folder() == tmp_path / "data" / "emotone" / "voices"
    monkeypatch.setenv("EMOTONE_VOICES", str(tmp_path / "voices"))
    assert voice_profile.folder() == tmp_path / "voices"
    monkeypatch.setenv("XDG_DATA_HOME", "")
    monkeypatch.delenv("EMOTONE_VOICES")
    assert voice_profile.folder().is_relative_to(tmp_path / "home")


@pytest.mark.parametrize("environment", [{"EMOTONE_VOICES": "/dev/null"}, {"HOME": "/proc/none", "XDG_DATA_HOME": ""}])
def test_a_voice_profile_that_cannot_be_kept_is_one_line(environment: dict[str, str], clip: Path) -> None:
    done = shell(f"{EMOTONE} enrol anna {shlex.quote(str(clip))}", **{"EMOTONE_VOICES": "", **environment})
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


def test_the_variables_are_in_the_help() -> None:
    printed = emotone("--help").stdout
    assert all(name in printed for name in (b"EMOTONE_DATA", b"EMOTONE_CACHE", b"EMOTONE_VOICES"))


def test_predict_writes_nothing_to_the_home_folder(clip: Path, tmp_path: Path) -> None:
    """Neither emotone nor onnxruntime, which would keep a device number there and upload usage data."""
    command = f"env -u ORT_DISABLE_TELEMETRY {EMOTONE} predict {shlex.quote(str(clip))}"
    assert shell(command, HOME=str(tmp_path)).returncode == 0
    assert not list(tmp_path.iterdir())
