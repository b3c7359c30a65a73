"""Features without the sound of the voice: clips centred on their speaker's mean, as far as he or she was heard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emotone.data.splits import Fold
from emotone.errors import ModelError
from emotone.features import Values
from emotone.features.extraction.feature_set import FeatureSet, OnDemand
from emotone.inference.speaker_shift import TAU_S, shifts_of_emotions
from emotone.runs.speakers.history import SpeakerHistory, learned

NO_EXPORT = (
    "its features are centred on each speaker (data.speaker_seconds), and it could not hear one who is not known; "
    "train without that setting for a model to predict with, or with data.speaker_views=with_original for a part of one"
)

Floats = NDArray[np.float64]


class SpeakerAdaptation:
    """By what each clip of a fold is shifted.

    One rule for every clip, learned from or tested: the mean of *other* clips of its speaker on its own side, less the
    mean of the training speakers' means, shrunk by s / (s + `TAU_S`) for s seconds heard. So a model learns from
    speakers as little known as those it is tested on, and where nothing is heard nothing is taken away.
    Of sequences every frame counts alike.
    """

    def __init__(self, features: FeatureSet, history: SpeakerHistory) -> None:
        """What is needed of every clip, read once.

        Args:
            features: vectors or sequences.
            history: which of them are heard before which.
        """
        self.history = history
        self._frames = np.array([1 if one.ndim == 1 else len(one) for one in features], dtype=np.float64)
        self._sums = np.stack([np.atleast_2d(one).sum(axis=0, dtype=np.float64) for one in features])
        self._last: tuple[Fold, Values] | None = None

    def offsets(self, fold: Fold) -> Values:
        """(clips, dims) what to take from each clip; nothing from clips of no side."""
        if self._last is None or self._last[0] is not fold:
            self._last = fold, self._offsets(fold)
        return self._last[1]

    def average(self, fold: Fold) -> Floats:
        """(dims,) the mean of the training speakers' means."""
        known = self.history.speakers(learned(fold))
        means = [self._sums[rows].sum(axis=0) / self._frames[rows].sum() for rows in known]
        return np.asarray(np.mean(means, axis=0))

    def emotion_shifts(self, fold: Fold, labels: NDArray[np.int64], classes: int) -> Floats:
        """(classes, dims) what each emotion does to the features of training speakers."""
        rows = learned(fold)
        means = self._sums[rows] / self._frames[rows, None]
        return shifts_of_emotions(means, labels[rows], self.history.speaker[rows], classes)

    def _offsets(self, fold: Fold) -> Values:
        average = self.average(fold)
        offsets = np.zeros((len(self._sums), len(average)), dtype=np.float32)
        for rows, before in [*self.history.learned(fold), *self.history.tested(fold)]:
            heard = before.astype(np.float64)
            frames = np.maximum(heard @ self._frames[rows], 1)[:, None]
            seconds = (heard @ self.history.seconds[rows])[:, None]
            own = heard @ self._sums[rows] / frames
            offsets[rows] = (own - average) * (seconds / (seconds + TAU_S))
        return offsets


class Centred(FeatureSet):
    """The same clips, each shifted by its own offset when it is read; nothing is copied before."""

    def __init__(self, features: FeatureSet, offsets: Values, *, beside: bool = False) -> None:
        """The clips of `features`, (clips, dims) `offsets` taken away; with `beside`, behind it each clip as it was.

        Raises:
            ModelError: something is to be beside what is no vector.
        """
        if beside and len(features.shape) > 1:
            raise ModelError("data.speaker_views=with_original is for vectors; take a feature that is one, or known")
        lengths = 2 * features.lengths if beside else features.lengths  # a vector is as long as it has dims
        super().__init__(features.table, _Shifted(features, offsets, beside), features.failures, lengths=lengths)


class _Shifted(OnDemand):
    def __init__(self, values: Sequence[Values], offsets: Values, beside: bool) -> None:
        self.values, self.offsets, self.beside = values, offsets, beside

    def __len__(self) -> int:
        return len(self.values)

    def at(self, place: int) -> Values:
        value = self.values[place]
        shifted: Values = value - self.offsets[place]
        return np.concatenate([shifted, value]) if self.beside else shifted
