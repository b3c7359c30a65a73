"""Scores centred on the speaker: log-probabilities of a clip minus the mean over other clips of its speaker.

For a model of uncentred features in an ensemble with enrolled speakers. It corrects speakers to whom a model gives one
emotion a high score in every clip. The mean needs no labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from emotone.data.splits import Fold
from emotone.errors import RunError
from emotone.evaluation.scores import Predictions
from emotone.inference.speaker_shift import speaker_shift
from emotone.runs.dataset import Dataset
from emotone.runs.speakers.history import Floats, SpeakerHistory, caveat


def average_scores(tested: Predictions, corpora: Sequence[str], without: str = "") -> dict[str, Floats]:
    """Corpus -> (classes,) mean of its speakers' mean scores; of all speakers for a corpus without predictions.

    Args:
        tested: predictions of all folds of a run.
        corpora: the keys of the result.
        without: name of a fold whose test speakers are left out.

    Raises:
        RunError: there is no other fold.
    """
    used = tested.take(tested.fold != without)
    if not len(used):
        raise RunError("centring scores needs the mean scores of other folds, and the run has one; train two or more")
    found = {}
    for corpus in corpora:
        in_corpus = used.corpus == corpus
        speakers = np.unique(used.speaker[in_corpus])
        means = [used.log_probs[in_corpus & (used.speaker == speaker)].mean(axis=0) for speaker in speakers]
        found[corpus] = np.mean(means, axis=0) if means else used.log_probs.mean(axis=0)
    return found


class ScoreCentring:
    """The shift that is subtracted from the scores of each clip of a run."""

    def __init__(
        self, dataset: Dataset, tested: Predictions, speech_s: Floats, requested_s: float, *, seed: int
    ) -> None:
        """Prepare the clips of a run.

        Args:
            dataset: the clips of the run.
            tested: predictions of all its folds.
            speech_s: (clips,) seconds of each.
            requested_s: seconds of other clips of the speaker.
            seed: of the random choice of those clips.
        """
        self._dataset, self._tested, self._speech_s = dataset, tested, speech_s
        self._row = {key: row for row, key in enumerate(dataset.table.column("key").tolist())}
        self._scores = np.zeros((len(dataset.table), len(dataset.map.classes)))
        self._scores[self._rows(tested)] = tested.log_probs
        self._history = SpeakerHistory(dataset.table, speech_s, requested_s, seed=seed)

    def caveat(self, folds: Sequence[Fold]) -> str:
        """As `history.caveat`."""
        return caveat(self._history.facts(folds))

    def averages(self, without: str = "") -> dict[str, Floats]:
        """Corpus -> (classes,) mean scores, as in `average_scores`."""
        return average_scores(self._tested, np.unique(self._dataset.table.column("corpus")).tolist(), without)

    def centred(self, predictions: Predictions, fold: Fold) -> Predictions:
        """Centred predictions of one side of a fold, test or development."""
        rows, scores = self._rows(predictions), self._scores.copy()
        scores[rows] = predictions.log_probs
        averages, corpora = self.averages(fold.name), self._dataset.table.column("corpus")
        side = replace(fold, test=rows, development=np.setdiff1d(fold.development, rows))
        shifts = {
            row: speaker_shift(scores[others].mean(axis=0), self._speech_s[others].sum(), averages[corpora[row]])
            for row, others in self._history.of_test_clips(side).items()
            if others.size
        }
        none = np.zeros(scores.shape[1])
        log_probs = predictions.log_probs - np.stack([shifts.get(row, none) for row in rows.tolist()])
        return replace(predictions, log_probs=log_probs - np.logaddexp.reduce(log_probs, axis=1, keepdims=True))

    def _rows(self, predictions: Predictions) -> NDArray[np.int64]:
        return np.array([self._row[key] for key in predictions.key.tolist()])
