"""The default model's folds as it is used: by voices that were enrolled, which it had not learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotone.audio import read as audio
from emotone.audio.read import RATE_HZ
from emotone.data.splits import Fold, Rows
from emotone.evaluation.scores import Predictions
from emotone.inference.onnx_model import ModelOutput, OnnxModel
from emotone.inference.speaker_shift import variety
from emotone.inference.voice_profile import Voice
from emotone.runs.finished_run import FinishedRun, same_clips_and_folds
from emotone.runs.run import Run
from emotone.runs.speakers.history import SpeakerHistory
from emotone.runs.speakers.score_centring import average_scores
from emotone.training import onnx_merge as merge
from emotone.training.onnx_merge import Part
from scripts.default_model.build import AS_THEY_ARE, KINDS, SHARES, member

Floats = NDArray[np.float64]


class OneEmotionHistory(SpeakerHistory):
    """Clips of one random emotion, to measure what a skewed history does."""

    labels: NDArray[np.int64]

    def candidates(self, rows: Rows, row: int, rng: np.random.Generator) -> Rows:
        others = super().candidates(rows, row, rng)
        labels = self.labels[rows[others]]
        return others[labels == rng.choice(np.unique(labels))] if others.size else others


class Listener:
    """The models of the folds on their test clips, as `emotone predict` runs them; also for enrolled speakers."""

    def __init__(self, runs: Path, seed: int) -> None:
        self.dataset, self.folds = same_clips_and_folds([FinishedRun(Run(runs / "kernel"))])
        self.files = self.files_with(seed, runs)
        some = OnnxModel(self.files[self.folds[0].name], threads=1)
        sounds = (audio.read(row.file, RATE_HZ) for row in self.dataset.table)
        self.pieces = [some.features(sound, [(0.0, sound.size / RATE_HZ)])[0] for sound in sounds]
        self.adapted = [one.name for one in some.inputs if one.adaptation is not None]
        self.listen_to(self.files)

    def files_with(self, seed: int, runs: Path) -> dict[str, Path]:
        """Fold -> the file of its models, the randomly initialised ones of this seed."""
        return {fold.name: self._fold_model(runs, fold, seed) for fold in self.folds}

    def listen_to(self, files: Mapping[str, Path]) -> Predictions:
        """Predictions of every test clip without enrolment; `files`: fold -> its model."""
        self.models = {name: OnnxModel(file, threads=1) for name, file in files.items()}
        self.unknown = {fold.name: self._all(fold) for fold in self.folds}
        return Predictions.concatenate(
            [
                self.dataset.predictions(fold.test, fold.name, self.unknown[fold.name].log_probs[fold.test])
                for fold in self.folds
            ]
        )

    def _all(self, fold: Fold) -> ModelOutput:
        """The outputs for the test clips of a fold without enrolment; zeros for all other clips."""
        model, rows = self.models[fold.name], fold.test.tolist()
        outputs = [model.run([self.pieces[row]]) for row in rows]

        def placed(values: Sequence[Floats]) -> Floats:
            found = np.zeros((len(self.pieces), values[0].shape[1]))
            found[rows] = np.concatenate(values)
            return found

        scores = {name: placed([one.scores[name] for one in outputs]) for name in model.centred}
        return ModelOutput(placed([one.log_probs for one in outputs]), placed([one.domains for one in outputs]), scores)

    def hear(self, seconds: float, one_emotion: bool) -> Predictions:
        """Predictions of every test clip, with so many seconds of other clips of its speaker enrolled."""
        speech_s = np.array([piece.seconds for piece in self.pieces])
        values = {name: np.stack([piece.values[name] for piece in self.pieces]) for name in self.adapted}
        history = SpeakerHistory(self.dataset.table, speech_s, seconds, seed=0)
        if one_emotion:
            history = OneEmotionHistory(self.dataset.table, speech_s, seconds, seed=0)
            history.labels = self.dataset.labels
        parts = []
        for fold in self.folds:
            model, found, alone = self.models[fold.name], [], self.unknown[fold.name]
            for row, before in history.of_test_clips(fold).items():
                emotions = np.exp(alone.log_probs[before])
                means = {name: rows[before].mean(axis=0) for name, rows in (values | alone.scores).items()}
                sides = alone.domains[before].mean(axis=0)
                voice = Voice("", speech_s[before].sum(), means, emotions.mean(axis=0), variety(emotions), sides)
                found.append(model.run([self.pieces[row]], voice).log_probs[0])
            parts.append(self.dataset.predictions(fold.test, fold.name, np.array(found)))
        return Predictions.concatenate(parts)

    def _fold_model(self, runs: Path, fold: Fold, seed: int) -> Path:
        """The models of a fold as the shipped file holds those of all clips."""
        centres = {}
        for kind in AS_THEY_ARE:
            averages = average_scores(Run(runs / member(kind, seed=seed)).predictions, [*SHARES[""]], without=fold.name)
            centres[kind] = {corpus: average.tolist() for corpus, average in averages.items()}

        def parts(suffix: str) -> list[Part]:
            return [
                Part(
                    runs / member(kind, suffix, seed) / "folds" / fold.name / "model.onnx",
                    {corpus: shares[place] for corpus, shares in SHARES[suffix].items()},
                    centre=centres.get(kind) if suffix else None,
                )
                for place, kind in enumerate(KINDS)
            ]

        file = runs / "listener" / f"{fold.name}-{seed}.onnx"
        merge.merge(merge.for_both(parts(""), parts("-known")), file, title=f"fold {fold.name}")
        return file
