"""The prediction for a recording, and arousal and valence derived from its probabilities."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.data.arousal_valence import RATINGS, arousal_valence
from emotone.data.corpora import published, published_names
from emotone.data.labels import AROUSAL, EMOTIONS, LABEL_SETS, label_map
from emotone.inference.prediction import LOW_CONFIDENCE, UNSURE, Prediction, make_prediction

FOUR = LABEL_SETS["four"]
HIGH, LOW = ("angry", "fear", "happy", "surprise"), ("boredom", "calm", "neutral", "sad")
LEVELS = ("low", "mid", "high")

probabilities = st.dictionaries(
    st.sampled_from([*RATINGS, "other", "mixed"]), st.floats(0, 1, allow_subnormal=False), min_size=1
)


def predicted(rows: list[list[float]], classes: tuple[str, ...] = FOUR, min_confidence: float = 0) -> Prediction:
    """Of a recording with a window of 1 s for each row of probabilities."""
    windows = [(float(second), second + 1.0) for second in range(len(rows))]
    return make_prediction(
        "call.wav", len(rows), windows, np.array(rows), ("", [""] * len(rows)), classes, min_confidence
    )


def certain(emotion: str) -> tuple[float, float]:
    arousal, valence = arousal_valence({emotion: 1.0})
    assert arousal is not None
    assert valence is not None
    return arousal, valence


@pytest.mark.parametrize(
    ("emotion", "arousal", "valence"),
    [("angry", 0.3, -0.6175), ("happy", 0.2625, 0.8675), ("neutral", -0.3875, 0.125), ("sad", -0.3775, -0.725)],
)
def test_a_certain_prediction_has_the_rating_of_its_emotion(emotion: str, arousal: float, valence: float) -> None:
    found = predicted([[float(label == emotion) for label in FOUR]])
    assert (found.arousal, found.valence) == pytest.approx((arousal, valence))


def test_the_mean_is_weighted_by_the_probabilities() -> None:
    found = predicted([[0.5, 0.25, 0.25, 0.0]])
    assert found.arousal == pytest.approx(0.5 * 0.3 + 0.25 * 0.2625 + 0.25 * -0.3875)
    assert found.valence == pytest.approx(0.5 * -0.6175 + 0.25 * 0.8675 + 0.25 * 0.125)


def test_each_segment_has_its_own() -> None:
    found = predicted([[1, 0, 0, 0], [0, 0, 0, 1]])
    assert [part.arousal for part in found.segments] == pytest.approx([0.3, -0.3775])
    assert [part.valence for part in found.segments] == pytest.approx([-0.6175, -0.725])
    assert found.arousal == pytest.approx((0.3 - 0.3775) / 2)


def test_a_label_counts_as_itself_whatever_was_added_to_it() -> None:
    emotions = ["angry", "calm", "happy", "neutral", "sad"]
    four = np.array([[0.1, 0.5, 0.1, 0.2, 0.1]]) @ label_map("four", emotions).matrix(emotions)
    found = predicted(four.tolist())
    assert found.scores["neutral"] == pytest.approx(0.7)
    assert (found.arousal, found.valence) == pytest.approx(arousal_valence(found.scores))
    assert found.arousal == pytest.approx(0.1 * 0.3 + 0.1 * 0.2625 + 0.7 * -0.3875 + 0.1 * -0.3775)


def test_a_label_without_rating_is_left_out() -> None:
    found = predicted([[0.4, 0.6]], ("angry", "other"))
    assert (found.label, found.arousal, found.valence) == ("other", *map(pytest.approx, certain("angry")))


def test_without_any_rating_there_is_neither() -> None:
    found = predicted([[0.4, 0.6]], ("other", "mixed"))
    assert (found.arousal, found.valence) == (None, None)
    assert json.loads(json.dumps(found.as_dict()))["segments"][0]["valence"] is None


def test_an_unsure_prediction_has_both_as_it_has_scores() -> None:
    found = predicted([[0.4, 0.2, 0.2, 0.2]], min_confidence=0.5)
    assert (found.label, found.reason) == (UNSURE, LOW_CONFIDENCE)
    assert (found.arousal, found.valence) == pytest.approx(arousal_valence(found.scores))


def test_json_has_four_digits_after_the_scores() -> None:
    plain = predicted([[1 / 3, 1 / 3, 1 / 3, 0]]).as_dict()
    assert (plain["arousal"], plain["valence"]) == (0.0583, 0.125)
    assert [*plain] == [
        "file", "duration_s", "label", "confidence", "scores", "arousal", "valence", "segments", "reason",
        "problem",
    ]  # fmt: skip
    assert [*plain["segments"][0]] == [
        "start_s", "end_s", "label", "confidence", "scores", "arousal", "valence", "reason", "speaker",
        "channel",
    ]  # fmt: skip


@given(probabilities)
def test_both_lie_between_those_of_the_emotions(scores: dict[str, float]) -> None:
    rated = [certain(emotion) for emotion, share in scores.items() if share and emotion in RATINGS]
    found = arousal_valence(scores)
    if not rated:
        assert found == (None, None)
    for value, of_emotions in zip(found, zip(*rated, strict=True), strict=False):
        assert value is not None
        assert -1 <= min(of_emotions) - 1e-9 <= value <= max(of_emotions) + 1e-9 <= 1


def test_every_emotion_of_a_corpus_has_a_rating() -> None:
    assert set(EMOTIONS).union(*(published(name).classes for name in published_names())) <= set(RATINGS)
    assert all(1 <= rating <= 9 for ratings in RATINGS.values() for rating in ratings)


@pytest.mark.parametrize("high", HIGH)
@pytest.mark.parametrize("low", LOW)
def test_aroused_emotions_are_above_calm_ones(high: str, low: str) -> None:
    assert certain(high)[0] > 0 > certain(low)[0]


def test_the_ratings_agree_with_the_levels_of_arousal() -> None:
    by_rating = sorted(AROUSAL, key=lambda emotion: RATINGS[emotion][0])
    levels = [LEVELS.index(AROUSAL[emotion]) for emotion in by_rating]
    assert levels == sorted(levels)


def test_pleasant_emotions_are_above_unpleasant_ones() -> None:
    pleasant, unpleasant = ("calm", "happy", "surprise"), ("angry", "boredom", "disgust", "fear", "sad")
    assert min(certain(emotion)[1] for emotion in pleasant) > 0 > max(certain(emotion)[1] for emotion in unpleasant)
