"""Offset of a speaker's or a domain's features from those of all speakers, estimated from unlabelled speech."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.inference.pooling import Floats

TAU_S = 10.0
"""Seconds of speech after which the mean of the speaker has the same weight as that of all training speakers."""
TAU_RECORDINGS = 20.0
"""Recordings after which the mean of a domain has the same weight as that of all training speakers. A round number, not
yet measured."""
KNOWN_S = 30.0
"""Seconds after which a speaker counts as fully known: only the part trained on known speakers is used."""
MIN_VARIETY, ONE_SIDED = 0.4, 0.12
"""A history has several emotions if its variety is at least `MIN_VARIETY` times the excess of its top emotion over
chance level; it has one emotion if it is `ONE_SIDED` below that. Chosen on development speakers (LOG.md)."""


def speaker_shift(
    mean: ArrayLike,
    seconds: float,
    average: ArrayLike,
    emotions: ArrayLike | None = None,
    emotion_shifts: ArrayLike | None = None,
    variety: float = 1.0,
) -> Floats:
    """(dims,) what to subtract from a clip of a speaker: the mean of other clips minus the average, shrunk if short.

    If all of the history is of one emotion, its mean depends on that emotion as well as on the speaker. The effect of
    the emotion on the features is then subtracted from the mean.

    Args:
        mean: (dims,) mean features of the speaker's other clips, the history.
        seconds: length of the history.
        average: (dims,) mean features of all training speakers.
        emotions: (classes,) mean probabilities that the model gives the history; None: it counts as varied.
        emotion_shifts: (classes, dims) effect of each emotion on the features, mean over training speakers.
        variety: of the history, see `variety`.

    >>> speaker_shift([3.0], 10.0, [1.0]).tolist()
    [1.0]
    >>> speaker_shift([3.0], 10.0, [1.0], [1.0, 0.0], [[2.0], [-2.0]], variety=0.0).tolist()
    [0.0]
    """
    return _offset(mean, average, emotions, emotion_shifts, variety) * speaker_weight(seconds)


def domain_shift(
    mean: ArrayLike,
    recordings: int,
    average: ArrayLike,
    emotions: ArrayLike | None = None,
    emotion_shifts: ArrayLike | None = None,
    variety: float = 1.0,
) -> Floats:
    """(dims,) what to subtract from a clip of a domain: as `speaker_shift`, shrunk if the recordings are few.

    Args:
        mean: (dims,) mean features of the recordings of the domain.
        recordings: how many.
        average, emotions, emotion_shifts, variety: as in `speaker_shift`.

    >>> domain_shift([3.0], 20, [1.0]).tolist()
    [1.0]
    """
    return _offset(mean, average, emotions, emotion_shifts, variety) * domain_weight(recordings)


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
    mean: ArrayLike,
    average: ArrayLike,
    emotions: ArrayLike | None,
    emotion_shifts: ArrayLike | None,
    variety: float,
) -> Floats:
    """(dims,) the mean minus the average, without the effect of the emotion if all speech is of one."""
    offset = np.asarray(mean, dtype=np.float64) - np.asarray(average, dtype=np.float64)
    if emotions is not None and emotion_shifts is not None:
        shares = np.asarray(emotions, dtype=np.float64)
        offset = offset - one_sided(shares, variety) * (shares @ np.asarray(emotion_shifts, dtype=np.float64))
    return np.asarray(offset)


def variety(probabilities: ArrayLike) -> float:
    """How much the predictions differ from clip to clip, 0 .. 1; 0 for a single clip.

    The entropy of the mean probabilities minus the mean of the entropies, divided by its maximum: the mutual
    information of clip and emotion. Corrected for the bias of few clips.

    Args:
        probabilities: (clips, classes), two classes or more.

    >>> [round(variety(clips), 3) for clips in ([[1.0, 0.0], [0.0, 1.0]] * 50, [[0.8, 0.2]] * 100, [[1.0, 0.0]])]
    [1.0, 0.0, 0.0]
    """
    rows = np.asarray(probabilities, dtype=np.float64)
    clips, classes = rows.shape
    if clips == 1:
        return 0.0
    information = _entropy(rows.mean(axis=0)) - _entropy(rows).mean()
    return float(np.clip(information * clips / (clips - 1) / np.log(classes), 0, 1))


def one_sided(emotions: ArrayLike, variety: float) -> float:
    """Degree to which a history is of one emotion only, 0 .. 1.

    Args:
        emotions: (classes,) mean probabilities of the history.
        variety: of the history.

    >>> one_sided([0.7, 0.2, 0.1], 0.05), one_sided([0.7, 0.2, 0.1], 0.3), one_sided([0.4, 0.3, 0.3], 0.1)
    (1.0, 0.0, 0.0)
    """
    chance = 1 / np.size(emotions)
    over_chance = (np.max(emotions) - chance) / (1 - chance)
    return float(np.clip((MIN_VARIETY * over_chance - variety) / ONE_SIDED, 0, 1))


def acquaintance(seconds: float, emotions: ArrayLike, variety: float) -> float:
    """How well a speaker is known, 0 .. 1: 1 from `KNOWN_S` on, 0 if the history is of one emotion only.

    >>> acquaintance(15, [0.4, 0.3, 0.3], 0.3), acquaintance(60, [0.8, 0.1, 0.1], 0.0)
    (0.5, 0.0)
    """
    return min(seconds / KNOWN_S, 1.0) * (1 - one_sided(emotions, variety))


def _entropy(probabilities: Floats) -> Floats:
    """(...,) in nats, of (..., classes)."""
    return np.asarray(-(probabilities * np.log(np.maximum(probabilities, 1e-30))).sum(axis=-1))


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
