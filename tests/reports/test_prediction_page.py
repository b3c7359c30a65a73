"""The picture and the page of a prediction: what they show, what they load, and that the page plays."""

from __future__ import annotations

import base64
import hashlib
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import soundfile
from PIL import Image

from emotone.errors import EmotoneError
from emotone.inference.prediction import Prediction, Segment
from emotone.reports import prediction_page
from emotone.reports.charts.emotion_timeline import emotion_timeline
from emotone.reports.prediction_page import media_type, write_page
from emotone.reports.prediction_plot import write_plot
from tests.helpers.pages import Elements

PEAKS = np.array([[-0.5, 0.5], [-0.1, 0.2]], dtype=np.float32)


def segment(start_s: float, end_s: float, label: str, **more: str) -> Segment:
    return Segment(start_s, end_s, label, 0.8, {"angry": 0.8, "<sad>": 0.2}, 0.3, -0.6, **more)


CALL = Prediction(
    "calls/<a> & b.wav", 10.0, "angry", 0.8, {"angry": 0.8, "<sad>": 0.2}, 0.3, -0.6,
    (
        segment(0.5, 4.0, "angry", channel="right"),
        segment(1.0, 5.0, "unsure", channel="left", speaker="an<na>", reason="low_confidence"),
        segment(6.0, 9.0, "<sad>", channel="left", speaker="an<na>"),
    ),
)  # fmt: skip
MONO = replace(CALL, segments=tuple(replace(part, channel="", speaker="") for part in CALL.segments[1:]))
SILENT = replace(CALL, segments=(), label="unsure", reason="no_speech")


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a #1.wav", np.sin(np.arange(80_000) / 5) / 2, 8000)
    return tmp_path / "a #1.wav"


@pytest.mark.parametrize("prediction", [CALL, MONO, SILENT], ids=["channels", "mono", "silent"])
def test_the_timeline_has_a_row_for_every_track_and_emotion(prediction: Prediction) -> None:
    drawn = emotion_timeline(prediction, PEAKS)
    root = ElementTree.fromstring(drawn)
    texts = [item.text for item in root.iter() if item.tag.endswith("text")]
    tracks = prediction.tracks()
    assert [text for text in texts if text in ("left an<na>", "right")][:2] == (
        ["left an<na>", "right"] if len(tracks) > 1 else []
    )
    channels = max(len({channel for channel, _ in tracks}), 1)
    assert sum(text == "<sad>" for text in texts) >= channels
    assert {item.get("id") for item in root.iter()} >= {"timeline-sound", "timeline-end"}
    assert "10.0 s" in (root.get("aria-label") or "")
    assert drawn == emotion_timeline(prediction, PEAKS)


def test_the_area_of_the_waveform_reaches_from_the_first_tick_to_the_end() -> None:
    drawn = emotion_timeline(replace(CALL, duration_s=20.0), PEAKS)
    area = drawn[drawn.index('id="timeline-sound"') :]
    left, right = (float(found) for found in re.findall(r"[ML] ([\d.]+)", area[:400])[:2])
    ticks = [float(x) for x in re.findall(r'xtick_\d+">\s*<g[^>]*>\s*<path d="M ([\d.]+)', drawn)]
    assert left == pytest.approx(ticks[0], abs=0.02)
    assert right == pytest.approx(max(ticks), abs=0.02)  # 20 s is a tick


@pytest.mark.parametrize("ending", ["svg", "png", "PNG"])
def test_a_picture_is_written_by_its_extension(ending: str, tmp_path: Path) -> None:
    place = tmp_path / f"a.{ending}"
    write_plot(CALL, PEAKS, place)
    if ending == "svg":
        text = place.read_text(encoding="utf-8")
        assert "prefers-color-scheme: dark" in text
        ElementTree.fromstring(text)
    else:
        with Image.open(place) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        assert pixels.shape[1] == 1440
        assert tuple(pixels[2, 2]) == (255, 255, 255)
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
        assert not (np.abs(pixels.astype(int) - (0x01, 0xF1, 0xA4)).max(axis=2) < 8).any(), "a placeholder colour"
    assert list(tmp_path.iterdir()) == [place]


