"""Voice activity and segments: the same whatever the blocks, between the pauses, and bounded in length."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.audio.read import RATE_HZ, Samples, resample
from emotone.inference import voice_activity
from emotone.inference.speech_segments import Segmenter, SegmentSettings, Span, powers
from emotone.inference.speech_stream import SpeechStream
from emotone.inference.voice_activity import WINDOW_S, VoiceActivity
from tests.helpers.sounds import spoken

WEIGHTS = Path(voice_activity.__file__).parent / "weights" / "silero_vad_16k_sequence.onnx"


@pytest.fixture(scope="module")
def phrases() -> tuple[Samples, list[Span]]:
    """Four spoken phrases with a second of faint noise before each; and where they are."""
    return spoken(4, pause_s=1.0)


def test_the_detector_is_the_one_that_the_documents_name() -> None:
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert digest in (WEIGHTS.parent / "README.md").read_text(encoding="utf-8")
    assert "MIT License" in (WEIGHTS.parent / "silero_vad_LICENSE.txt").read_text(encoding="utf-8")


def test_the_detector_is_run_as_its_authors_do(phrases: tuple[Samples, list[Span]]) -> None:
    """Window after window, each with the 64 samples before it, and with the state of the one before."""
    samples = phrases[0][: 40 * 512]
    session = onnxruntime.InferenceSession(str(WEIGHTS), providers=["CPUExecutionProvider"])
    hidden = cell = np.zeros((1, 1, 128), dtype=np.float32)
    padded, expected = np.concatenate([np.zeros(64, dtype=np.float32), samples]), []
    for first in range(0, samples.size, 512):
        window = padded[None, first : first + 576]
        found, hidden, cell = session.run(None, {"input": window, "h": hidden, "c": cell})
        expected.append(found[0])
    detector = VoiceActivity()
    parts = [detector.feed(part) for part in np.array_split(samples, 7)]
    np.testing.assert_allclose(np.concatenate([*parts, detector.finish()]), expected, atol=1e-6)


def test_phrases_are_found_and_noise_is_not(phrases: tuple[Samples, list[Span]]) -> None:
    samples, truth = phrases
    stream = SpeechStream(RATE_HZ)
    found = [speech.span for speech in stream.feed(samples, last=True)]
    for span in truth:
        near = [one for one in found if one.end_s > span.start_s and one.start_s < span.end_s]
        assert near, span
        assert near[0].start_s == pytest.approx(span.start_s, abs=0.4)
        assert near[-1].end_s == pytest.approx(span.end_s, abs=0.4)
    noise = np.random.default_rng(1).normal(scale=0.1, size=5 * RATE_HZ).astype(np.float32)
    assert SpeechStream(RATE_HZ).feed(noise, last=True) == []


def test_a_segment_comes_half_a_second_after_its_last_window_of_speech(phrases: tuple[Samples, list[Span]]) -> None:
    samples, _ = phrases
    stream = SpeechStream(RATE_HZ)
    block = RATE_HZ // 50
    for first in range(0, samples.size, block):
        for speech in stream.feed(samples[first : first + block]):
            assert stream.heard_s - (speech.span.end_s - 0.1) <= 0.5


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 40_000), min_size=1, max_size=8), rate_hz=st.sampled_from([16_000, 8000, 44_100]))
def test_blocks_of_any_size_give_the_same_speech(sizes: list[int], rate_hz: int) -> None:
    samples = resample(spoken(2, pause_s=0.8)[0], RATE_HZ, rate_hz)
    whole = SpeechStream(rate_hz).feed(samples, last=True)
    stream, found, first = SpeechStream(rate_hz), [], 0
    for size in [*sizes, samples.size]:
        found += stream.feed(samples[first : first + size])
        first += size
    found += stream.feed(samples[:0], last=True)
    assert [speech.span for speech in found] == [speech.span for speech in whole]
    for one, other in zip(found, whole, strict=True):
        np.testing.assert_allclose(one.samples, other.samples, atol=1e-6)


PROBABILITIES = st.lists(st.floats(0, 1), max_size=600)


@settings(max_examples=60, deadline=None)
@given(probabilities=PROBABILITIES, cut=st.integers(0, 600), seed=st.integers(0, 9))
def test_segments_keep_their_bounds_whatever_the_blocks(probabilities: list[float], cut: int, seed: int) -> None:
    loudness = np.random.default_rng(seed).random(len(probabilities))
    one, two = Segmenter(), Segmenter()
    whole = one.feed(probabilities, loudness) + one.finish()
    parts = two.feed(probabilities[:cut], loudness[:cut]) + two.feed(probabilities[cut:], loudness[cut:])
    assert parts + two.finish() == whole
    rules = SegmentSettings()
    for span in whole:
        assert 0 <= span.start_s < span.end_s <= len(probabilities) * WINDOW_S + 1e-3
        assert span.end_s - span.start_s <= rules.longest_s + 2 * rules.padding_s + WINDOW_S
    for before, after in pairwise(whole):
        assert after.start_s >= before.end_s


def test_a_long_stretch_is_cut_at_its_quietest_place() -> None:
    loudness = np.ones(380)
    loudness[150] = 0.01
    segmenter = Segmenter()
    (first, second) = segmenter.feed(np.ones(380), loudness) + segmenter.finish()
    assert first.end_s == second.start_s == pytest.approx(150 * WINDOW_S, abs=2 * WINDOW_S)


def test_powers_are_means_of_squares() -> None:
    samples = np.random.default_rng(0).normal(size=1300).astype(np.float32)
    expected = [np.mean(samples[first : first + 512] ** 2) for first in (0, 512, 1024)]
    np.testing.assert_allclose(powers(samples, 512), expected, rtol=1e-6)
    assert powers(samples[:0], 512).size == 0
