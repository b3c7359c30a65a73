"""Emotion names and aliases, and label maps that report what they drop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.data.labels import ALIASES, DROP, EMOTIONS, LABEL_SETS, NEAREST, canonical, label_map
from emotone.errors import EmotoneError, UnknownName

emotions = st.sampled_from([*EMOTIONS, "excited", "concerned"])


@pytest.mark.parametrize("emotion", [*EMOTIONS, *ALIASES.values()])
def test_a_canonical_name_is_its_own(emotion) -> None:
    assert canonical(emotion) == emotion


@pytest.mark.parametrize(
    ("name", "emotion"),
    [
        ("ANG", "angry"),
        (" Happiness ", "happy"),
        ("Pleasant Surprise", "surprise"),
        ("pleasant-surprised", "surprise"),
        ("ps", "surprise"),
        ("Ärger", "angry"),
        ("Trauer", "sad"),
        ("DIS", "disgust"),
        ("fearful", "fear"),
        ("NEU", "neutral"),
        ("su", "surprise"),
        ("sa", "sad"),
        ("Thoughtful", "thoughtful"),
        ("very  happy", "very_happy"),
        ("\u00a0Happy \u200b", "happy"),
        ("very\u00a0-happy", "very_happy"),
        ("ｓａｄ", "sad"),
        ("_sad_", "sad"),
    ],
)
def test_aliases_of_corpora_and_users_are_understood(name, emotion) -> None:
    assert canonical(name) == emotion


@given(st.text(max_size=30))
def test_naming_twice_is_naming_once(name) -> None:
    assert canonical(canonical(name)) == canonical(name)


@pytest.mark.parametrize("name", LABEL_SETS)
def test_common_sets_are_sorted_shared_names(name) -> None:
    labels = LABEL_SETS[name]
    assert list(labels) == sorted(set(labels) & set(EMOTIONS))
    assert len(labels) == {"four": 4, "five": 5, "six": 6, "seven": 7}[name]


def test_sets_lie_within_each_other_where_corpora_do() -> None:
    assert set(LABEL_SETS["four"]) < set(LABEL_SETS["five"]) < set(LABEL_SETS["seven"])
    assert set(LABEL_SETS["seven"]) == set(LABEL_SETS["six"]) | {"surprise"}


@given(
    st.sampled_from([*LABEL_SETS, "all"]),
    st.lists(emotions, min_size=1, max_size=12),
    st.dictionaries(emotions, st.sampled_from(["angry", "sad", DROP]), max_size=3),
)
def test_every_emotion_met_is_a_class_or_dropped_aloud(labels, met, changes) -> None:
    try:
        made = label_map(labels, met, changes)
    except EmotoneError:
        assert labels == "all", "a common set always has enough labels, and these two among them"
        return
    assert set(made.mapping) == set(met)
    for emotion in met:
        label = made(emotion)
        assert label is None or label in made.classes
        if emotion in changes:
            assert label == (None if changes[emotion] == DROP else changes[emotion])
        elif emotion in made.classes:
            assert label == emotion
        else:
            assert label == (NEAREST.get(emotion) if NEAREST.get(emotion) in made.classes else None)
        if label is None:
            assert emotion in made.describe().partition("dropped: ")[2]
        elif label != emotion:
            assert f"{emotion} -> {label}" in made.describe()


def test_an_emotion_that_was_not_met_has_no_label() -> None:
    assert label_map("four", ["angry"])("sad") is None


def test_all_keeps_every_emotion_met() -> None:
    made = label_map("all", ["sad", "calm", "excited", "sad"])
    assert made.classes == ("calm", "excited", "sad")
    assert made.describe() == "labels kept as they are"


def test_calm_and_excited_go_to_their_nearest_unless_kept_or_dropped() -> None:
    met = ["calm", "excited", "neutral", "happy"]
    assert label_map("four", met).describe() == "calm -> neutral, excited -> happy"
    assert label_map(["calm", "neutral", "happy"], met)("calm") == "calm"
    assert label_map("four", met, {"Calm": "drop"}).describe() == "excited -> happy; dropped: calm"
    assert label_map("all", met, {"excited": "happy"}).classes == ("calm", "happy", "neutral")


def test_own_labels_keep_their_order_and_count_once() -> None:
    assert label_map(["sad", "ANG", "angry"], ["sad"]).classes == ("sad", "angry")


def test_unusable_labels_are_refused() -> None:
    with pytest.raises(UnknownName, match="no label set 'sevn'; did you mean 'seven'"):
        label_map("sevn", ["sad"])
    with pytest.raises(UnknownName, match=r"label \(target of the change of 'calm'\) 'nutral'; did you mean 'neutral'"):
        label_map("four", ["calm"], {"calm": "nutral"})
    with pytest.raises(EmotoneError, match="at least two labels"):
        label_map("all", ["sad", "sad"])
    with pytest.raises(EmotoneError, match=r"these clips are angry"):
        label_map(["angry", "anger"], ["sad"])
