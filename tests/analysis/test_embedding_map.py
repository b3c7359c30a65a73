"""Embedding maps: separate clusters stay separate, neighbours are those of scikit-learn, and pages show both."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from emotone.analysis import embedding_map
from emotone.analysis.embedding_map import balanced, neighbours, places, unit, write_map
from emotone.experiments import train as experiment
from emotone.reports.charts.embedding_map import embedding_map as draw_map
from emotone.reports.run_page import write_report
from emotone.runs import recipe as recipes
from emotone.runs.run import Run
from tests.helpers.members import MEMBERS

EMOTIONS, VOICES = np.array(["angry", "sad"]), np.array(["x/1", "x/2", "x/3", "x/4"])


def clouds(by: np.ndarray, *, clips: int = 60, apart: float = 6.0) -> np.ndarray:
    """(clips, 5) of unit length: a cluster around a separate direction for each number in `by`."""
    rng = np.random.default_rng(2)
    return unit((apart * np.eye(5)[by] + rng.normal(size=(clips, 5))).astype(np.float32))


@pytest.fixture(scope="module")
def runs(syllables: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A linear model, a network, and the network on a random split."""
    folder = tmp_path_factory.mktemp("maps")
    made = {}
    for name, settings, protocol in (
        ("ridge", MEMBERS["ridge"], "speakers"),
        ("network", MEMBERS["network"], "speakers"),
        ("random", MEMBERS["network"], "random"),
    ):
        data = {"corpora": [str(syllables)], "folds": 3, "run_folds": 2, "protocol": protocol}
        recipe = recipes.parse({"title": f"the {name}", "seed": 4, "data": data, **settings})
        made[name] = experiment.train(recipe, out=folder / name, keep_model=False)
    return made


def points(run: Run) -> list[dict[str, str]]:
    with (run.folder / "map.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_two_clouds_that_are_apart_stay_apart_on_the_map() -> None:
    by = np.arange(60) % 2
    found = places(clouds(by))
    assert found.min() >= 0
    assert found.max() <= 1
    centres = np.stack([found[by == side].mean(axis=0) for side in (0, 1)])
    widest = max(np.linalg.norm(found[by == side] - centres[side], axis=1).max() for side in (0, 1))
    assert np.linalg.norm(centres[0] - centres[1]) > 1.5 * widest


def test_the_same_seed_gives_the_same_map() -> None:
    embeddings = clouds(np.arange(60) % 3)
    np.testing.assert_array_equal(places(embeddings, seed=1), places(embeddings, seed=1))


@pytest.mark.parametrize("clips", [0, 1, 3, 4, 5])
def test_few_clips_have_coordinates(clips: int) -> None:
    found = places(clouds(np.arange(clips) % 2, clips=clips))
    assert found.shape == (clips, 2)
    assert np.isfinite(found).all()


def test_equal_embeddings_are_put_in_one_place() -> None:
    for embeddings in (np.zeros((20, 4), dtype=np.float32), unit(np.ones((20, 4), dtype=np.float32))):
        assert (places(embeddings) == 0.5).all()


def test_one_dimension_is_enough_for_a_map() -> None:
    assert np.isfinite(places(np.linspace(-1, 1, 12, dtype=np.float32)[:, None])).all()


def test_lengths_are_one_and_zeros_stay_zeros() -> None:
    found = unit(np.array([[3, 4], [0, 0], [65504, 65504]], dtype=np.float32))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), [1, 0, 1], rtol=1e-6)


@pytest.mark.parametrize("by_voice", [True, False])
def test_the_neighbours_are_those_that_scikit_learn_finds(by_voice: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_map, "_CHUNK", 7)  # tested clips that do not fill the last chunk
    rng = np.random.default_rng(0)
    emotion, voice = rng.integers(0, 2, 60), rng.integers(0, 4, 60)
    embeddings = clouds(voice if by_voice else emotion, apart=1.5)
    tested = rng.choice(60, 17, replace=False)
    training = np.setdiff1d(np.arange(60), tested)
    found = neighbours(embeddings, training, tested, EMOTIONS[emotion], VOICES[voice])

    def share(kind: np.ndarray, among: np.ndarray, nearest: int) -> float:
        near = NearestNeighbors(n_neighbors=nearest, metric="cosine").fit(embeddings[among])
        rows = among[near.kneighbors(embeddings[tested], return_distance=False)[:, nearest - 1]]
        return float((kind[rows] == kind[tested]).mean())

    wanted = {
        "emotion": share(emotion, training, 1),
        "voice": share(voice, training, 1),
        "voice_of_all": share(voice, np.arange(60), 2),  # the nearest of all is the clip itself
    }
    assert {name: row["share"]["value"] for name, row in found.items()} == pytest.approx(wanted)
    for name, kind, among in (("emotion", emotion, training), ("voice_of_all", voice, np.arange(60))):
        pairs = [kind[row] == kind[other] for row in tested for other in among if row != other]
        count = len(among) - (name == "voice_of_all")
        assert found[name]["chance"] == pytest.approx(sum(pairs) / (17 * count))
    interval = found["emotion"]["share"]
    assert interval["low"] < interval["value"] < interval["high"]


