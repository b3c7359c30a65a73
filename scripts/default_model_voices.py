"""The default model's folds as it is used: by voices that were enrolled, which it had not learned from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from default_model import NETWORK, SHARES
from numpy.typing import NDArray

from emotone import audio, merge
from emotone.audio import RATE_HZ
from emotone.evaluation import Predictions
from emotone.feature_set import FeatureSet
from emotone.members import Member, same_clips_and_folds
from emotone.merge import Part
from emotone.onnx_model import OnnxModel
from emotone.runs import Run
from emotone.speaker_adaptation import SpeakerAdaptation
from emotone.speaker_shift import acquaintance, speaker_shift, variety
from emotone.splits import Fold

Floats = NDArray[np.float64]


class Listener:
    """The files of the folds, each heard as `emotone predict` hears; with what `emotone enrol` kept, if anything."""

    def __init__(self, runs: Path) -> None:
        self.dataset, self.folds = same_clips_and_folds([Member(Run(runs / "kernel"))])
        self.files = self.files_with(NETWORK, runs)
        some = OnnxModel(self.files[self.folds[0].name], threads=1)
        sounds = (audio.read(row.file, RATE_HZ) for row in self.dataset.table)
        self.pieces = [some.features(sound, [(0.0, sound.size / RATE_HZ)])[0] for sound in sounds]
        self.adapted = [one.name for one in some.inputs if one.adaptation is not None]
        self.listen_to(self.files)

    def files_with(self, network: str, runs: Path) -> dict[str, Path]:
        """Fold -> the file of its models, with the network of this run."""
        return {fold.name: _fold_model(runs, fold.name, network) for fold in self.folds}

    def listen_to(self, files: Mapping[str, Path]) -> Predictions:
        """Fold -> its file: what it hears in every tested clip before anything is known of a speaker."""
        self.models = {name: OnnxModel(file, threads=1) for name, file in files.items()}
        self.unknown = {fold.name: self._all(fold) for fold in self.folds}
        return Predictions.concatenate(
            [self.dataset.predictions(fold.test, fold.name, self.unknown[fold.name][fold.test]) for fold in self.folds]
        )

    def _all(self, fold: Fold) -> Floats:
        """(clips, classes) log-probabilities of the tested clips before anything is known of a speaker."""
        found = np.zeros((len(self.pieces), len(self.dataset.map.classes)))
        for row in fold.test.tolist():
            found[row] = self.models[fold.name].log_probabilities([self.pieces[row]])[0]
        return found

    def hear(self, seconds: float, one_emotion: bool) -> Predictions:
        """Every tested clip, once so much was heard of other clips of its speaker."""
        speech_s = np.array([piece.seconds for piece in self.pieces])
        one_of = self.dataset.labels if one_emotion else None
        values = {name: np.stack([piece.values[name] for piece in self.pieces]) for name in self.adapted}
        rows = FeatureSet(self.dataset.table, list(values[self.adapted[0]]))
        histories = SpeakerAdaptation(rows, speech_s, seconds, seed=0, one_of=one_of)
        parts = []
        for fold in self.folds:
            model, found = self.models[fold.name], []
            for row, heard in histories.histories(fold).items():
                heard_s, shifts = float(speech_s[heard].sum()), {}
                emotions = np.exp(self.unknown[fold.name][heard])
                varied = variety(emotions)
                for one in model.inputs:
                    if one.adaptation is not None:
                        told = one.adaptation.average, emotions.mean(axis=0), one.adaptation.emotion_shifts, varied
                        shifts[one.name] = speaker_shift(values[one.name][heard].mean(axis=0), heard_s, *told)
                known = acquaintance(heard_s, emotions.mean(axis=0), varied)
                found.append(model.log_probabilities([self.pieces[row]], shifts, known)[0])
            parts.append(self.dataset.predictions(fold.test, fold.name, np.array(found)))
        return Predictions.concatenate(parts)


def _fold_model(runs: Path, fold: str, network: str) -> Path:
    """The models of a fold as the shipped file holds those of all clips."""

    def parts(suffix: str) -> list[Part]:
        names = (f"kernel{suffix}", f"correlations{suffix}", network)
        files = [runs / name / "folds" / fold / "model.onnx" for name in names]
        weights = [{corpus: shares[place] for corpus, shares in SHARES[suffix].items()} for place in range(len(names))]
        return [Part(file, weight) for file, weight in zip(files, weights, strict=True)]

    file = runs / "listener" / f"{fold}-{network}.onnx"
    merge.merge(merge.for_both(parts(""), parts("-known")), file, title=f"fold {fold}")
    return file
