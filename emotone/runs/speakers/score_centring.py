"""Scores without the habits of the voice: what a model says of a clip, less what it says of its speaker on average.

For a model that hears clips as they are, in an ensemble that had heard the speaker before: who sounds a little sad in
every clip is taken to sound so. The mean is that of other clips, without their labels.
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
from emotone.runs.speakers.history import SpeakerHistory, caveat

Floats = NDArray[np.float64]


def average_scores(tested: Predictions, corpora: Sequence[str], without: str = "") -> dict[str, Floats]:
    """Corpus -> (classes,) the mean of its speakers' mean scores; of all speakers, where none of it is there.

    Args:
        tested: what the folds of a run said.
        corpora: those that are asked for.
        without: the fold whose tested speakers are to have no part in it.

    Raises:
        RunError: there is no other fold.
    """
    used = tested.take(tested.fold != without)
    if not len(used):
        raise RunError("scores are centred on what other folds said on average, and the run has one; train two or more")
    found = {}
    for corpus in corpora:
        own = used.corpus == corpus
        means = [used.log_probs[own & (used.speaker == one)].mean(axis=0) for one in np.unique(used.speaker[own])]
        found[corpus] = np.mean(means, axis=0) if means else used.log_probs.mean(axis=0)
    return found


class ScoreCentring:
    """By what a run's scores are shifted, once so much of each speaker was heard."""

    def __init__(self, dataset: Dataset, tested: Predictions, speech_s: Floats, asked_s: float, *, seed: int) -> None:
        """What is needed of every clip.

        Args:
            dataset: the clips that the run learned from.
            tested: what its folds said of them.
            speech_s: (clips,) seconds of each.
            asked_s: how many to hear of a speaker before each clip.
            seed: of which clips those are.
        """
        self._dataset, self._tested, self._speech_s = dataset, tested, speech_s
        self._row = {key: row for row, key in enumerate(dataset.table.column("key").tolist())}
        self._scores = np.zeros((len(dataset.table), len(dataset.map.classes)))
        self._scores[self._rows(tested)] = tested.log_probs
        self._history = SpeakerHistory(dataset.table, speech_s, asked_s, seed=seed)

    def caveat(self, folds: Sequence[Fold]) -> str:
        """The line that must stand beside scores of such clips; empty where no tested speaker was heard before."""
        return caveat(self._history.facts(folds))

    def averages(self, without: str = "") -> dict[str, Floats]:
        """Corpus -> (classes,) its scores on average, as of `average_scores`."""
        return average_scores(self._tested, np.unique(self._dataset.table.column("corpus")).tolist(), without)

    def centred(self, heard: Predictions, fold: Fold) -> Predictions:
        """Clips of one side of a fold, tested or development, each less what its speaker's others are given."""
        rows, scores = self._rows(heard), self._scores.copy()
        scores[rows] = heard.log_probs
        averages, corpora = self.averages(fold.name), self._dataset.table.column("corpus")
        side = replace(fold, test=rows, development=np.setdiff1d(fold.development, rows))
        shifts = {
            row: speaker_shift(scores[before].mean(axis=0), self._speech_s[before].sum(), averages[corpora[row]])
            for row, before in self._history.of(side).items()
            if before.size
        }
        none = np.zeros(scores.shape[1])
        log_probs = heard.log_probs - np.stack([shifts.get(row, none) for row in rows.tolist()])
        return replace(heard, log_probs=log_probs - np.logaddexp.reduce(log_probs, axis=1, keepdims=True))

    def _rows(self, heard: Predictions) -> NDArray[np.int64]:
        return np.array([self._row[key] for key in heard.key.tolist()])
