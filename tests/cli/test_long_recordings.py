"""Long recordings and microphones from the shell: files of every kind, what is kept after Ctrl-C, clear refusals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from praatio import textgrid

from emotone.audio.read import RATE_HZ
from emotone.inference.predictor import load_model
from tests.helpers.cli import emotone
from tests.helpers.sounds import spoken

FAST = ("--model", "fast")


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds of speech and pauses."""
    file = tmp_path_factory.mktemp("call") / "call.wav"
    soundfile.write(file, spoken(8, pause_s=0.9)[0], RATE_HZ)
    return file


def test_segments_are_printed_as_they_come_and_the_whole_at_the_end(call: Path) -> None:
    lines = emotone("predict", call, *FAST).stdout.decode().splitlines()
    expected = load_model("fast").predict(call)
    times = [f"{part.start_s:.2f} - {part.end_s:.2f} s" for part in expected.segments]
    assert [line.strip().split("  ")[0] for line in lines[: len(times)]] == times
    assert str(call) in lines[-1]


def test_every_kind_of_file_has_the_same_segments(call: Path, tmp_path: Path) -> None:
    expected = load_model("fast").predict(call)
    emotone("predict", call, *FAST, "-o", tmp_path / "a.TextGrid")
    grid = textgrid.openTextgrid(str(tmp_path / "a.TextGrid"), includeEmptyIntervals=False)
    assert [entry.label for entry in grid.getTier("emotion").entries] == [part.label for part in expected.segments]
    emotone("predict", call, *FAST, "-o", tmp_path / "a.csv", "--segments")
    assert len((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()) == 1 + len(expected.segments)
    again = tmp_path / "other" / call.name
    again.parent.mkdir()
    again.write_bytes(call.read_bytes())
    emotone("predict", call, again, *FAST, "-o", tmp_path / "out", "--format", "vtt")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["call-2.vtt", "call.vtt"]
    refused = emotone("predict", call, again, *FAST, "-o", tmp_path / "b.vtt", check=2).stderr.decode()
    assert ".vtt holds one recording, 2 came" in refused
    assert b"name it with -o" in emotone("predict", call, "--format", "vtt", check=2).stderr


def test_channels_and_speakers_are_named(call: Path, tmp_path: Path) -> None:
    mono = spoken(8, pause_s=0.9)[0]
    soundfile.write(tmp_path / "stereo.wav", np.stack([mono, np.roll(mono, mono.size // 2)], axis=1), RATE_HZ)
    found = json.loads(emotone("predict", tmp_path / "stereo.wav", *FAST, "--channels", "split", "--json").stdout)
    assert {part["channel"] for part in found["segments"]} == {"left", "right"}
    (tmp_path / "turns.rttm").write_text("SPEAKER call 1 0 100 <NA> <NA> anna <NA> <NA>\n", encoding="utf-8")
    found = json.loads(emotone("predict", call, *FAST, "--speakers", tmp_path / "turns.rttm", "--json").stdout)
    assert {part["speaker"] for part in found["segments"]} == {"anna"}
    refused = emotone("predict", call, call, *FAST, "--speakers", tmp_path / "turns.rttm", check=2)
    assert b"turns of one recording; 2 recordings came" in refused.stderr


def test_a_file_that_breaks_off_is_predicted_and_named(call: Path, tmp_path: Path) -> None:
    content = call.read_bytes()
    (tmp_path / "cut.wav").write_bytes(content[: len(content) * 2 // 3])
    done = emotone("predict", tmp_path / "cut.wav", *FAST, "-o", tmp_path / "a.csv", check=1)
    assert b"cut.wav: cut short: the header states" in done.stderr
    assert "cut short" in (tmp_path / "a.csv").read_text(encoding="utf-8")


@pytest.mark.skipif(os.name != "posix", reason="signals of Unix")
def test_ctrl_c_keeps_what_was_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.tile(spoken(8, pause_s=0.9)[0], 60), RATE_HZ)
    words = [sys.executable, "-m", "emotone", "predict", str(tmp_path / "long.wav"), *FAST]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the first segment is there
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"stopped after" in err
    assert b"long.wav" in out.splitlines()[-1]


def test_a_recording_can_take_the_place_of_a_microphone(call: Path, tmp_path: Path) -> None:
    lines = emotone("listen", "--from", call, *FAST, "--json", "--save", tmp_path / "recorded.flac").stdout.splitlines()
    results = [json.loads(line) for line in lines]
    final = [result for result in results if result.pop("final")]
    assert final == [part.as_dict() for part in load_model("fast").predict(call).segments]
    assert len(final) < len(results)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "recorded.flac")[0], soundfile.read(call)[0])


def test_in_real_time_a_decision_comes_half_a_second_after_a_phrase(tmp_path: Path) -> None:
    sound, (phrase,) = spoken(1, pause_s=1.0)
    soundfile.write(tmp_path / "a.wav", sound, RATE_HZ)
    words = ["listen", "--from", str(tmp_path / "a.wav"), "--realtime", "--json", *FAST]
    with subprocess.Popen([sys.executable, "-m", "emotone", *words], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        came = [(time.monotonic(), json.loads(line)) for line in process.stdout]
    final = next(at for at, result in came if result["final"])
    interim_at, interim = next((at, result) for at, result in came if not result["final"])
    assert final - interim_at <= phrase.end_s - interim["end_s"] + 1.5  # .5 s, and a busy machine
    assert process.returncode == 0


def test_what_cannot_be_listened_to_is_one_line(call: Path, tmp_path: Path) -> None:
    assert b"--realtime plays the recording of --from" in emotone("listen", "--realtime", check=2).stderr
    refused = emotone("listen", "--from", call, "--save", tmp_path / "a.doc", check=2).stderr
    assert b"a.doc: cannot save sound there; use .wav or .flac" in refused


ALSA = """
pcm.recorded {{ type plug slave {{ rate 16000 channels 1 format S16_LE pcm {{
  type file slave.pcm {{ type null }} file "/dev/null" infile "{file}" format "raw" }} }} }}
pcm.!default {{ type plug slave.pcm "recorded" hint {{ show on description "a file" }} }}
"""


def test_a_microphone_is_heard(tmp_path: Path) -> None:
    """ALSA gives a file in place of a microphone."""
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError):
        pytest.skip("no PortAudio here; apt install libportaudio2")
    sound = np.tile(spoken(8, pause_s=0.9)[0], 3)
    (sound * 32767).astype("<i2").tofile(tmp_path / "sound.raw")
    (tmp_path / "asound.conf").write_text(ALSA.format(file=tmp_path / "sound.raw"), encoding="utf-8")
    more = {"ALSA_CONFIG_PATH": str(tmp_path / "asound.conf")}
    listed = json.loads(emotone("listen", "--list-devices", "--json", env=more).stdout)
    assert "default" in [device["name"] for device in listed]
    recorded = emotone("listen", "--device", "default", "--seconds", "8", "--json", *FAST, env=more)
    assert any(json.loads(line)["final"] for line in recorded.stdout.splitlines())


def test_a_picture_and_a_page_are_made_of_one_file(call: Path, tmp_path: Path) -> None:
    page = tmp_path / "a"
    words = ["predict", call, *FAST, "--plot", tmp_path / "a.png", "--html", page, "-o", tmp_path / "a.audformat"]
    assert emotone(*words).stderr == b""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.audformat", "a.html", "a.png"]
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    times = [part.start_s for part in load_model("fast").predict(call).segments]
    assert [float(start) for start in re.findall(r'<tr data-start="([\d.]+)"', text)] == pytest.approx(times)
    for more, expected in (
        ([call, "--plot", tmp_path / "b.svg"], b"show one recording, 2 came"),
        (["--plot", tmp_path / "b.pdf"], b"cannot draw .pdf; use .svg or .png"),
        (["--html", tmp_path / "none" / "b.html"], b"make it first"),
    ):
        refused = emotone("predict", call, *more, *FAST, check=2).stderr
        assert expected in refused
        assert len(refused.splitlines()) == 1
    assert b"in place of standard input" in emotone("predict", "-", "--html", tmp_path / "b", check=2, stdin=b"").stderr
