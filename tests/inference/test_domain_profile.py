"""Adaptation to a domain: quiet recordings, none of which seems angry, are told apart after a look at all of them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emotone.audio import synthetic
from emotone.audio.read import RATE_HZ, Samples
from emotone.errors import AudioError, EmotoneError, ModelError
from emotone.inference import domain_profile as domains
from emotone.inference.domain_profile import Domain
from emotone.inference.prediction import Prediction
from emotone.inference.predictor import Predictor, load_model
from emotone.inference.speaker_shift import EMOTION_SHARE
from emotone.inference.speech_model import EMBEDDING
from tests.helpers.speech_model import AVERAGE, CLASSES, EMOTION_SHIFTS, embedding_of, scores_of, write_speech_model

GAIN = 0.3


def clip(emotion: str, speaker: int = 0, seconds: float = 1.0) -> Samples:
    return np.asarray(GAIN * synthetic.syllables(emotion, speaker=speaker, seconds=seconds), dtype=np.float32)


QUIET = {(emotion, speaker): clip(emotion, speaker) for speaker in range(6) for emotion in CLASSES}


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return load_model(write_speech_model(tmp_path_factory.mktemp("speech") / "model.onnx"), threads=1)


@pytest.fixture(scope="module")
def domain(predictor: Predictor) -> Domain:
    return predictor.enrol_domain(QUIET.values(), RATE_HZ)


def labels(results: Any) -> list[str]:
    return [getattr(result, "label", str(result)) for result in results]


def test_a_domain_is_the_mean_and_deviation_of_its_recordings(domain: Domain, predictor: Predictor) -> None:
    rows = np.array([embedding_of(samples) for samples in QUIET.values()])
    np.testing.assert_allclose(domain.means[f"0/{EMBEDDING}"], rows.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(domain.deviations[f"0/{EMBEDDING}"], rows.std(axis=0, ddof=1), atol=1e-4)
    assert (domain.recordings, domain.model) == (18, predictor.ensemble.identity)
    assert domain.emotions.sum() == pytest.approx(1)
    assert predictor.ensemble.is_complete(domain)


def test_a_long_recording_counts_as_one(predictor: Predictor) -> None:
    clips = [*QUIET.values()][:4]
    long = clip("angry", seconds=13)
    found = predictor.enrol_domain([*clips, long], RATE_HZ)
    rows = [embedding_of(part) for part in np.split(long, [52_000, 104_000, 156_000])]
    mean = np.mean([*(embedding_of(samples) for samples in clips), np.mean(rows, axis=0)], axis=0)
    assert found.recordings == 5
    np.testing.assert_allclose(found.means[f"0/{EMBEDDING}"], mean, atol=1e-4)


def test_quiet_recordings_are_told_apart_in_their_domain(domain: Domain, predictor: Predictor) -> None:
    truth = [emotion for emotion, _ in QUIET]
    plain = labels(predictor.predict_many(QUIET.values(), RATE_HZ))
    even = np.full(len(CLASSES), 1 / len(CLASSES), dtype=np.float32)
    large = replace(domain, recordings=1000, emotions=even)
    known = labels(predictor.predict_many(QUIET.values(), RATE_HZ, domain=large))
    assert "angry" not in plain
    assert np.mean([one == right for one, right in zip(known, truth, strict=True)]) > 0.8


def test_all_recordings_are_their_domain(domain: Domain, predictor: Predictor) -> None:
    reports: list[tuple[str, int, int]] = []
    made = predictor.predict_many(
        QUIET.values(), RATE_HZ, adapt_domain=True, progress=lambda *report: reports.append(report)
    )
    assert list(made) == list(predictor.predict_many(QUIET.values(), RATE_HZ, domain=domain))
    assert reports == [(text, done, 18) for text in ("domain", "recordings") for done in range(19)]


def test_recordings_that_cannot_be_used_do_not_count(predictor: Predictor) -> None:
    clips, silence = [*QUIET.values()][:6], np.zeros(RATE_HZ, np.float32)
    given: list[Any] = [*clips, "nowhere.wav", silence]
    errors: list[EmotoneError] = []
    assert predictor.enrol_domain(given, RATE_HZ, on_error=errors.append).recordings == 6
    missing, refused = map(str, errors)
    assert "nowhere.wav: no such file" in missing
    assert "refused by the speech gate (too quiet)" in refused
    with pytest.raises(AudioError, match=r"nowhere\.wav"):
        predictor.enrol_domain(given, RATE_HZ)
    results = list(predictor.predict_many(given, RATE_HZ, adapt_domain=True))
    assert [isinstance(result, Prediction) for result in results] == [True] * 6 + [False, True]
    with pytest.raises(EmotoneError, match="a domain needs 5 recordings or more, 4 of 6 can be used"):
        predictor.predict_many(given[2:], RATE_HZ, adapt_domain=True)


def test_a_part_of_the_emotions_of_a_domain_is_not_taken_for_the_domain(predictor: Predictor) -> None:
    """Loud angry clips: the domain makes them less angry, the correction less so."""
    loud = [synthetic.syllables("angry", speaker=speaker, seconds=1.0) for speaker in range(1, 7)]
    found = predictor.enrol_domain(loud, RATE_HZ)
    classes = len(found.emotions)
    even = np.full(classes, 1 / classes, dtype=np.float32)
    corrected, uncorrected = (replace(found, recordings=10_000, emotions=one) for one in (found.emotions, even))
    assert predictor.predict(loud[0], RATE_HZ).label == "angry"
    scores = [predictor.predict(loud[0], RATE_HZ, domain=one).scores["angry"] for one in (corrected, uncorrected)]
    assert scores[0] > scores[1]
    (piece,) = predictor.ensemble.models[0].features(loud[0], [(0.0, 1.0)])
    for one, share in ((corrected, EMOTION_SHARE), (uncorrected, 0.0)):
        output = predictor.ensemble.models[0].run([piece], None, one.of_model(0))
        offset = found.means[f"0/{EMBEDDING}"] - AVERAGE - share * (found.emotions - 1 / classes) @ EMOTION_SHIFTS
        np.testing.assert_allclose(output.log_probs[0], scores_of(loud[0], offset * 10_000 / 10_020), atol=1e-3)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda model, one: model.enrol_domain([]), "needs 5 recordings or more, 0 came"),
        (lambda model, one: model.enrol_domain(["a.wav"] * 4), "needs 5 recordings or more, 4 came"),
        (lambda model, one: model.enrol_domain("calls"), "expected several recordings"),
        (lambda model, one: model.enrol_domain(["a.wav"] * 5, channel="middle"), "middle"),
        (lambda model, one: model.enrol_domain(["a.wav"] * 5, workers=0), "workers must be"),
        (lambda model, one: model.predict("a.wav", domain="calls"), "domain must be a domain profile, .* came str"),
        (lambda model, one: model.predict_many(["a.wav"], domain=one, adapt_domain=True), "use one of them"),
        (lambda model, one: model.predict_many(["-"] * 5, adapt_domain=True), "standard input only once"),
        (lambda model, one: model.predict_many([io.BytesIO()] * 5, adapt_domain=True), "BytesIO only once"),
    ],
)
def test_a_wrong_argument_is_named(
    predictor: Predictor, domain: Domain, call: Callable[[Predictor, Domain], Any], expected: str
) -> None:
    with pytest.raises(EmotoneError, match=expected):
        call(predictor, domain)


def test_a_profile_of_another_model_or_a_damaged_one_is_named(domain: Domain, predictor: Predictor) -> None:
    (samples, *_), (name,) = QUIET.values(), domain.means
    with pytest.raises(ModelError, match="another model; enrol the domain"):
        predictor.predict(samples, RATE_HZ, domain=replace(domain, model="other"))
    with pytest.raises(ModelError, match="another model; enrol the domain"):
        load_model("default").predict(samples, RATE_HZ, domain=domain)
    for damaged in (
        replace(domain, means={}),
        replace(domain, deviations={}),
        replace(domain, means={name: domain.means[name][:-1]}),
        replace(domain, deviations={name: np.full_like(domain.means[name], np.nan)}),
        replace(domain, emotions=domain.emotions[1:]),
        replace(domain, recordings=0),
    ):
        with pytest.raises(ModelError, match="enrol the domain again"):
            predictor.predict(samples, RATE_HZ, domain=damaged)


def test_a_profile_is_kept_without_sound(domain: Domain, predictor: Predictor, tmp_path: Path) -> None:
    domain.to_json(tmp_path / "calls.json")
    read = Domain.from_json(tmp_path / "calls.json")
    assert (read.model, read.recordings) == (domain.model, domain.recordings)
    for first, second in ((read.means, domain.means), (read.deviations, domain.deviations)):
        np.testing.assert_array_equal(first[f"0/{EMBEDDING}"], second[f"0/{EMBEDDING}"])
    samples = QUIET["sad", 0]
    assert predictor.predict(samples, RATE_HZ, domain=read) == predictor.predict(samples, RATE_HZ, domain=domain)


@pytest.mark.parametrize(
    "damage",
    [
        {"form": 1},
        {"recordings": "many"},
        {"recordings": float("inf")},
        {"emotions": [10**400]},
        {"emotions": [[0.1], [0.1, 0.2]]},
        {"means": 3},
        {"means": {"0/embedding": "AAA"}},
        {"deviations": {"0/embedding": "§"}},
    ],
)
def test_a_damaged_file_is_one_line(damage: dict[str, Any], domain: Domain, tmp_path: Path) -> None:
    domain.to_json(tmp_path / "calls.json")
    content = json.loads((tmp_path / "calls.json").read_text(encoding="utf-8"))
    (tmp_path / "calls.json").write_text(json.dumps(content | damage), encoding="utf-8")
    with pytest.raises(ModelError, match=r"enrol (the domain )?again"):
        Domain.from_json(tmp_path / "calls.json")


@pytest.mark.parametrize("name", ["", "../x", "a/b", "..", "/etc/passwd", "a\x00", "x" * 200])
def test_the_name_of_a_domain_never_leads_out_of_its_folder(name: str) -> None:
    with pytest.raises(EmotoneError, match="cannot be the name of a domain"):
        domains.path_of(name)


def test_domains_have_a_folder_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("EMOTONE_DOMAINS", raising=False)
    assert domains.path_of("calls") == tmp_path / "emotone" / "domains" / "calls.json"
    monkeypatch.setenv("EMOTONE_DOMAINS", str(tmp_path / "here"))
    assert domains.folder() == tmp_path / "here"


def test_several_processes_make_the_domain_of_one(
    domain: Domain, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / f"{number}.wav" for number in range(len(QUIET))]
    for file, samples in zip(files, QUIET.values(), strict=True):
        soundfile.write(file, samples, RATE_HZ, subtype="FLOAT")
    monkeypatch.setattr("emotone.inference.parallel._FILES_PER_PROCESS", 1)
    monkeypatch.setattr("emotone.inference.batching._MAX_FILES", 4)
    shared = predictor.enrol_domain(files, workers=2)
    np.testing.assert_allclose(shared.means[f"0/{EMBEDDING}"], domain.means[f"0/{EMBEDDING}"], atol=1e-5)
