"""Votes of listeners: reading them, training on them, and scoring predictions against them."""

from __future__ import annotations

import csv
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.stats import entropy, pearsonr
from sklearn.metrics import accuracy_score, log_loss

from emotone import models
from emotone.data import corpora
from emotone.data.labels import label_map
from emotone.data.utterance import Table, Utterance
from emotone.errors import CorpusError, ModelError, RecipeError
from emotone.evaluation.scores import Predictions
from emotone.evaluation.votes import Votes, evaluate_votes, votes_of
from emotone.experiments import train as experiment
from emotone.experiments.ensemble import ensemble
from emotone.runs import recipe as recipes
from emotone.runs.dataset import read_data
from emotone.runs.recipe import Recipe
from emotone.runs.run import Run
from emotone.training.examples import Examples
from emotone.training.fit import fit
from emotone.training.settings import TrainingSettings
from tests.helpers import corpus_names
from tests.helpers.arrays import Arrays

CLASSES = ("angry", "happy", "neutral", "sad")
LETTERS = {"A": "angry", "D": "disgust", "F": "fear", "H": "happy", "N": "neutral", "S": "sad"}


def some_votes(clips: int = 60, listeners: int = 9) -> tuple[Predictions, Votes, np.ndarray]:
    """Predictions that lean towards the votes, the votes, and (clips, classes) counts."""
    rng = np.random.default_rng(0)
    distributions = rng.dirichlet(np.ones(4), clips)
    counts = np.array([rng.multinomial(listeners, row) for row in distributions])
    scores = log_softmax(2 * distributions + rng.normal(size=distributions.shape) / 2, axis=1)
    key = np.array([f"x/{n}" for n in range(clips)])
    speaker = np.array([f"x/{n % 6}" for n in range(clips)])
    same = np.full(clips, "x")
    truth = np.array(CLASSES)[distributions.argmax(axis=1)]
    given = Predictions(CLASSES, key, same, speaker, same, same, truth, scores)
    return given, Votes(key, counts / listeners, np.full(clips, listeners)), counts


def test_scores_against_votes_are_those_of_scipy_and_scikit_learn() -> None:
    given, votes, counts = some_votes()
    found = evaluate_votes(given, votes)
    assert found is not None
    clips, labels = np.nonzero(counts)  # every vote as a label of its own
    expected = log_loss(labels, np.exp(given.log_probs)[clips], sample_weight=counts[clips, labels], labels=range(4))
    assert found["cross_entropy"]["value"] == pytest.approx(expected)
    assert found["entropy"]["value"] == pytest.approx(entropy(counts, axis=1).mean())
    each = [pearsonr(votes.shares[:, k], np.exp(given.log_probs)[:, k]).statistic for k in range(4)]
    assert [found["per_class"][label]["value"] for label in CLASSES] == pytest.approx(each)
    assert found["pearson"]["value"] == pytest.approx(np.mean(each))
    clear = [n for n, row in enumerate(counts) if (row == row.max()).sum() == 1]
    right = accuracy_score(np.array(CLASSES)[counts[clear].argmax(axis=1)], given.prediction[clear])
    assert found["majority"]["clips"] == len(clear) < len(counts)
    assert found["majority"]["accuracy"]["value"] == pytest.approx(right)


def test_listener_agreement_is_that_of_all_pairs_of_listeners() -> None:
    given, votes, counts = some_votes(listeners=5)
    found = evaluate_votes(given, votes)
    assert found is not None
    same = []
    for row in counts:
        chosen = np.repeat(np.arange(4), row)
        same.append(np.mean([chosen[one] == chosen[other] for one, other in permutations(range(5), 2)]))
    assert found["agreement"]["listener"]["value"] == pytest.approx(np.mean(same))
    places = given.log_probs.argmax(axis=1)
    with_model = [np.mean(np.repeat(np.arange(4), row) == place) for row, place in zip(counts, places, strict=True)]
    assert found["agreement"]["model"]["value"] == pytest.approx(np.mean(with_model))
    assert found["agreement"]["best"]["value"] == pytest.approx((counts.max(axis=1) / 5).mean())


