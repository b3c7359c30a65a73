"""A domain on the command line, from enrolment to prediction, with a tiny model."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner

from emotone.audio import synthetic
from emotone.audio.read import RATE_HZ
from emotone.cli import app
from tests.helpers.cli import emotone, heavy_imports
from tests.helpers.speech_model import CLASSES, write_speech_model


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model and quiet recordings."""
    folder = tmp_path_factory.mktemp("domains")
    write_speech_model(folder / "model.onnx")
    write_speech_model(folder / "plain.onnx", adapts=False)
    (folder / "calls").mkdir()
    for emotion in CLASSES:
        for speaker in range(4):
            samples = 0.6 * synthetic.syllables(emotion, speaker=speaker, seconds=1.0)
            soundfile.write(folder / "calls" / f"{speaker}-{emotion}.wav", samples, RATE_HZ)
    return folder


@pytest.fixture(autouse=True)
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMOTONE_DOMAINS", str(tmp_path / "domains"))
    monkeypatch.setenv("EMOTONE_VOICES", str(tmp_path / "voices"))
    return tmp_path / "domains"


def words(place: Path, command: str) -> list[str]:
    places = {"calls": place / "calls", "model": place / "model.onnx", "plain": place / "plain.onnx"}
    return [word.format(**places) for word in command.split()]


def scores(place: Path, command: str) -> list[dict[str, float]]:
    done = emotone(*words(place, command), "--json")
    return [prediction["scores"] for prediction in json.loads(done.stdout)]


def test_a_domain_is_enrolled_and_used_by_name(place: Path, profiles: Path) -> None:
    printed = emotone(*words(place, "enrol --domain calls {calls} --model {model}")).stdout.decode()
    assert printed == f"calls: 12 recordings; domain profile {profiles / 'calls.json'}\n"
    about = json.loads(emotone(*words(place, "enrol --domain again {calls} -m {model} --json")).stdout)
    assert about == {"name": "again", "files": 12, "file": str(profiles / "again.json"), "failures": []}
    plain = scores(place, "predict {calls} --model {model}")
    known = scores(place, "predict {calls} --model {model} --domain calls")
    assert scores(place, "predict {calls} --model {model} --adapt-domain") == known
    assert all(after["sad"] < before["sad"] for before, after in zip(plain, known, strict=True)), "they are quiet"
    assert scores(place, "predict {calls}/0-angry.wav {calls}/0-sad.wav --model {model} --domain calls") == [
        known[0],
        known[2],
    ]


def test_a_speaker_of_a_domain_is_adapted_to_both(place: Path) -> None:
    emotone(*words(place, "enrol anna {calls}/0-angry.wav {calls}/0-neutral.wav {calls}/0-sad.wav -m {model}"))
    emotone(*words(place, "enrol calls {calls} -m {model} --domain"))
    found = [
        json.loads(emotone(*words(place, f"predict {{calls}}/0-neutral.wav -m {{model}} --json {more}")).stdout)
        for more in ("", "--speaker anna", "--domain calls", "--speaker anna --domain calls", "--adapt --domain calls")
    ]
    assert len({json.dumps(prediction["scores"]) for prediction in found}) == 5
    clip = "predict {calls}/0-neutral.wav -m {model}"
    assert b"emotone enrol" in emotone(*words(place, f"{clip} --speaker bob"), check=2).stderr
    assert b"use one of them" in emotone(*words(place, f"{clip} --speaker anna --adapt"), check=2).stderr


def test_recordings_that_cannot_be_used_are_named(place: Path, profiles: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("not sound", encoding="utf-8")
    soundfile.write(tmp_path / "silence.wav", [0.0] * RATE_HZ, RATE_HZ)
    done = emotone(*words(place, "enrol --domain calls {calls} -m {model} --json"), tmp_path, check=1)
    about = json.loads(done.stdout)
    assert (about["files"], len(about["failures"])) == (12, 2)
    assert b"left out: " in done.stderr
    assert b"silence.wav: refused by the speech gate (too quiet)" in done.stderr
    assert (profiles / "calls.json").is_file()
    both = emotone(*words(place, "predict {calls} -m {model} --json --adapt-domain"), tmp_path, check=1)
    assert [one["scores"] for one in json.loads(both.stdout)[:12]] == scores(
        place, "predict {calls} -m {model} --adapt-domain"
    )
    assert len(both.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("predict {calls} -m {model} --domain cals", "no domain profile at .*cals.json; `emotone enrol --domain NAME"),
        ("predict {calls} -m {model} --domain ../calls", "cannot be the name of a domain"),
        ("enrol --domain a/b {calls} -m {model}", "cannot be the name of a domain"),
        ("enrol --domain few {calls}/0-sad.wav -m {model}", "needs 5 recordings or more, 1 came"),
        ("enrol --domain few {calls}/0-sad.wav a b c d -m {model}", "needs 5 recordings or more, 1 of 5 can be used"),
        ("predict {calls}/0-sad.wav -m {model} --adapt-domain", "needs 5 recordings or more, 1 came"),
        ("predict - - - - - -m {model} --adapt-domain", "standard input only once"),
        ("predict {calls} -m {model} --domain calls --adapt-domain", "use one of them"),
        ("enrol --domain calls {calls} -m {plain}", "cannot be adapted to a speaker or a domain"),
        ("predict {calls} -m {plain} --adapt-domain", "cannot be adapted to a speaker or a domain"),
        ("enrol --domain calls {calls} -m {model} --channel middle", "middle"),
    ],
)
def test_what_cannot_be_done_is_one_line(place: Path, profiles: Path, command: str, expected: str) -> None:
    done = CliRunner().invoke(app, words(place, command))
    assert done.exit_code in (1, 2)
    assert re.search(expected, str(done.exception)), done.exception
    assert not profiles.exists()
    assert not done.stdout


def test_a_profile_of_another_model_and_a_damaged_one_are_named(place: Path, profiles: Path, tmp_path: Path) -> None:
    emotone(*words(place, "enrol --domain calls {calls} -m {model}"))
    moved = {"average": [0.0] * 3, "emotion_shifts": [[0.0] * 3] * 3}
    write_speech_model(tmp_path / "other.onnx", adaptation=moved)
    other = emotone(*words(place, "predict {calls} --domain calls -m"), tmp_path / "other.onnx", check=2)
    assert b"made with another model; enrol the domain with this one" in other.stderr
    (profiles / "calls.json").write_bytes((profiles / "calls.json").read_bytes()[:100])
    damaged = emotone(*words(place, "predict {calls} --domain calls -m {model}"), check=2)
    assert b"enrol the domain again" in damaged.stderr
    assert len(damaged.stderr.splitlines()) == 1


def test_the_profile_of_a_domain_loads_nothing_heavy(place: Path) -> None:
    assert not heavy_imports(words(place, "enrol --domain calls {calls} -m {model}"))
    assert not heavy_imports(words(place, "predict {calls} -m {model} --adapt-domain"))
