"""A model that takes samples: padding changes nothing, a shift of its embedding adapts it to a speaker and a domain."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from emotone.audio import synthetic
from emotone.audio.read import RATE_HZ, Samples
from emotone.errors import EmotoneError, ModelError
from emotone.inference.predictor import Predictor, load_model
from emotone.inference.speaker_shift import EMOTION_SHARE, domain_shift, domain_weight, speaker_shift, speaker_weight
from emotone.inference.speech_model import EMBEDDING, SpeechModel, batches, open_model
from emotone.inference.voice_profile import Voice
from tests.helpers.speech_model import (
    AVERAGE,
    CLASSES,
    EMOTION_SHIFTS,
    HOP,
    embedding_of,
    scores_of,
    write_speech_model,
)

LENGTHS_S = (0.5, 1.0, 1.0, 1.05, 3.0, 0.52)


def clip(emotion: str = "angry", speaker: int = 0, seconds: float = 1.0, gain: float = 1.0) -> Samples:
    return np.asarray(gain * synthetic.syllables(emotion, speaker=speaker, seconds=seconds), dtype=np.float32)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_speech_model(tmp_path_factory.mktemp("speech") / "model.onnx")


@pytest.fixture(scope="module")
def predictor(file: Path) -> Predictor:
    return load_model(file, threads=1)


@pytest.fixture(scope="module")
def model(file: Path) -> SpeechModel:
    opened = open_model(file, threads=1)
    assert isinstance(opened, SpeechModel)
    return opened


def pieces(model: SpeechModel, clips: list[Samples]) -> list[Any]:
    return [model.features(sound, [(0.0, sound.size / RATE_HZ)])[0] for sound in clips]


def test_scores_and_embedding_do_not_depend_on_the_other_clips_of_a_batch(model: SpeechModel) -> None:
    clips = [clip(seconds=seconds, speaker=number) for number, seconds in enumerate(LENGTHS_S)]
    given = pieces(model, clips)
    together = model.run(given)
    assert together.embedding is not None
    for number, piece in enumerate(given):
        alone = model.run([piece])
        assert alone.embedding is not None
        np.testing.assert_allclose(together.log_probs[number], alone.log_probs[0], atol=1e-5)
        np.testing.assert_allclose(together.embedding[number], embedding_of(clips[number]), atol=1e-4)
    np.testing.assert_allclose(np.exp(together.log_probs).sum(axis=1), 1, atol=1e-6)


def test_little_is_padded_and_scores_over_time_are_computed_only_when_asked_for(
    model: SpeechModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, session, calls = pieces(model, [clip(seconds=seconds) for seconds in LENGTHS_S]), model._session, []

    def run(outputs: list[str], feed: dict[str, Any]) -> list[Any]:
        calls.append((tuple(outputs), feed["lengths"].tolist(), feed["samples"].shape))
        return list(session.run(outputs, feed))

    monkeypatch.setattr(model, "_session", SimpleNamespace(run=run))
    model.run(given)
    assert [call[1] for call in calls] == [[8000, 8320], [16000, 16000, 16800], [48000]]
    assert {call[0] for call in calls} == {("log_probabilities", "embedding")}
    monkeypatch.setattr("emotone.inference.speech_model.BATCH_S", 2.0)
    calls.clear()
    model.run(given)
    assert [len(call[1]) for call in calls] == [2, 2, 1, 1], "a batch has a largest length"
    calls.clear()
    assert model.frame_scores(given[4]).shape == (48000 // HOP + 1, len(CLASSES))
    assert [call[0] for call in calls] == [("frame_scores",)]


def test_batches_hold_every_clip_once_and_pad_at_most_a_tenth() -> None:
    lengths = np.random.default_rng(0).integers(400, 64_000, 200).tolist()
    found = batches(lengths, longest=300_000)
    assert sorted(number for group in found for number in group) == list(range(200))
    for group in found:
        sizes = [lengths[number] for number in group]
        assert max(sizes) <= 1.1 * min(sizes)
        assert len(group) == 1 or max(sizes) * len(group) <= 300_000


def test_a_prediction_has_the_form_of_every_model(predictor: Predictor) -> None:
    for emotion in CLASSES:
        found = predictor.predict(clip(emotion), RATE_HZ)
        assert found.label == emotion
        assert sum(found.scores.values()) == pytest.approx(1)
    many = [clip(emotion, speaker) for emotion in CLASSES for speaker in range(3)]
    alone = [predictor.predict(samples, RATE_HZ).scores for samples in many]
    for workers in (1, 2):
        together = predictor.predict_many(many, RATE_HZ, workers=workers)
        assert [getattr(one, "scores", None) for one in together] == [pytest.approx(one, abs=1e-5) for one in alone]
    again = pickle.loads(pickle.dumps(predictor))
    assert again.predict(many[0], RATE_HZ) == predictor.predict(many[0], RATE_HZ)
    assert isinstance(again.ensemble.models[0], SpeechModel)


def test_a_voice_holds_the_mean_embedding_and_shifts_it(predictor: Predictor, tmp_path: Path) -> None:
    clips = [clip(emotion, gain=0.3) for emotion in CLASSES]
    voice = predictor.enrol(clips, RATE_HZ)
    mean = np.mean([embedding_of(samples) for samples in clips], axis=0)
    np.testing.assert_allclose(voice.means[f"0/{EMBEDDING}"], mean, atol=1e-4)
    assert voice.means[f"0/{EMBEDDING}"].dtype == np.float32
    assert voice.seconds == pytest.approx(3)
    voice.to_json(tmp_path / "anna.json")
    read = Voice.from_json(tmp_path / "anna.json")
    assert predictor.ensemble.is_complete(read)
    even = np.full(len(CLASSES), 1 / len(CLASSES), dtype=np.float32)
    long = replace(read, seconds=1e6, emotions=even)
    expected = predictor.predict(clips[0], RATE_HZ, min_confidence=0)
    assert expected.label != "angry", "a quiet speaker seems to be sad"
    assert predictor.predict(clips[0], RATE_HZ, voice=long, min_confidence=0).label == "angry"
    (piece,) = pieces(predictor.ensemble.models[0], [clips[0]])  # type: ignore[arg-type]
    shift = speaker_shift(mean, 3.0, AVERAGE, voice.emotions, EMOTION_SHIFTS)
    np.testing.assert_allclose(
        predictor.ensemble.models[0].run([piece], voice.of_model(0)).log_probs[0], scores_of(clips[0], shift), atol=1e-3
    )
    recording = np.concatenate([clip(emotion, gain=0.3, seconds=3) for emotion in CLASSES])
    assert predictor.predict(recording, RATE_HZ, adapt=True) != predictor.predict(recording, RATE_HZ)


def test_speaker_and_domain_share_the_weight(predictor: Predictor) -> None:
    own = [clip(emotion, gain=0.5) for emotion in CLASSES]
    others = [clip(emotion, speaker, gain=0.3) for emotion in CLASSES for speaker in range(1, 4)]
    voice, domain = predictor.enrol(own, RATE_HZ), predictor.enrol_domain(others, RATE_HZ)
    m_s, m_d = (np.mean([embedding_of(one) for one in some], axis=0) for some in (own, others))
    w_s = voice.seconds / (voice.seconds + 10)
    assert (speaker_weight(voice.seconds), domain_weight(9)) == (w_s, 9 / 29)
    of_speaker = speaker_shift(m_s, voice.seconds, AVERAGE, voice.emotions, EMOTION_SHIFTS)
    of_domain = domain_shift(m_d, 9, AVERAGE, domain.emotions, EMOTION_SHIFTS)
    model = predictor.ensemble.models[0]
    (piece,) = pieces(model, own[:1])  # type: ignore[arg-type]
    for known, shift in (
        ((None, None), 0 * m_s),
        ((voice.of_model(0), None), of_speaker),
        ((None, domain.of_model(0)), of_domain),
        ((voice.of_model(0), domain.of_model(0)), of_speaker + (1 - w_s) * of_domain),
    ):
        np.testing.assert_allclose(model.run([piece], *known).log_probs[0], scores_of(own[0], shift), atol=1e-3)
    assert predictor.predict(own[0], RATE_HZ, voice=voice, domain=domain).scores != (
        predictor.predict(own[0], RATE_HZ, voice=voice).scores
    )


def test_the_shift_of_a_domain_grows_with_its_recordings_and_a_part_of_the_emotions_is_subtracted() -> None:
    mean, average, shifts = np.array([3.0, 0.0]), np.zeros(2), np.array([[2.0, 0.0], [-2.0, 0.0]])
    few, many = (domain_shift(mean, count, average)[0] for count in (5, 1000))
    assert few == pytest.approx(3 * 5 / 25)
    assert many == pytest.approx(3 * 1000 / 1020)
    assert domain_shift(mean, 20, average, [0.9, 0.1], shifts)[0] == pytest.approx((3 - EMOTION_SHARE * 0.8 * 2) / 2)


def test_a_model_is_recognised_by_its_network(file: Path, predictor: Predictor, tmp_path: Path) -> None:
    voice = predictor.enrol([clip()], RATE_HZ)
    renamed = load_model(write_speech_model(tmp_path / "renamed.onnx", title="the same network"))
    assert renamed.ensemble.identity == predictor.ensemble.identity
    renamed.predict(clip(), RATE_HZ, voice=voice)
    moved = {"average": (AVERAGE + 1).tolist(), "emotion_shifts": EMOTION_SHIFTS.tolist()}
    other = load_model(write_speech_model(tmp_path / "other.onnx", adaptation=moved))
    with pytest.raises(ModelError, match="another model"):
        other.predict(clip(), RATE_HZ, voice=voice)


def test_a_model_without_adaptation_predicts_and_says_that_it_cannot_be_adapted(tmp_path: Path) -> None:
    plain = load_model(write_speech_model(tmp_path / "plain.onnx", adapts=False, frame_scores=False))
    assert plain.predict(clip("sad"), RATE_HZ).label == "sad"
    assert not plain.adapts
    with pytest.raises(ModelError, match="cannot be adapted to a speaker or a domain"):
        plain.enrol([clip()], RATE_HZ)
    with pytest.raises(ModelError, match="cannot be adapted to a speaker or a domain"):
        plain.enrol_domain([clip()] * 5, RATE_HZ)
    model = plain.ensemble.models[0]
    assert isinstance(model, SpeechModel)
    with pytest.raises(ModelError, match="no scores over time"):
        model.frame_scores(pieces(model, [clip()])[0])


def test_an_input_for_the_shift_without_adaptation_gets_zeros(tmp_path: Path) -> None:
    unadapted = load_model(write_speech_model(tmp_path / "model.onnx", adaptation=None))
    assert not unadapted.adapts
    assert unadapted.predict(clip("sad"), RATE_HZ).label == "sad"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"format": 7}, "format 7, this emotone reads 6; update emotone"),
        ({"format": 5}, "format 5, this emotone reads 6; train or export it again"),
        ({"feature": {"name": "mean_std"}}, "has the feature mean_std"),
        ({"adaptation": {"average": [0.0], "emotion_shifts": [[0.0]] * 3}}, "the input shift has 3 dimensions"),
        ({"adaptation": {"average": [0.0] * 3}}, "metadata cannot be read"),
        ({"inputs": []}, "metadata cannot be read"),
    ],
)
def test_damaged_metadata_is_named(tmp_path: Path, metadata: dict[str, Any], expected: str) -> None:
    with pytest.raises(ModelError, match=expected):
        load_model(write_speech_model(tmp_path / "model.onnx", **metadata))


def test_labels_and_thresholds_are_read_as_of_every_model(tmp_path: Path) -> None:
    sets = {"all": {"sharpness": 0.0, "unsure_below": 0.5}}
    vague = load_model(write_speech_model(tmp_path / "model.onnx", label_sets=sets)).predict(clip(), RATE_HZ)
    assert (vague.label, vague.reason) == ("unsure", "low_confidence")
    assert [*vague.scores.values()] == pytest.approx([1 / 3] * 3)
    with pytest.raises(EmotoneError, match="no label of this model"):
        load_model(tmp_path / "model.onnx").predict(clip(), RATE_HZ, labels=["angry", "fear"])
