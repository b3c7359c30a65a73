"""Tested clips of the runs of a shipped model, with the arithmetic of the shipped file, and what enrolment adds.

Every clip is classified by the model of the fold that was not trained on its speaker, or not on its corpus, after its
weights were rounded as those of the shipped file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.special import log_softmax

from emotone.audio import read as audio
from emotone.data.progress import Progress, no_progress, track
from emotone.data.splits import Fold, Rows
from emotone.data.utterance import Utterance
from emotone.evaluation import scores as evaluation
from emotone.evaluation.scores import Predictions
from emotone.files import atomic_write
from emotone.inference.processes import map_in_processes
from emotone.inference.speaker_shift import domain_shift, speaker_shift
from emotone.inference.speech_model import SpeechModel, open_model
from emotone.runs.finished_run import FinishedRun
from emotone.runs.run import Run
from emotone.runs.speakers.history import SpeakerHistory
from emotone.training import onnx_speech

Floats = NDArray[np.float64]


class OneEmotionHistory(SpeakerHistory):
    """Clips of one random emotion, to measure what a history of one emotion does."""

    labels: NDArray[np.int64]

    def candidates(self, rows: Rows, row: int, rng: np.random.Generator) -> Rows:
        others = super().candidates(rows, row, rng)
        labels = self.labels[rows[others]]
        return others[labels == rng.choice(np.unique(labels))] if others.size else others


class TestedRun:
    """The test clips of a run with their embeddings; scores are computed from them for any shift.

    Attributes:
        dataset, folds: as of the run.
        embeddings: (clips, dims) of the model that tested each clip; NaN for clips that were not tested.
        seconds: (clips,) length without silent ends.
        alone: predictions of all test clips without enrolment.
    """

    def __init__(self, folder: Path, *, processes: int, progress: Progress = no_progress) -> None:
        run = Run(folder)
        finished = FinishedRun(run)
        self.folder, self.dataset, self.folds = folder, finished.dataset, finished.folds
        count = len(self.dataset.table)
        self.seconds, self.embeddings = np.zeros(count), np.zeros((0, 0))
        self._heads: dict[str, tuple[Floats, Floats]] = {}
        self._facts: dict[str, dict[str, Any]] = {}
        for fold in self.folds:
            seconds, embeddings, log_probs, facts = self._tested(fold, processes, progress)
            if not self.embeddings.size:
                self.embeddings = np.full((count, embeddings.shape[1]), np.nan)
            self.seconds[fold.test], self.embeddings[fold.test] = seconds, embeddings
            weights = load_file(folder / "folds" / fold.name / "weights.safetensors")
            self._heads[fold.name] = (weights["network.out.weight"].astype(np.float64).T, weights["network.out.bias"])
            self._facts[fold.name] = facts
            computed = self._log_probs(fold, embeddings)
            if (difference := float(np.abs(np.exp(computed) - np.exp(log_probs)).max())) > 0.02:
                raise SystemExit(
                    f"{folder}: the scores from embeddings differ by {difference:.3f} from those of the file"
                )
        self.alone = self.predictions({})

    def predictions(self, shifts: dict[int, Floats]) -> Predictions:
        """Of every test clip, after a shift of the embeddings of these rows."""
        parts = []
        for fold in self.folds:
            none = np.zeros(self.embeddings.shape[1])
            shift = np.stack([shifts.get(row, none) for row in fold.test.tolist()])
            log_probs = self._log_probs(fold, self.embeddings[fold.test] - shift)
            parts.append(self.dataset.predictions(fold.test, fold.name, log_probs))
        return Predictions.concatenate(parts)

    def enrolled(self, seconds: float, *, one_emotion: bool = False, seed: int = 0) -> Predictions:
        """With so many seconds of other clips of the speaker, all of one random emotion or of any."""
        history = SpeakerHistory(self.dataset.table, self.seconds, seconds, seed=seed)
        if one_emotion:
            history = OneEmotionHistory(self.dataset.table, self.seconds, seconds, seed=seed)
            history.labels = self.dataset.labels
        shifts = {}
        for fold in self.folds:
            average, of_emotions = self._adaptation(fold)
            probabilities = self._probabilities(fold)
            for row, before in history.of_test_clips(fold).items():
                if not before.size:
                    continue
                emotions, mean = probabilities[before], self.embeddings[before].mean(axis=0)
                shifts[row] = speaker_shift(
                    mean, self.seconds[before].sum(), average, emotions.mean(axis=0), of_emotions
                )
        return self.predictions(shifts)

    def in_domain(self, recordings: int | None, *, one_emotion: bool = False, seed: int = 0) -> Predictions:
        """With a domain profile of each tested corpus, from so many random recordings of it; None: from all."""
        rng = np.random.default_rng(seed)
        shifts: dict[int, Floats] = {}
        corpora = self.dataset.table.column("corpus")
        for fold in self.folds:
            average, of_emotions = self._adaptation(fold)
            probabilities = self._probabilities(fold)
            for corpus in np.unique(corpora[fold.test]):
                own = fold.test[corpora[fold.test] == corpus]
                drawn = own
                if one_emotion:
                    drawn = own[self.dataset.labels[own] == rng.choice(self.dataset.labels[own])]
                drawn = rng.permutation(drawn)[:recordings]
                emotions, mean = probabilities[drawn], self.embeddings[drawn].mean(axis=0)
                shift = domain_shift(mean, len(drawn), average, emotions.mean(axis=0), of_emotions)
                shifts |= dict.fromkeys(own.tolist(), shift)
        return self.predictions(shifts)

    def _log_probs(self, fold: Fold, embeddings: Floats) -> Floats:
        weights, bias = self._heads[fold.name]
        return np.asarray(log_softmax(embeddings @ weights + bias, axis=1))

    def _probabilities(self, fold: Fold) -> Floats:
        return np.exp(self._log_probs(fold, self.embeddings))

    def _adaptation(self, fold: Fold) -> tuple[Floats, Floats]:
        facts = self._facts[fold.name]["adaptation"]
        return np.array(facts["average"]), np.array(facts["emotion_shifts"])

    def _tested(self, fold: Fold, processes: int, progress: Progress) -> tuple[Floats, Floats, Floats, dict[str, Any]]:
        """Seconds, embeddings and log-probabilities of the test clips, kept beside the model of the fold."""
        place = self.folder / "folds" / fold.name
        kept, rounded = place / "tested.npz", place / "rounded.onnx"
        if not rounded.is_file():
            onnx_speech.write(place / "model.onnx", rounded, weights="int8", metadata={})
        if not kept.is_file() or kept.stat().st_mtime < rounded.stat().st_mtime:
            clips = self.dataset.table.take(fold.test)
            parts = [(rounded, list(clips)[first : first + 64]) for first in range(0, len(clips), 64)]
            found = track(map_in_processes(_outputs, parts, processes), str(place), len(parts), progress)
            seconds, embeddings, log_probs = (np.concatenate(part) for part in zip(*found, strict=True))
            with atomic_write(kept) as temporary, temporary.open("wb") as file:
                np.savez(file, seconds=seconds, embeddings=embeddings, log_probs=log_probs)
        with np.load(kept) as arrays:
            facts = metadata(rounded)
            return arrays["seconds"], arrays["embeddings"], arrays["log_probs"], facts


def metadata(file: Path) -> dict[str, Any]:
    """The metadata of an exported file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    facts: dict[str, Any] = json.loads(session.get_modelmeta().custom_metadata_map["emotone"])
    return facts


