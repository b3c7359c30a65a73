"""Scores without the habits of the voice: what a model says of a clip, less what it says of its speaker on average.

For a model that hears clips as they are, in an ensemble that had heard the speaker before: who sounds a little sad in
every clip is taken to sound so. The mean is that of other clips, without their labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from emotone.dataset import Dataset
from emotone.evaluation import Predictions
from emotone.feature_set import FeatureSet
from emotone.speaker_adaptation import SpeakerAdaptation, told
from emotone.speaker_shift import speaker_shift
from emotone.splits import Fold

Floats = NDArray[np.float64]


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
        self._dataset, self._speech_s = dataset, speech_s
        self._row = {key: row for row, key in enumerate(dataset.table.column("key").tolist())}
        self._scores = np.zeros((len(dataset.table), len(dataset.map.classes)))
        self._tested = np.zeros(len(dataset.table), dtype=bool)
        rows = self._rows(tested)
        self._scores[rows], self._tested[rows] = tested.log_probs, True
        self._heard = SpeakerAdaptation(
            FeatureSet(dataset.table, list(self._scores)), speech_s, asked_s, seed=seed
        )  # only to say which clips are heard before which

    def caveat(self, folds: Sequence[Fold]) -> str:
        """The line that must stand beside scores of such clips; empty where no tested speaker was heard before."""
        return told(self._heard.facts(folds))

    def averages(self, without: Fold | None = None) -> dict[str, Floats]:
        """Corpus -> (classes,) the mean of its speakers' mean scores; without the speakers whom a fold tests."""
        taken = self._tested.copy()
        if without is not None:
            taken[without.test] = False
        speakers, corpora = (self._dataset.table.column(name) for name in ("speaker", "corpus"))
        found = {}
        for corpus in np.unique(corpora).tolist():
            own = taken & (corpora == corpus)
            means = [self._scores[own & (speakers == one)].mean(axis=0) for one in np.unique(speakers[own])]
            found[corpus] = np.mean(means, axis=0) if means else self._scores[taken].mean(axis=0)
        return found

    def centred(self, heard: Predictions, fold: Fold) -> Predictions:
        """Clips of one side of a fold, tested or development, each less what its speaker's others are given."""
        rows, scores = self._rows(heard), self._scores.copy()
        scores[rows] = heard.log_probs
        averages, corpora = self.averages(fold), self._dataset.table.column("corpus")
        side = replace(fold, test=rows, development=np.setdiff1d(fold.development, rows))
        shifts = {
            row: speaker_shift(scores[before].mean(axis=0), self._speech_s[before].sum(), averages[corpora[row]])
            for row, before in self._heard.histories(side).items()
            if before.size
        }
        none = np.zeros(scores.shape[1])
        log_probs = heard.log_probs - np.stack([shifts.get(row, none) for row in rows.tolist()])
        return replace(heard, log_probs=log_probs - np.logaddexp.reduce(log_probs, axis=1, keepdims=True))

    def _rows(self, heard: Predictions) -> NDArray[np.int64]:
        return np.array([self._row[key] for key in heard.key.tolist()])