def test_a_model_that_is_one_more_listener_agrees_as_a_listener_does() -> None:
    rng = np.random.default_rng(1)
    distributions = rng.dirichlet(np.ones(4), 4000)
    counts = np.array([rng.multinomial(6, row) for row in distributions])
    chosen = np.array([rng.choice(4, p=row) for row in distributions])
    key = np.arange(4000).astype(str)
    given = Predictions(CLASSES, key, key, key, key, key, np.full(4000, "sad"), np.log(np.eye(4)[chosen] * 0.96 + 0.01))
    one_corpus = Predictions(CLASSES, key, np.full(4000, "x"), key, key, key, given.truth, given.log_probs)
    found = evaluate_votes(one_corpus, Votes(key, counts / 6, np.full(4000, 6)))
    assert found is not None
    agreement = found["agreement"]
    assert agreement["model"]["value"] == pytest.approx(agreement["listener"]["value"], abs=0.02)


def test_predictions_equal_to_the_votes_agree_fully() -> None:
    given, votes, _ = some_votes()
    with np.errstate(divide="ignore"):
        perfect = Predictions(*[getattr(given, n) for n in ("classes", "key", "corpus", "speaker", "sex", "fold")],
                              given.truth, np.log(votes.shares))  # fmt: skip
    found = evaluate_votes(perfect, votes)
    assert found is not None
    assert found["pearson"]["value"] == pytest.approx(1)
    assert found["cross_entropy"]["value"] == pytest.approx(found["entropy"]["value"])
    assert found["majority"]["accuracy"]["value"] == 1
    assert found["agreement"]["model"] == found["agreement"]["best"]


def test_clips_without_votes_do_not_count_and_without_any_there_is_no_score() -> None:
    given, votes, _ = some_votes()
    half = Votes(votes.key, np.where(np.arange(60)[:, None] < 30, votes.shares, np.nan), votes.listeners)
    first = np.arange(30)
    assert evaluate_votes(given, half) == evaluate_votes(given.take(first), votes)
    assert evaluate_votes(given, Votes(votes.key, votes.shares * np.nan, votes.listeners)) is None
    assert evaluate_votes(given, None) is None


def test_an_unknown_number_of_listeners_gives_no_listener_agreement() -> None:
    given, votes, _ = some_votes()
    found = evaluate_votes(given, Votes(votes.key, votes.shares, np.zeros(60, dtype=np.int64)))
    assert found is not None
    assert found["listeners"] is None
    assert found["agreement"]["listener"]["value"] is None
    assert found["agreement"]["model"]["value"] is not None


def test_votes_are_mapped_like_emotions_and_votes_for_dropped_ones_are_left_out() -> None:
    rows = [
        Utterance("x", "1", Path("1"), "sad", "x/1", votes={"sad": 0.5, "calm": 0.25, "fear": 0.25}, listeners=8),
        Utterance("x", "2", Path("2"), "neutral", "x/1", votes={"fear": 1.0}, listeners=8),
        Utterance("x", "3", Path("3"), "neutral", "x/1"),
    ]
    votes = votes_of(Table(rows), label_map(["neutral", "sad"], ["sad", "neutral"]), {})
    assert votes is not None
    np.testing.assert_allclose(votes.shares[0], [1 / 3, 2 / 3])
    assert votes.listeners.tolist() == [6, 0, 0]
    assert votes.known.tolist() == [True, False, False]
    np.testing.assert_allclose(votes.targets(np.array([1, 0, 0])), [[1 / 3, 2 / 3], [1, 0], [1, 0]])
    assert votes_of(Table(rows[2:]), label_map(["neutral", "sad"], ["neutral"]), {}) is None


