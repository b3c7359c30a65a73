"""Long recordings and live streams: stretches of speech, channels, speakers, broken files, bounded memory."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import emotone
from emotone.audio.read import RATE_HZ, Samples
from emotone.errors import AudioError, EmotoneError
from emotone.inference.long_recording import LongRecording, divided
from emotone.inference.predictor import Predictor, load_model
from emotone.inference.speaker_turns import Turn
from emotone.inference.speech_segments import Span
from tests.helpers.sounds import spoken

PHRASES = 8


@pytest.fixture(scope="module")
def fast() -> Predictor:
    return load_model("fast", threads=1)


@pytest.fixture(scope="module")
def samples() -> Samples:
    """More than ten seconds of speech and pauses."""
    found = spoken(PHRASES, pause_s=0.9)[0]
    assert found.size > 11 * RATE_HZ
    return found


@pytest.fixture
def file(samples: Samples, tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "call.wav", samples, RATE_HZ, subtype="FLOAT")
    return tmp_path / "call.wav"


def test_a_file_an_open_file_and_an_array_have_the_same_segments(fast: Predictor, samples: Samples, file: Path) -> None:
    of_file, of_array = fast.predict(file), fast.predict(samples, RATE_HZ)
    with file.open("rb") as handle:
        of_handle = fast.predict(handle)
    assert len(of_file.segments) >= PHRASES
    for other in (of_array, of_handle):
        assert replace(other, file=of_file.file).as_dict() == of_file.as_dict()
    weights = np.array([part.end_s - part.start_s for part in of_file.segments])
    parts = np.array([[part.scores[label] for label in fast.classes] for part in of_file.segments])
    counts = np.array([part.reason in ("", "low_confidence") for part in of_file.segments])
    expected = (weights * counts) @ parts / (weights * counts).sum()
    np.testing.assert_allclose([of_file.scores[label] for label in fast.classes], expected, atol=1e-6)


@settings(max_examples=8, deadline=None)
@given(sizes=st.lists(st.integers(1, 50_000), min_size=1, max_size=6))
def test_a_stream_in_blocks_of_any_size_has_the_segments_of_the_file(fast: Predictor, sizes: list[int]) -> None:
    samples = spoken(PHRASES, pause_s=0.9)[0]
    stream, results, first = emotone.Stream(RATE_HZ, model=fast), [], 0
    for size in [*sizes, samples.size]:
        results += stream.feed(samples[first : first + size])
        first += size
    results += stream.finish()
    final = [result.segment.as_dict() for result in results if result.final]
    assert final == [part.as_dict() for part in fast.predict(samples, RATE_HZ).segments]


def test_interim_results_come_while_someone_speaks(fast: Predictor, samples: Samples) -> None:
    stream = emotone.Stream(RATE_HZ, model=fast, interim_s=0.3)
    results = [result for block in np.array_split(samples, 200) for result in stream.feed(block)]
    results += stream.finish()
    assert sum(not result.final for result in results) >= PHRASES
    with pytest.raises(EmotoneError, match="has ended"):
        stream.feed(samples)
    quiet = emotone.Stream(RATE_HZ, model=fast, interim_s=None)
    assert all(result.final for block in np.array_split(samples, 50) for result in quiet.feed(block))


def test_channels_are_kept_apart(fast: Predictor, samples: Samples, tmp_path: Path) -> None:
    half = samples.size // 2
    stereo = np.zeros((samples.size, 2), dtype=np.float32)
    stereo[:half, 0], stereo[half:, 1] = samples[:half], samples[half:]
    soundfile.write(tmp_path / "stereo.wav", stereo, RATE_HZ)
    found = fast.predict(tmp_path / "stereo.wav", channel="split")
    assert {part.channel for part in found.segments} == {"left", "right"}
    for part in found.segments:
        assert (part.start_s < half / RATE_HZ) == (part.channel == "left")
    assert list(found.summaries()) == ["left", "right"]
    assert not any(part.channel for part in fast.predict(tmp_path / "stereo.wav").segments)


def test_speakers_have_their_segments_and_a_voice_of_their_own(fast: Predictor, samples: Samples) -> None:
    long = np.tile(samples, 6)
    end_s = long.size / RATE_HZ
    turns = [Turn(0.0, end_s / 2, "anna"), Turn(end_s / 2, end_s, "ben")]
    plain, known = fast.predict(long, RATE_HZ), fast.predict(long, RATE_HZ, turns=turns)
    assert {part.speaker for part in known.segments} == {"anna", "ben"}
    assert known.segments[0].scores == pytest.approx(plain.segments[0].scores)
    last = max(number for number, part in enumerate(known.segments) if part.speaker == "anna" and part.end_s < 60)
    assert known.segments[last].start_s > 45
    assert known.segments[last].scores != pytest.approx(plain.segments[last].scores, abs=1e-3)


def test_a_stretch_is_divided_where_the_speaker_changes() -> None:
    turns = [Turn(0, 2, "a"), Turn(2, 2.1, "b"), Turn(2.1, 4, "a"), Turn(3, 6, "c")]
    parts = divided(Span(1.0, 7.0), turns)
    assert [(span.start_s, span.end_s, who) for span, who in parts] == [(1, 4, "a"), (4, 6, "c"), (6, 7, "")]
    for (before, _), (after, _) in pairwise(parts):
        assert before.end_s == after.start_s


def test_smoothing_draws_a_segment_to_the_one_before(fast: Predictor, samples: Samples) -> None:
    plain, smooth = fast.predict(samples, RATE_HZ), fast.predict(samples, RATE_HZ, smooth_s=1e6)
    one, other = plain.segments[:2]
    expected = {label: (one.scores[label] + other.scores[label]) / 2 for label in fast.classes}
    assert smooth.segments[0].scores == one.scores
    assert smooth.segments[1].scores == pytest.approx(expected, abs=1e-3)


def test_of_a_broken_file_what_can_be_read_is_predicted(fast: Predictor, file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 3 // 4])
    found = fast.predict(file)
    assert "cut short" in found.problem
    assert 0 < len(found.segments) < len(fast.predict(spoken(PHRASES, pause_s=0.9)[0], RATE_HZ).segments)


def test_a_prediction_can_be_stopped_and_reports_its_segments(fast: Predictor, file: Path) -> None:
    recorded: list[emotone.inference.prediction.Segment] = []
    found = fast.predict(file, on_segment=recorded.append, should_stop=lambda: True)
    assert "stopped after" in found.problem
    assert tuple(recorded) == found.segments
    assert fast.predict(file, on_segment=recorded.append).problem == ""


@pytest.mark.parametrize("kind", ["silence", "noise", "tone"])
def test_without_speech_a_long_recording_is_unsure(kind: str, fast: Predictor) -> None:
    time_s = np.arange(15 * RATE_HZ) / RATE_HZ
    rng = np.random.default_rng(0)
    sound = {"silence": 0 * time_s, "noise": 0.1 * rng.normal(size=time_s.size), "tone": 0.1 * np.sin(3000 * time_s)}
    found = fast.predict(sound[kind].astype(np.float32), RATE_HZ)
    assert (found.label, found.reason, found.segments) == ("unsure", "no_speech", ())
    assert sum(found.scores.values()) == pytest.approx(1)
    with pytest.raises(AudioError, match="is the recording empty"):
        fast.predict(np.zeros(0, dtype=np.float32), RATE_HZ, channel="split")


def test_memory_does_not_grow_with_the_recording(samples: Samples) -> None:
    recording = LongRecording(np.tile(samples, 10), RATE_HZ, RATE_HZ, "mix")
    longest = max(utterance.samples.size for utterance in recording)
    assert longest <= 9 * RATE_HZ
    assert recording.duration_s == pytest.approx(10 * samples.size / RATE_HZ)
    assert recording.beginning.size <= 10 * RATE_HZ