def test_a_picture_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmotoneError, match=r"cannot draw \.pdf; use \.svg or \.png"):
        write_plot(CALL, PEAKS, tmp_path / "a.pdf")


@pytest.mark.parametrize("prediction", [CALL, MONO, SILENT], ids=["channels", "mono", "silent"])
def test_a_page_needs_no_other_file_and_runs_only_its_own_script(
    prediction: Prediction, sound: Path, tmp_path: Path
) -> None:
    text = write_page(prediction, PEAKS, sound, tmp_path / "a.html").read_text(encoding="utf-8")
    page = Elements(text)
    assert not page.open
    assert [dict(attributes) for tag, attributes in page.all if tag in ("link", "img", "iframe")] == []
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(attributes["content"] or "" for _, attributes in page.all if "http-equiv" in attributes)
    assert f"script-src 'sha256-{hashed}'" in policy
    links = [value or "" for _, attributes in page.all for name, value in attributes.items() if name in ("src", "href")]
    assert [link for link in links if not link.startswith("data:") and not link.startswith("#timeline-")] == []
    assert "<a>" not in text
    assert "an<na>" not in text


def test_every_segment_has_a_button_that_names_its_time_and_label(sound: Path, tmp_path: Path) -> None:
    page = Elements(write_page(CALL, PEAKS, sound, tmp_path / "a.html").read_text(encoding="utf-8"))
    buttons = [attributes for tag, attributes in page.all if tag == "button"]
    named = {(attributes["data-start"], attributes["aria-label"]) for attributes in buttons}
    assert named >= {
        ("0.5", "Play from 0:00.5, angry"),
        ("1.0", "Play from 0:01.0, unsure"),
        ("6.0", "Play from 0:06.0, <sad>"),
    }
    identifiers = [attributes["id"] for _, attributes in page.all if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    wanted = re.findall(r'getElementById\("([\w-]+)"\)', (prediction_page._SCRIPT).read_text(encoding="utf-8"))
    assert set(wanted) <= set(identifiers)


def played(page: Path) -> str:
    elements = Elements(page.read_text(encoding="utf-8"))
    return next(attributes["src"] or "" for tag, attributes in elements.all if tag == "audio")


def test_a_small_recording_is_part_of_the_page_and_a_large_one_is_linked(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, _, content = played(write_page(CALL, PEAKS, sound, tmp_path / "a.html")).partition(",")
    assert kind == "data:audio/wav;base64"
    assert base64.b64decode(content) == sound.read_bytes()
    monkeypatch.setattr(prediction_page, "EMBEDDED_BYTES", 1000)
    (tmp_path / "pages").mkdir()
    page = write_page(CALL, PEAKS, sound, tmp_path / "pages" / "a.html")
    assert (page.parent / unquote(played(page))).resolve() == sound
    assert "#" not in played(page)
    assert "keep both where they are" in page.read_text(encoding="utf-8")


def test_what_browsers_do_not_play_is_converted(sound: Path, tmp_path: Path) -> None:
    samples, rate_hz = soundfile.read(sound)
    soundfile.write(tmp_path / "a.aiff", samples, rate_hz)
    page = write_page(CALL, PEAKS, tmp_path / "a.aiff", tmp_path / "a.html")
    kind, _, content = played(page).partition(",")
    assert kind == "data:audio/flac;base64"
    (tmp_path / "b.flac").write_bytes(base64.b64decode(content))
    assert soundfile.info(tmp_path / "b.flac").duration == pytest.approx(10)
    assert "since browsers do not play" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("form", "subtype", "kind"),
    [
        ("WAV", "PCM_16", "audio/wav"),
        ("FLAC", "PCM_16", "audio/flac"),
        ("OGG", "VORBIS", "audio/ogg"),
        ("MP3", "MPEG_LAYER_III", "audio/mpeg"),
        ("AIFF", "PCM_16", ""),
        ("AU", "PCM_16", ""),
    ],
)
def test_a_media_type_is_recognised_by_content(form: str, subtype: str, kind: str, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a", np.zeros(8000), 16000, format=form, subtype=subtype)
    assert media_type((tmp_path / "a").read_bytes()[:16]) == kind
