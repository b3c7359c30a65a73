"""Features centred on the speaker: each clip minus the mean of other clips of its speaker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emotone.data.splits import Fold
from emotone.features import Values
from emotone.features.extraction.feature_set import FeatureSet, OnDemand
from emotone.inference.speaker_shift import TAU_S
from emotone.runs.speakers.history import Floats, SpeakerHistory

NO_EXPORT = (
    "its features are centred on each speaker (data.speaker_seconds), so it cannot classify an unknown speaker; train "
    "without that setting for a model to predict with"
)


class FeatureCentring:
    """The offset that is subtracted from each clip of a fold.

    One rule holds for training and test clips: the mean of the clip's history (on the same side of the fold), minus the
    mean of the training speakers' means, times s / (s + `TAU_S`) for a history of s seconds. So a model is trained
    on speakers that are known as little as those it is tested on, and nothing is subtracted where there is no history.
    Every frame of a sequence has the same weight.
    """

    def __init__(self, features: FeatureSet, history: SpeakerHistory) -> None:
        """Read every clip once.

        Args:
            features: vectors or sequences.
            history: the other clips of the speaker for each clip.
        """
        self.history = history
        self._frames = np.array([1 if values.ndim == 1 else len(values) for values in features], dtype=np.float64)
        self._sums = np.stack([np.atleast_2d(values).sum(axis=0, dtype=np.float64) for values in features])
        self._last: tuple[Fold, Values] | None = None

    def offsets(self, fold: Fold) -> Values:
        """(clips, dims) to subtract from each clip; 0 for clips on neither side."""
        if self._last is None or self._last[0] is not fold:
            self._last = fold, self._offsets(fold)
        return self._last[1]

    def _average(self, fold: Fold) -> Floats:
        """(dims,) the mean of the training speakers' means."""
        speakers = self.history.rows_by_speaker(fold.training_side)
        means = [self._sums[rows].sum(axis=0) / self._frames[rows].sum() for rows in speakers]
        return np.asarray(np.mean(means, axis=0))

    def _offsets(self, fold: Fold) -> Values:
        average = self._average(fold)
        offsets = np.zeros((len(self._sums), len(average)), dtype=np.float32)
        for rows, masks in [*self.history.training_masks(fold), *self.history.test_masks(fold)]:
            weights = masks.astype(np.float64)
            frames = np.maximum(weights @ self._frames[rows], 1)[:, None]
            seconds = (weights @ self.history.seconds[rows])[:, None]
            speaker_means = weights @ self._sums[rows] / frames
            offsets[rows] = (speaker_means - average) * (seconds / (seconds + TAU_S))
        return offsets


class Centred(FeatureSet):
    """The same clips, each minus its offset; computed when a clip is read."""

    def __init__(self, features: FeatureSet, offsets: Values) -> None:
        """Subtract (clips, dims) `offsets`."""
        super().__init__(features.table, _Shifted(features, offsets), features.failures, lengths=features.lengths)


class _Shifted(OnDemand):
    def __init__(self, values: Sequence[Values], offsets: Values) -> None:
        self.values, self.offsets = values, offsets

    def __len__(self) -> int:
        return len(self.values)

    def at(self, place: int) -> Values:
        shifted: Values = self.values[place] - self.offsets[place]
        return shifted