def soft(name: str, shares: np.ndarray, values: np.ndarray, **settings: Any) -> Any:
    return models.make(name, **settings).fit(values, shares, np.ones(shares.shape[1]))


@pytest.mark.parametrize("name", ["ridge", "logistic"])
def test_votes_are_repeated_clips_for_a_linear_model(name: str) -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(30, 4)).astype(np.float32)
    counts = np.array([rng.multinomial(4, row) for row in rng.dirichlet(np.ones(3), 30)])
    clips, labels = np.repeat(np.arange(30), 4), np.concatenate([np.repeat(np.arange(3), row) for row in counts])
    # four times the clips weigh four times as much against the penalty
    weak, strong = ({"penalty": 5.0}, {"penalty": 20.0}) if name == "ridge" else (
        {"inverse_penalty": 1.0}, {"inverse_penalty": 0.25})  # fmt: skip
    by_votes = soft(name, counts / 4, values, **weak)
    repeated = models.make(name, **strong).fit(values[clips], np.eye(3)[labels], np.ones(3))
    np.testing.assert_allclose(by_votes.scores(values), repeated.scores(values), atol=2e-3)


def test_a_model_of_single_labels_refuses_votes_in_one_line() -> None:
    content = {"title": "x", "data": {"corpora": ["crema_d"], "targets": "votes"}, "feature": "functionals"}
    with pytest.raises(
        RecipeError,
        match=r"one label per clip; for data\.targets=votes take logistic or ridge, or a net",
    ):
        recipes.parse({**content, "model": "lda"})
    with pytest.raises(ModelError, match="not from votes"):
        soft("lda", np.array([[1, 0], [0, 1], [0.5, 0.5]]), np.zeros((3, 2), dtype=np.float32))


@pytest.mark.parametrize("name", ["mlp", "ridge"])
def test_training_on_votes_improves_the_agreement_with_them(name: str) -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(400, 3)).astype(np.float32)
    shares = np.exp(log_softmax(2 * values, axis=1))
    labels = shares.argmax(axis=1)
    settings = TrainingSettings(epochs=15, batch=32, patience=0, learning_rate=0.01, precision="fp32")
    found = []
    for targets in (shares, None):
        sides = [Examples(Arrays(values), labels, rows, None, targets) for rows in np.split(np.arange(300), [220])]
        fitted = fit(models.make(name), *sides, 3, settings, seed=0)
        chosen = fitted.log_probabilities(Arrays(values), np.arange(300, 400))
        found.append(-(shares[300:] * chosen).sum(axis=1).mean())
    assert found[0] < found[1] - 0.01, found