def _outputs(part: tuple[Path, list[Utterance]]) -> tuple[Floats, Floats, Floats]:
    """Seconds, embeddings and log-probabilities of some clips."""
    file, clips = part
    model = _model(file)
    pieces = []
    for clip in clips:
        sound = audio.read(
            clip.file, model.audio.rate_hz, channel=model.audio.channel, start_s=clip.start_s, end_s=clip.end_s
        )
        pieces += model.features(sound, [(0.0, sound.size / model.audio.rate_hz)])
    output = model.run(pieces)
    assert output.embedding is not None
    return np.array([piece.seconds for piece in pieces]), output.embedding, output.log_probs


_MODELS: dict[Path, SpeechModel] = {}


def _model(file: Path) -> SpeechModel:
    if file not in _MODELS:
        model = open_model(file, 1)
        assert isinstance(model, SpeechModel)
        _MODELS.clear()
        _MODELS[file] = model
    return _MODELS[file]


def by_corpus(predictions: Predictions) -> dict[str, dict[str, Any]]:
    """Corpus -> its scores, when the model chooses among the labels that the corpus has."""
    found = {}
    for corpus, own in of_corpora(predictions):
        classes = tuple(label for label in own.classes if label in set(own.truth.tolist()))
        log_probs = own.log_probs[:, [own.classes.index(label) for label in classes]]
        log_probs = log_probs - np.logaddexp.reduce(log_probs, axis=1, keepdims=True)
        found[corpus] = evaluation.evaluate(replace(own, classes=classes, log_probs=log_probs))
    return found


def of_corpora(predictions: Predictions) -> Iterator[tuple[str, Predictions]]:
    """The predictions of each corpus."""
    for corpus in dict.fromkeys(predictions.corpus.tolist()):
        yield corpus, predictions.take(predictions.corpus == corpus)
