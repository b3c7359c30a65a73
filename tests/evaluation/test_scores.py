"""Predictions come back from disk as they were, and their scores are the ones counted by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from emotone.errors import LengthMismatch, TableError
from emotone.evaluation import metrics
from emotone.evaluation.scores import Predictions, evaluate

CLASSES = ("angry", "neutral", "sad")


def synthetic(seed: int = 0, speakers: int = 6, corpus: str = "a", right: float = 0.6) -> Predictions:
    """Fifteen clips per speaker, with this share of correct predictions."""
    rng = np.random.default_rng(seed)
    truth = np.tile(np.arange(3), 5 * speakers)
    guess = np.where(rng.random(truth.size) < right, truth, (truth + 1) % 3)
    scores = rng.normal(size=(truth.size, 3)) + 3 * np.eye(3)[guess]
    scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
    who = np.repeat(np.arange(speakers), 15)
    return Predictions(
        classes=CLASSES,
        key=np.array([f"{corpus}/{i}" for i in range(truth.size)]),
        corpus=np.full(truth.size, corpus),
        speaker=np.array([f"{corpus}/{s}" for s in who]),
        sex=np.where(who % 2, "male", "female"),
        fold=(who % 5).astype(str),
        truth=np.array(CLASSES)[truth],
        log_probs=scores,
    )


def test_predictions_come_back_from_csv_as_they_were(tmp_path) -> None:
    given = synthetic()
    scores = given.log_probs.copy()
    scores[0] = [0, -np.inf, -700]
    given = replace(given, log_probs=scores, speaker=np.char.add(given.speaker, ', "é"'))
    given.to_csv(tmp_path / "new" / "predictions.csv")
    found = Predictions.from_csv(tmp_path / "new" / "predictions.csv")
    assert found.classes == given.classes
    for name in ("key", "corpus", "speaker", "sex", "fold", "truth", "prediction"):
        assert np.array_equal(getattr(found, name), getattr(given, name))
    assert np.exp(found.log_probs) == pytest.approx(np.exp(given.log_probs), rel=1e-12, abs=0)
    assert evaluate(found, draws=50)["scores"]["uar"] == evaluate(given, draws=50)["scores"]["uar"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["predictions.csv"], "no temporary file stays"


def test_the_csv_can_be_read_without_this_package(tmp_path) -> None:
    synthetic().take(np.array([0])).to_csv(tmp_path / "p.csv")
    header, row = (tmp_path / "p.csv").read_text(encoding="utf-8").splitlines()
    assert header == "key,corpus,speaker,sex,fold,truth,prediction,confidence,p_angry,p_neutral,p_sad"
    cells = dict(zip(header.split(","), row.split(","), strict=True))
    probabilities = {label: float(cells[f"p_{label}"]) for label in CLASSES}
    assert sum(probabilities.values()) == pytest.approx(1)
    assert probabilities[cells["prediction"]] == float(cells["confidence"]) == max(probabilities.values())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no column key"),
        ("key,corpus,speaker,sex,fold,truth\n", "no predictions to evaluate"),
        ("key,corpus,speaker,sex,truth\n", "no column fold"),
        ("key,corpus,speaker,sex,fold,truth,p_a\nk,c,s,f,1,a,high\n", "could not convert"),
        ("key,corpus,speaker,sex,fold,truth,p_a\nk,c,s,f,1,a\n", "a row does not match the header"),
        ("key,corpus,speaker,sex,fold,truth,p_a\nk,c,s,f,1,b,1\n", "truth 'b' is not one of the classes a"),
        ("key,corpus,speaker,sex,fold,truth,p_a\nk,c,s,f,1,a,nan\n", "not numbers"),
        ("key,corpus,speaker,sex,fold,truth,p_a\n" + "k,c,s,f,1,a,1\n" * 2, "k is predicted twice"),
    ],
)
def test_a_damaged_csv_is_refused(tmp_path, text, complaint) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TableError, match=complaint):
        evaluate(Predictions.from_csv(path))


def test_an_absent_csv_is_an_error(tmp_path) -> None:
    with pytest.raises(TableError, match="no predictions can be read"):
        Predictions.from_csv(tmp_path / "none.csv")


def test_folds_are_concatenated_in_order() -> None:
    table = synthetic()
    parts = [table.take(table.fold == str(fold)) for fold in range(5)]
    joined = Predictions.concatenate(parts)
    assert sorted(joined.key) == sorted(table.key)
    assert joined.fold.tolist() == sorted(table.fold.tolist())
    with pytest.raises(TableError, match="predicted twice"):
        Predictions.concatenate([table, parts[0]])
    with pytest.raises(TableError, match="classes differ"):
        Predictions.concatenate([table, replace(synthetic(corpus="b"), classes=("sad", "neutral", "angry"))])
    with pytest.raises(TableError, match="no predictions"):
        Predictions.concatenate([])


def test_columns_of_other_lengths_are_refused() -> None:
    with pytest.raises(LengthMismatch, match="speaker has 1"):
        replace(synthetic(), speaker=np.array(["a/1"]))
    with pytest.raises(TableError, match=r"\(90, 2\)"):
        replace(synthetic(), log_probs=np.zeros((90, 2)))


def test_the_scores_of_one_corpus_are_those_of_its_clips() -> None:
    given = synthetic()
    found = evaluate(given)
    truth, guess = given.truth, given.prediction
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["classes"] == list(CLASSES)
    assert (found["clips"], found["speakers"], found["corpora"]) == (90, 6, ["a"])
    expected = {
        "uar": metrics.uar(truth, guess),
        "accuracy": metrics.accuracy(truth, guess),
        "macro_f1": metrics.macro_f1(truth, guess),
        "ece": float(metrics.calibration_error(metrics.calibration_gaps(truth == guess, given.confidence).sum(axis=0))),
        "brier": metrics.brier(given.log_probs, [CLASSES.index(label) for label in truth]).mean(),
    }
    assert {name: score["value"] for name, score in found["scores"].items()} == pytest.approx(expected)
    for score in found["scores"].values():
        assert score["low"] < score["value"] < score["high"]
    assert np.array_equal(found["confusion"], metrics.confusion_matrix(truth, guess, CLASSES))
    for number, label in enumerate(CLASSES):
        of_class = found["per_class"][label]
        assert of_class["clips"] == 30
        for name, score in (("precision", metrics.precision), ("recall", metrics.recall), ("f1", metrics.f1)):
            assert of_class[name]["value"] == pytest.approx(score(found["confusion"])[number])
            assert of_class[name]["low"] <= of_class[name]["value"] <= of_class[name]["high"]
    for name in ("clips", "speakers", "scores", "per_class", "confusion"):
        assert found["per_corpus"]["a"][name] == found[name]
    own = given.speaker == "a/3"
    assert found["per_speaker"]["a/3"] == {
        "clips": 15,
        "uar": metrics.uar(truth[own], guess[own]),
        "accuracy": metrics.accuracy(truth[own], guess[own]),
        "sex": "male",
        "corpus": "a",
    }


def test_several_corpora_are_averaged_and_never_pooled() -> None:
    easy, hard = (
        synthetic(1, speakers=20, corpus="easy", right=0.95),
        synthetic(2, speakers=4, corpus="hard", right=0.3),
    )
    found = evaluate(Predictions.concatenate([easy, hard]))
    alone = [evaluate(part) for part in (easy, hard)]
    for name, score in found["scores"].items():
        assert score["value"] == pytest.approx(np.mean([one["scores"][name]["value"] for one in alone]))
    pooled = metrics.uar([*easy.truth, *hard.truth], [*easy.prediction, *hard.prediction])
    assert found["scores"]["uar"]["value"] < pooled - 0.1
    assert np.array_equal(found["confusion"], np.add(alone[0]["confusion"], alone[1]["confusion"]))
    assert (found["clips"], found["speakers"]) == (360, 24)
    for one, corpus in zip(alone, ("easy", "hard"), strict=True):
        assert found["per_corpus"][corpus] == one["per_corpus"][corpus]


def test_a_class_that_a_corpus_does_not_have_does_not_count_there() -> None:
    both, fewer = synthetic(1, corpus="a"), synthetic(2, corpus="b")
    fewer = fewer.take(fewer.truth != "sad")
    found = evaluate(Predictions.concatenate([both, fewer]))
    assert found["per_corpus"]["b"]["per_class"]["sad"] == {
        "clips": 0,
        **{score: {"value": None, "low": None, "high": None} for score in ("precision", "recall", "f1")},
    }
    assert found["per_class"]["sad"]["recall"] == found["per_corpus"]["a"]["per_class"]["sad"]["recall"]
    recalls = [found["per_corpus"]["b"]["per_class"][label]["recall"]["value"] for label in ("angry", "neutral")]
    assert found["per_corpus"]["b"]["scores"]["uar"]["value"] == pytest.approx(np.mean(recalls))
    json.dumps(found, allow_nan=False)


def test_one_speaker_gives_scores_without_an_interval() -> None:
    found = evaluate(synthetic(speakers=1))
    assert all(score["low"] is None and score["high"] is None for score in found["scores"].values())
    assert found["scores"]["uar"]["value"] is not None
    json.dumps(found, allow_nan=False)


def test_the_most_frequent_errors_come_first_and_right_answers_do_not() -> None:
    given = synthetic(right=0.5)
    listed = evaluate(given, draws=10)["per_corpus"]["a"]["most_confused"]
    clips = [error["clips"] for error in listed]
    assert clips == sorted(clips, reverse=True)
    assert sum(clips) == (given.truth != given.prediction).sum(), "three classes have fewer than ten errors"
    for error in listed:
        assert error["truth"] != error["prediction"]
        both = (given.truth == error["truth"]) & (given.prediction == error["prediction"])
        assert error["clips"] == both.sum()
        assert error["share"] == pytest.approx(both.sum() / 30)


def test_a_person_of_two_corpora_is_one_speaker() -> None:
    speech, song = synthetic(1, speakers=3), synthetic(2, speakers=3, corpus="song")
    song = replace(song, speaker=speech.speaker)
    found = evaluate(Predictions.concatenate([speech, song]), draws=10)
    assert found["speakers"] == 3
    assert found["per_speaker"]["a/0"]["corpus"] == "a+song"
    assert found["per_speaker"]["a/0"]["clips"] == 30


def test_the_same_predictions_give_the_same_scores() -> None:
    assert evaluate(synthetic()) == evaluate(synthetic())
    assert evaluate(synthetic())["scores"]["uar"]["low"] != evaluate(synthetic(), seed=1)["scores"]["uar"]["low"]