def made_up_crema_d(root: Path) -> None:
    """Hums under names of CREMA-D, and a vote table with the columns of the real one."""
    names = corpus_names.some("crema_d", 600)[:120]
    corpus_names.write(root, names, seconds=0.05)
    rng = np.random.default_rng(6)
    columns = ["", *LETTERS, "fileName", "numResponses", "agreement", "emoVote", "meanEmoResp"]
    with (root / "tabulatedVotes.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(columns)
        for number, name in enumerate(names, start=1):
            for shown in (1, 2, 3):  # voice, face, both
                likely = [1 + 4 * (emotion == name.metadata["emotion"]) for emotion in LETTERS.values()]
                votes = rng.multinomial(9, np.array(likely) / sum(likely)) if shown == 1 else [9, 0, 0, 0, 0, 0]
                row = [f"{shown}{number:05d}", *map(int, votes), Path(name.path).name]
                writer.writerow([*row, 9, max(votes) / 9, "A", 50.0])


def voted(model: str, **data: Any) -> Recipe:
    content: dict[str, Any] = {
        "title": "by votes", "data": {"corpora": ["crema_d"], "folds": 2, **data}, "seed": 1,
        "feature": {"name": "mean_std", "coefficients": 8, "mels": 16}, "model": model,
        "training": {"epochs": 2, "precision": "fp32"},
    }  # fmt: skip
    return recipes.parse(content)


@pytest.mark.parametrize("model", ["ridge", "logistic", "mlp"])
def test_a_run_trains_on_votes_and_is_scored_against_them(model: str, tmp_path: Path) -> None:
    made_up_crema_d(tmp_path / "crema_d")
    given = voted(model, targets="votes")
    dataset = read_data(given.data, tmp_path)
    assert dataset.targets is not None
    assert not np.isin(dataset.targets, [0, 1]).all()
    assert dataset.votes is not None
    assert set(dataset.votes.listeners.tolist()) == {9}
    assert dataset.fingerprint != read_data(voted(model).data, tmp_path).fingerprint
    run = experiment.train(given, data=tmp_path, out=tmp_path / "run", keep_model=False)
    expected = run.scores["votes"]
    assert (expected["clips"], expected["listeners"]) == (120, 9)
    assert expected["agreement"]["model"]["value"] <= expected["agreement"]["best"]["value"]
    assert expected["cross_entropy"]["value"] > expected["entropy"]["value"]
    assert "Agreement with listeners" in (run.folder / "report.html").read_text(encoding="utf-8")


def test_an_ensemble_is_scored_against_the_votes_of_its_members_clips(tmp_path: Path) -> None:
    made_up_crema_d(tmp_path / "crema_d")
    for name in ("ridge", "logistic"):
        experiment.train(voted(name), data=tmp_path, out=tmp_path / name, keep_model=False)
    both = ensemble([tmp_path / "ridge", tmp_path / "logistic"], out=tmp_path / "both")
    members = [Run(tmp_path / name).scores["votes"] for name in ("ridge", "logistic")]
    for same in ("clips", "listeners", "entropy"):
        assert both.scores["votes"][same] == members[0][same] == members[1][same]
    assert both.scores["votes"]["agreement"]["listener"] == members[0]["agreement"]["listener"]


def test_learning_votes_of_a_corpus_without_any_is_refused_with_what_to_do(tmp_path: Path) -> None:
    corpus_names.write(tmp_path / "crema_d", corpus_names.some("crema_d"), seconds=0.05)
    with pytest.raises(CorpusError, match=r"no clip of crema_d has any; crema_d has them if tabulatedVotes.csv"):
        read_data(voted("ridge", targets="votes").data, tmp_path)
    assert read_data(voted("ridge").data, tmp_path).votes is None


@pytest.mark.real
def test_the_listeners_of_crema_d_agree_as_published(real_data: Path, tmp_path: Path) -> None:
    root = tmp_path / "crema_d"
    root.mkdir()
    (root / "tabulatedVotes.csv").symlink_to(real_data / "crema_d" / "tabulatedVotes.csv")
    for stem in corpora.published("crema_d").index():
        (root / f"{stem}.wav").touch()
    table = corpora.make("crema_d").read(root)
    votes = votes_of(table, label_map("six", table.column("emotion")), {})
    assert votes is not None
    assert votes.known.all()
    assert len(table) == 7442
    acted = np.array([sorted(LETTERS.values()).index(emotion) for emotion in table.column("emotion")])
    right = (votes.shares[np.arange(7442), acted] * votes.listeners).sum() / votes.listeners.sum()
    assert right == pytest.approx(0.409, abs=0.01)  # Cao et al. 2014: 40.9 % on the voice alone; the table has 40.0
    with (root / "tabulatedVotes.csv").open(encoding="utf-8", newline="") as handle:
        expected = {row["fileName"]: row for row in csv.DictReader(handle) if row[""].startswith("1")}
    own = [expected[row.id] for row in table]
    np.testing.assert_allclose(votes.shares.max(axis=1), [float(row["agreement"]) for row in own])
    assert votes.listeners.tolist() == [int(row["numResponses"]) for row in own]
    ties = (np.isclose(votes.shares, votes.shares.max(axis=1, keepdims=True))).sum(axis=1) > 1
    assert ties.sum() == 644
    assert 9 < votes.listeners.mean() < 11
