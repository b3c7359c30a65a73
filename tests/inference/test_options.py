"""Arguments of a prediction: labels by name and by set, values of wrong types, damaged voice profiles, odd sources."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from emotone.audio import synthetic
from emotone.audio.read import RATE_HZ
from emotone.errors import AudioError, EmotoneError, ModelError, UnknownName
from emotone.inference.batching import batch_catching, map_catching
from emotone.inference.predictor import Predictor, load_model, predict

CLIP = synthetic.syllables("sad", seconds=1.0)


@pytest.fixture(scope="module")
def default() -> Predictor:
    return load_model("default", threads=1)


def test_the_labels_of_a_set_in_any_order_are_the_set(default: Predictor) -> None:
    by_name = default.predict(CLIP, RATE_HZ, labels="four")
    for labels in permutations(["angry", "happy", "neutral", "sad"]):
        assert default.predict(CLIP, RATE_HZ, labels=labels) == by_name
    assert default.predict(CLIP, RATE_HZ, labels=["Anger", "joy", "neutral", "sadness"]) == by_name
    fewer = default.predict(CLIP, RATE_HZ, labels=["sad", "angry"])
    assert [*fewer.scores] == ["sad", "angry"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"labels": ["sad", "sda"]}, "no label of this model 'sda'; did you mean 'sad'"),
        ({"labels": "sad"}, "no label set 'sad'"),
        ({"labels": ["sad"]}, "at least two labels"),
        ({"labels": None}, "labels must be"),
        ({"labels": [1, 2]}, "labels must be"),
        ({"min_confidence": 1.5}, "min_confidence must be a number from 0 to 1; came 1.5"),
        ({"min_confidence": "high"}, "min_confidence must be"),
        ({"min_confidence": float("nan")}, "min_confidence must be"),
        ({"voice": "anna"}, "voice must be a voice profile, .* came str"),
        ({"rate_hz": "16000"}, "rate_hz must be"),
        ({"rate_hz": 0}, "rate_hz must be"),
        ({"rate_hz": None}, "pass rate_hz="),
    ],
)
def test_a_wrong_argument_is_named_before_the_work(default: Predictor, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(EmotoneError, match=expected):
        default.predict(CLIP, **{"rate_hz": RATE_HZ, **options})


def test_models_and_sources_of_wrong_types_are_named(default: Predictor) -> None:
    for model in (None, 3, ["default"]):
        with pytest.raises(ModelError, match=f"came {type(model).__name__}"):
            load_model(model)  # type: ignore[arg-type]
        with pytest.raises(ModelError, match=f"came {type(model).__name__}"):
            predict(CLIP, RATE_HZ, model=model)  # type: ignore[arg-type]
    for call in (default.predict_many, default.enrol):
        with pytest.raises(EmotoneError, match="expected several recordings"):
            call("call.wav")
        with pytest.raises(EmotoneError, match="expected several recordings"):
            call(None)  # type: ignore[arg-type]
    with pytest.raises(EmotoneError, match="workers must be"):
        default.predict_many([CLIP], RATE_HZ, workers=0)


def test_odd_sources_among_many_are_results(default: Predictor) -> None:
    sources: list[Any] = [CLIP, None, CLIP[:0], "nowhere.wav", {"samples": CLIP}, CLIP]
    results = list(default.predict_many(sources, RATE_HZ))
    assert [isinstance(result, AudioError) for result in results] == [False, True, True, True, True, False]
    assert results[0] == results[5]


def test_a_damaged_voice_profile_is_named_before_the_work(default: Predictor) -> None:
    voice = default.enrol([CLIP], RATE_HZ)
    default.predict(CLIP, RATE_HZ, voice=voice)
    name = next(iter(voice.means))
    for damaged in (
        replace(voice, means={}),
        replace(voice, means=voice.means | {name: voice.means[name][:-1]}),
        replace(voice, emotions=voice.emotions[1:]),
        replace(voice, seconds=float("nan")),
    ):
        with pytest.raises(ModelError, match="enrol the speaker again"):
            default.predict(CLIP, RATE_HZ, voice=damaged)
    with pytest.raises(UnknownName):
        default.predict(CLIP, RATE_HZ, voice=voice, labels="nine")


def test_only_the_item_that_fails_has_an_error_also_in_a_batch() -> None:
    def inverse(items: list[int]) -> list[float]:
        return [1 / item for item in items]

    results = batch_catching(inverse, [1, 0, 2], ["a", "b", "c"])
    assert [results[0], results[2]] == [1.0, 0.5]
    assert str(results[1]) == "b: cannot be used (ZeroDivisionError: division by zero)"
    with pytest.raises(ModelError):
        map_catching(lambda item: _raise(ModelError("of all")), [1], ["a"])


def _raise(problem: Exception) -> None:
    raise problem
