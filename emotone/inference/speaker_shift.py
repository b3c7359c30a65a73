"""Offset of a speaker's or a domain's features from those of all speakers, estimated from unlabelled speech."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.inference.pooling import Floats

TAU_S = 10.0
"""Seconds of speech after which the mean of the speaker has the same weight as that of all training speakers."""
TAU_RECORDINGS = 20.0
"""Recordings after which the mean of a domain has the same weight as that of all training speakers."""
EMOTION_SHARE = 0.5
"""Share of the predicted effect of the emotions that is subtracted from a mean. 1 is too much where predictions are
often wrong, 0 too little where all speech is of one emotion; measured on corpora left out (LOG.md)."""


def speaker_shift(
    mean: ArrayLike,
    seconds: float,
    average: ArrayLike,
    emotions: ArrayLike | None = None,
    emotion_shifts: ArrayLike | None = None,
) -> Floats:
    """(dims,) what to subtract from a clip of a speaker: the mean of other clips minus the average, shrunk if short.

    The mean depends on the emotions of the speech as well as on the speaker. A part of their predicted effect is
    therefore subtracted from it, so that speech of one emotion does less harm.

    Args:
        mean: (dims,) mean features of the speaker's other clips, the history.
        seconds: length of the history.
        average: (dims,) mean features of all training speakers.
        emotions: (classes,) mean probabilities that the model gives the history; None: all emotions equally.
        emotion_shifts: (classes, dims) effect of each emotion on the features, mean over training speakers.

    >>> speaker_shift([3.0], 10.0, [1.0]).tolist()
    [1.0]
    >>> speaker_shift([3.0], 10.0, [1.0], [1.0, 0.0], [[2.0], [-2.0]]).tolist()
    [0.5]
    """
    return _offset(mean, average, emotions, emotion_shifts) * speaker_weight(seconds)


def domain_shift(
    mean: ArrayLike,
    recordings: int,
    average: ArrayLike,
    emotions: ArrayLike | None = None,
    emotion_shifts: ArrayLike | None = None,
) -> Floats:
    """(dims,) what to subtract from a clip of a domain: as `speaker_shift`, shrunk if the recordings are few.

    Args:
        mean: (dims,) mean features of the recordings of the domain.
        recordings: how many.
        average, emotions, emotion_shifts: as in `speaker_shift`.

    >>> domain_shift([3.0], 20, [1.0]).tolist()
    [1.0]
    """
    return _offset(mean, average, emotions, emotion_shifts) * domain_weight(recordings)


def speaker_weight(seconds: float) -> float:
    """The weight of a speaker's own mean, 0 .. 1.

    >>> speaker_weight(0), speaker_weight(10), speaker_weight(30)
    (0.0, 0.5, 0.75)
    """
    return seconds / (seconds + TAU_S)


def domain_weight(recordings: int) -> float:
    """The weight of the mean of a domain, 0 .. 1.

    >>> domain_weight(5), domain_weight(20)
    (0.2, 0.5)
    """
    return recordings / (recordings + TAU_RECORDINGS)


def _offset(
    mean: ArrayLike, average: ArrayLike, emotions: ArrayLike | None, emotion_shifts: ArrayLike | None
) -> Floats:
    """(dims,) the mean minus the average, without a share of the effect of the predicted emotions."""
    offset = np.asarray(mean, dtype=np.float64) - np.asarray(average, dtype=np.float64)
    if emotions is not None and emotion_shifts is not None:
        shares = np.asarray(emotions, dtype=np.float64)
        excess = shares - 1 / shares.size
        offset = offset - EMOTION_SHARE * (excess @ np.asarray(emotion_shifts, dtype=np.float64))
    return np.asarray(offset)


def shifts_of_emotions(means: Floats, labels: NDArray[np.int64], speakers: NDArray[np.int64], classes: int) -> Floats:
    """(classes, dims) offset of each class from the mean over the classes of its speaker, averaged over speakers.

    Args:
        means: (clips, dims).
        labels, speakers: (clips,) numbers.
        classes: how many; a class without clips has an offset of 0.
    """
    total, count = np.zeros((classes, means.shape[1])), np.zeros((classes, 1))
    for speaker in np.unique(speakers):
        clips = speakers == speaker
        present = np.unique(labels[clips])
        class_means = np.stack([means[clips & (labels == label)].mean(axis=0) for label in present])
        total[present] += class_means - class_means.mean(axis=0)
        count[present] += 1
    return total / np.maximum(count, 1)