def test_equal_embeddings_have_neighbours_at_chance_level() -> None:
    emotion, voice = np.arange(24) % 2, np.arange(24) % 4
    found = neighbours(
        np.ones((24, 3), dtype=np.float32), np.arange(12), np.arange(12, 24), EMOTIONS[emotion], VOICES[voice]
    )
    for name, row in found.items():
        assert row["share"]["value"] == pytest.approx(row["chance"]), name


def test_a_sample_is_balanced_over_speakers() -> None:
    voices = np.repeat(["a", "b", "c"], [50, 20, 3])
    rows = balanced(voices, 33, seed=3)
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert {name: int((voices[rows] == name).sum()) for name in "abc"} == {"a": 15, "b": 15, "c": 3}
    assert rows.tolist() == balanced(voices, 33, seed=3).tolist() != balanced(voices, 33, seed=4).tolist()
    assert balanced(voices, 100, seed=3).tolist() == list(range(73))


def test_a_network_has_a_map_and_a_linear_model_does_not(runs: dict[str, Run]) -> None:
    for name, run in runs.items():
        page = (run.folder / "report.html").read_text(encoding="utf-8")
        drawn = name != "ridge"
        assert ((run.folder / "map.json").is_file(), "Embedding map" in page) == (drawn, drawn)


def test_the_map_has_emotion_and_speaker_of_each_clip(runs: dict[str, Run]) -> None:
    for name in ("network", "random"):
        run = runs[name]
        rows, clips, facts = points(run), run.utterances, run.read_json("map.json")
        assert clips is not None
        fold = run.predictions.fold == facts["fold"]
        assert {row["key"] for row in rows if row["tested"] == "1"} == set(run.predictions.key[fold].tolist())
        drawn = {row["key"]: (row["emotion"], row["speaker"]) for row in rows}
        assert drawn == {clip.key: (clip.emotion, clip.speaker) for clip in clips}
        assert facts["drawn"] == len(rows) == facts["learned"] + facts["tested"]
        assert facts["seed"] == 4


def test_unseen_speakers_have_no_training_clip(runs: dict[str, Run]) -> None:
    shares = {name: runs[name].read_json("map.json")["neighbours"] for name in ("network", "random")}
    assert shares["network"]["voice"]["share"]["value"] == shares["network"]["voice"]["chance"] == 0
    assert shares["random"]["voice"]["chance"] > 0


def test_the_page_shows_the_neighbours_and_every_emotion_and_test_speaker(runs: dict[str, Run]) -> None:
    for name in ("network", "random"):
        run = runs[name]
        page = (run.folder / "report.html").read_text(encoding="utf-8")
        section = page[page.index('<section id="map">') : page.index('<section id="training">')]
        emotion = run.read_json("map.json")["neighbours"]["emotion"]
        assert f"{100 * emotion['share']['value']:.1f}" in section
        assert f"<td>{100 * emotion['chance']:.1f}</td>" in section
        alt_texts = re.findall(r'aria-label="(By [^"]*)"', section)
        tested = [row for row in points(run) if row["tested"] == "1"]
        for kind, label in zip(("emotion", "speaker"), alt_texts, strict=True):
            for group in {row[kind] for row in tested}:
                assert f"{group} {sum(row[kind] == group for row in tested)} of" in label
        marks = section.count('class="mark"')
        assert (marks > 0) is (name == "random"), "shares of training speakers are marked"


def test_a_map_of_some_clips_states_their_number(runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    run = runs["network"]
    before = {name: (run.folder / name).read_bytes() for name in ("map.csv", "map.json", "report.html")}
    whole = run.read_json("map.json")["neighbours"]
    monkeypatch.setattr(embedding_map, "MOST_CLIPS", 30)
    write_map(run, seed=4)
    assert len(points(run)) == 30
    assert "30 of the 72 clips" in write_report(run.folder).read_text(encoding="utf-8")
    assert run.read_json("map.json")["neighbours"] == whole, "the numbers are of all clips"
    monkeypatch.undo()
    write_map(run, seed=4)
    write_report(run.folder)
    for name, content in before.items():
        assert (run.folder / name).read_bytes() == content, f"{name} is the same for the same seed"


def test_a_run_without_a_map_has_a_page(runs: dict[str, Run]) -> None:
    run = runs["random"]
    (run.folder / "map.json").rename(run.folder / "away.json")
    text = write_report(run.folder).read_text(encoding="utf-8")
    (run.folder / "away.json").rename(run.folder / "map.json")
    assert "Embedding map" not in text


def test_test_clips_have_a_shape_and_a_number() -> None:
    drawn = draw_map([0, 0.5, 1], [0, 1, 0.5], [True, False, True], {"sad": [True, True, False]}, alt_text="By emotion")
    assert "sad 1 of 2 in test" in drawn
    own = drawn[drawn.index("<use") :]
    assert own.count("l2.6 4.6h-5.2z") == 1
    assert own.count("h0") == 1
    for word in ("training clips", "test clips", "all other clips"):
        assert f">{word}</text>" in drawn
