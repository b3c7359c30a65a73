"""Centring on speakers: one rule for all clips, without labels, never with the clip itself, and always stated."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emotone.analysis.audit import leak_checks as leaks
from emotone.analysis.audit.findings import AuditInput
from emotone.data.splits import Fold
from emotone.data.utterance import Table, Utterance
from emotone.errors import RecipeError, RunError
from emotone.experiments import train as experiment
from emotone.experiments.benchmark import Plan, benchmark
from emotone.experiments.ensemble import ensemble
from emotone.features.extraction.feature_set import FeatureSet
from emotone.inference.speaker_shift import TAU_S
from emotone.runs import recipe as recipes
from emotone.runs.dataset import read_data
from emotone.runs.recipe import Recipe
from emotone.runs.run import Run
from emotone.runs.speakers.feature_centring import Centred, FeatureCentring
from emotone.runs.speakers.history import SpeakerHistory, speech_seconds
from emotone.training.examples import Examples
from emotone.training.fit import fit
from tests.helpers.benchmark import SCORES_ONLY, recipe_file, table_of

LABELS = np.arange(24) % 3
SPEECH_S = np.random.default_rng(1).uniform(1, 4, 24)
# four speakers of six clips: two learned from, one watched, one tested together with half of the first
FOLD = Fold("1", np.arange(3, 12), np.arange(12, 18), np.array([18, 19, 20, 21, 22, 23]), "speakers")


def clips(count: int = 24) -> Table:
    return Table(Utterance("x", f"{n}", Path(f"{n}.wav"), "sad", f"x/{n // 6}") for n in range(count))


def features_of(kind: str) -> FeatureSet:
    rng = np.random.default_rng(0)
    shapes: list[tuple[int, ...]] = [(5,) if kind == "vector" else (int(rng.integers(3, 9)), 5) for _ in range(24)]
    return FeatureSet(clips(), [rng.normal(3, 2, shape).astype(np.float32) for shape in shapes])


def adaptation(requested_s: Any, *, kind: str = "vector", seed: int = 0) -> FeatureCentring:
    return FeatureCentring(features_of(kind), history(requested_s, seed=seed))


def history(requested_s: Any, *, seed: int = 0) -> SpeakerHistory:
    return SpeakerHistory(clips(), SPEECH_S, requested_s, seed=seed)


def recipe_of(path: Path, **data: Any) -> Recipe:
    return recipes.parse(
        {
            "title": "a linear model",
            "data": {"corpora": [str(path)], "folds": 3, **data},
            "feature": {"name": "mean_std", "coefficients": 8, "mels": 16},
            "model": {"name": "ridge", "penalty": 10},
        }
    )


@pytest.mark.parametrize("kind", ["vector", "sequence"])
def test_offsets_equal_those_of_plain_loops(kind: str) -> None:
    features = features_of(kind)

    def mean(rows: list[int]) -> NDArray[np.float64]:
        frames = [frame for row in rows for frame in np.atleast_2d(np.asarray(features[row]))]
        return np.asarray(sum(frame.astype(np.float64) for frame in frames) / len(frames))

    known = [[3, 4, 5], [6, 7, 8, 9, 10, 11], [12, 13, 14, 15, 16, 17]]
    average = sum(map(mean, known)) / 3
    found = adaptation("all", kind=kind).offsets(FOLD)
    for rows in [*known, FOLD.test.tolist()]:
        for row in rows:
            others = [other for other in rows if other != row]
            seconds = sum(SPEECH_S[other] for other in others)
            expected = (mean(others) - average) * seconds / (seconds + TAU_S)
            np.testing.assert_allclose(found[row], expected, rtol=1e-5, atol=1e-6)
    for row in (0, 1, 2):  # on no side
        np.testing.assert_array_equal(found[row], 0)


@pytest.mark.parametrize("requested_s", [0, 2.5, 6, "all"])
def test_a_history_holds_other_test_clips_of_the_speaker_alone(requested_s: Any) -> None:
    histories = history(requested_s).of_test_clips(FOLD)
    assert list(histories) == FOLD.test.tolist()
    for row, rows in histories.items():
        assert row not in rows
        assert set(rows) <= set(FOLD.test)
        assert len(set(rows)) == len(rows)


def test_a_history_is_no_longer_than_requested() -> None:
    for rows in history(5).of_test_clips(FOLD).values():
        assert SPEECH_S[rows].sum() >= 5
        assert SPEECH_S[rows].sum() - SPEECH_S[rows].max() < 5


def test_two_speakers_tested_together_have_separate_histories() -> None:
    fold = Fold("1", np.arange(6), np.arange(6, 12), np.arange(12, 24), "speakers")
    for row, rows in history("all").of_test_clips(fold).items():
        assert {clip // 6 for clip in rows.tolist()} == {row // 6}


def test_the_draw_is_decided_by_seed_and_clip_and_more_seconds_begin_with_the_same_clips() -> None:
    few, again, many = (history(requested_s).of_test_clips(FOLD) for requested_s in (4, 4, 9))
    for row, rows in few.items():
        assert rows.tolist() == again[row].tolist()
        assert set(rows) < set(many[row])
    other = history(4, seed=1).of_test_clips(FOLD)
    assert any(few[row].tolist() != other[row].tolist() for row in few)


def test_a_clip_without_history_is_centred_on_the_average_speaker() -> None:
    alone = Fold("1", FOLD.train, FOLD.development, np.array([20]), "speakers")
    offsets = adaptation("all").offsets(alone)
    np.testing.assert_array_equal(offsets[20], offsets[0])
    unheard = adaptation(0).offsets(FOLD)
    np.testing.assert_array_equal(unheard, np.tile(unheard[0], (24, 1)))


def test_the_emotion_labels_of_a_table_change_no_offset() -> None:
    features, table = features_of("vector"), clips()
    shuffled = Table(replace(row, emotion=str(n)) for row, n in zip(table, LABELS, strict=True))
    first, second = (FeatureCentring(features, SpeakerHistory(rows, SPEECH_S, 4, seed=0)) for rows in (table, shuffled))
    np.testing.assert_array_equal(first.offsets(FOLD), second.offsets(FOLD))


def test_nothing_is_read_before_it_is_asked_for() -> None:
    class Counted(Sequence[NDArray[np.float32]]):
        reads = 0

        def __len__(self) -> int:
            return 24

        def __getitem__(self, index: Any) -> Any:
            Counted.reads += 1
            return np.ones((4, 5), dtype=np.float32)

    features = FeatureSet(clips(), Counted(), lengths=np.full(24, 4))
    centred = Centred(features, np.full((24, 5), 0.25, dtype=np.float32))
    before = Counted.reads
    assert before <= 2, "one clip of each set is looked at for its shape"
    batch, lengths = centred.padded(np.array([3, -1]))
    assert Counted.reads == before + 2
    assert batch.shape == (2, 4, 5)
    assert (batch == 0.75).all()
    assert lengths.tolist() == [4, 4]
    assert [one.shape for one in centred[:2]] == [(4, 5), (4, 5)]


def test_what_lies_behind_a_shorter_clip_stays_zero() -> None:
    features = FeatureSet(clips(2), [np.ones((2, 3), dtype=np.float32), np.ones((4, 3), dtype=np.float32)])
    batch, _ = Centred(features, np.full((2, 3), 5, dtype=np.float32)).padded(np.array([0, 1]))
    assert batch[0, :, 0].tolist() == [-4, -4, 0, 0]


def test_seconds_are_of_speech_without_the_silence_around_it(syllables: Path) -> None:
    table = read_data(recipe_of(syllables).data, syllables.parent).table
    seconds = speech_seconds(table, cache=None)
    assert seconds.shape == (len(table),)
    assert ((seconds > 0.2) & (seconds < 5)).all()


def test_an_empty_history_gives_the_predictions_of_no_centring(syllables: Path, tmp_path: Path) -> None:
    plain = experiment.train(recipe_of(syllables), out=tmp_path / "plain", keep_model=False)
    unheard = experiment.train(recipe_of(syllables, speaker_seconds=0), out=tmp_path / "unheard", keep_model=False)
    np.testing.assert_allclose(plain.predictions.log_probs, unheard.predictions.log_probs, atol=1e-4)
    assert unheard.scores["caveats"] == []
    assert unheard.read_json("audit.json")["verdict"] == "clean"


def test_a_run_with_speaker_histories_states_it_with_every_score(syllables: Path, tmp_path: Path) -> None:
    recipe = recipe_of(syllables, speaker_seconds=2)
    run = experiment.train(recipe, out=tmp_path / "run")
    line = "transductive: uses 2 s of unlabelled speech of each test speaker"
    assert run.scores["caveats"] == [line]
    assert run.scores["speaker_independent"]
    facts = run.scores["speaker_adaptation"]
    assert facts["available_s"]["min"] >= 2
    assert run.read_json("audit.json")["verdict"] == "transductive"
    assert line in (run.folder / "report.html").read_text(encoding="utf-8")
    assert "cannot classify an unknown speaker" in (run.folder / "model" / "not_exported.txt").read_text(
        encoding="utf-8"
    )
    assert (run.folder / "model" / "weights.safetensors").exists()
    assert not (run.folder / "model" / "model.onnx").exists()
    other = experiment.train(recipe_of(syllables), out=tmp_path / "plain", keep_model=False)
    both = ensemble([run.folder, other.folder], out=tmp_path / "both")
    assert line in both.scores["caveats"], "the history of a member is a history of the ensemble"
    with pytest.raises(RunError, match="level=scores"):
        ensemble([run.folder, other.folder], out=tmp_path / "joined", level="features")


def test_the_caveat_states_the_seconds_available_if_fewer_than_requested(syllables: Path, tmp_path: Path) -> None:
    run = experiment.train(recipe_of(syllables, speaker_seconds=500), out=tmp_path / "run", keep_model=False)
    assert run.scores["caveats"][0].startswith(
        "transductive: uses 500 s of unlabelled speech of each test speaker (of some only"
    )


def test_a_copy_is_shifted_as_its_clip_is(syllables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with syllables.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    kept = [row for n, row in enumerate(rows) if row["emotion"] != "angry" or n % 2]
    with (tmp_path / "clips.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, rows[0])
        writer.writeheader()
        writer.writerows({**row, "file": str(syllables.parent / row["file"])} for row in kept)
    seen: list[Examples] = []

    def caught(model: Any, train: Examples, *rest: Any, **more: Any) -> Any:
        seen.append(train)
        return fit(model, train, *rest, **more)

    monkeypatch.setattr(experiment, "fit", caught)
    recipe = recipe_of(tmp_path / "clips.csv", balance="oversample", speaker_seconds="all")
    experiment.train(recipe, out=tmp_path / "run", keep_model=False)
    for train in seen:
        values, table = train.values, getattr(train.values, "table", None)
        assert table is not None
        place = {row.key: number for number, row in enumerate(table)}
        copies = [row for row in train.rows.tolist() if "#" in table[row].id]
        assert copies
        for row in copies:  # no augmentation: a copy sounds as its clip does
            original = place[table[row].key.partition("#")[0]]
            np.testing.assert_array_equal(values.dense(np.array([row])), values.dense(np.array([original])))


@pytest.mark.parametrize(
    ("requested_s", "verdicts"), [(20, ["transductive"]), ("all", ["transductive"]), (0, []), (None, [])]
)
def test_an_audit_calls_it_transductive_if_any_test_clip_has_a_history(requested_s: Any, verdicts: list[str]) -> None:
    recipe = recipe_of(Path("clips.csv"), speaker_seconds=requested_s)
    case = AuditInput(clips(), [FOLD], clips().column("key").tolist(), recipe=recipe)
    assert [finding.severity for finding in leaks.test_statistics(case)] == verdicts


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["feature=spectrogram_image", "model=mel_cnn"], "centres vectors and sequences"),
        (["data.protocol=random"], "that are not in training"),
        (["data.leak=training"], "without a leak"),
        (["data.speaker_seconds=-1"], "greater than or equal to 0"),
        (["data.speaker_seconds=.inf"], "finite"),
        (["data.speaker_seconds=some"], "'all'"),
    ],
)
def test_settings_that_do_not_fit_are_refused_with_those_that_do(changes: list[str], words: str) -> None:
    plain = recipe_of(Path("clips.csv")).model_dump(mode="json")
    with pytest.raises(RecipeError) as caught:
        recipes.parse(plain, changes=["data.speaker_seconds=5", *changes])
    assert words in str(caught.value)


def test_a_network_is_centred_too_and_its_embeddings_are_those_it_was_tested_with(
    syllables: Path, tmp_path: Path
) -> None:
    content = recipe_of(syllables, run_folds=1).model_dump(mode="json")
    content["model"], content["training"]["epochs"] = {"name": "mlp"}, 2
    runs = {}
    for requested_s in (None, "all"):
        content["data"]["speaker_seconds"] = requested_s
        runs[requested_s] = experiment.train(recipes.parse(content), out=tmp_path / f"{requested_s}", keep_model=False)
    plain, centred = (run.embeddings(run.predictions.fold[0]) for run in runs.values())
    assert plain is not None
    assert centred is not None
    assert not np.allclose(plain, centred)


def test_a_benchmark_draws_the_score_against_the_seconds_and_distinguishes_the_rows(
    syllables: Path, tmp_path: Path
) -> None:
    path = recipe_file(tmp_path, "linear", str(syllables))
    vary = {"data.speaker_seconds": ["null", "0", "2", "5", "all"]}
    result = benchmark(
        Plan([path], protocols=["speakers"], vary=vary, seeds=2), options=SCORES_ONLY, out=tmp_path / "t"
    )
    assert len(result.rows) == 5
    page = (tmp_path / "t.html").read_text(encoding="utf-8")
    assert "UAR against data.speaker_seconds" in page
    assert page.count("<figure") == 1
    assert "<strong>! transductive</strong>" in page
    assert "data.speaker_seconds=0" in page
    table = table_of(tmp_path / "t")
    assert "data.speaker_seconds=2 (! transductive: uses 2 s of unlabelled speech of each test speaker)" in table
    assert json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))["rows"][0]["caveats"] == []
    assert Run.open(result.rows[0]["run"]).scores["speaker_adaptation"] is None
