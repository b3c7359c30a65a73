"""By what a speaker's features lie off those of all speakers, from what was heard of him or her; no label is needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

TAU_S = 10.0
"""Seconds of speech after which a speaker's own mean counts as much as that of all training speakers."""
KNOWN_S = 30.0
"""Seconds after which a speaker counts as known: a model that learned from known speakers has the whole say."""
ONE_SIDED, MIXED = 0.08, 0.16
"""Variety up to which a history counts as of one emotion, and from which as of several: of development speakers' histories
of one emotion half have less than the first, nine of ten less than the second; others have .2 to .5."""

Floats = NDArray[np.float64]


def speaker_shift(
    mean: ArrayLike,
    seconds: float,
    average: ArrayLike,
    emotions: ArrayLike | None = None,
    emotion_shifts: ArrayLike | None = None,
    variety: float = 1.0,
) -> Floats:
    """(dims,) what to take from a speaker's clip: the mean of other clips, less the average, shrunk for few seconds.

    Who was heard in one emotion alone has a mean that is that emotion's as well as the speaker's. Where the model
    itself hears the same in all of the history, what that emotion does to the features is taken out of the mean.

    Args:
        mean: (dims,) of what was heard of the speaker.
        seconds: how much that was.
        average: (dims,) of all training speakers.
        emotions: (classes,) mean probabilities that the model gave to what was heard; None: never one-sided.
        emotion_shifts: (classes, dims) what each emotion does to the features, on average over training speakers.
        variety: of what was heard, see `variety`.

    >>> speaker_shift([3.0], 10.0, [1.0]).tolist()
    [1.0]
    >>> speaker_shift([3.0], 10.0, [1.0], [1.0, 0.0], [[2.0], [-2.0]], variety=0.0).tolist()
    [0.0]
    """
    own = np.asarray(mean, dtype=np.float64) - np.asarray(average, dtype=np.float64)
    if emotions is not None and emotion_shifts is not None:
        heard = np.asarray(emotions, dtype=np.float64)
        own = own - one_sided(variety) * (heard @ np.asarray(emotion_shifts, dtype=np.float64))
    return np.asarray(own * (seconds / (seconds + TAU_S)))


def variety(probabilities: ArrayLike) -> float:
    """How much of what is heard in some clips differs from clip to clip, 0 .. 1; 0 of a single one.

    The entropy of their mean probabilities less the mean of their entropies, over the most it could be: what the clip
    tells of the emotion. A voice that is heard as sad in every clip, but more or less so, has variety; sad clips have
    little. That of few clips is raised by what their number takes from it.

    Args:
        probabilities: (clips, classes), two classes or more.

    >>> [round(variety(heard), 3) for heard in ([[1.0, 0.0], [0.0, 1.0]] * 50, [[0.8, 0.2]] * 100, [[1.0, 0.0]])]
    [1.0, 0.0, 0.0]
    """
    given = np.asarray(probabilities, dtype=np.float64)
    clips, classes = given.shape
    if clips == 1:
        return 0.0
    told = _entropy(given.mean(axis=0)) - _entropy(given).mean()
    return float(np.clip(told * clips / (clips - 1) / np.log(classes), 0, 1))


def one_sided(variety: float) -> float:
    """How far a history of this variety is of one emotion, 0 .. 1.

    >>> one_sided(0.3), one_sided(0.0)
    (0.0, 1.0)
    """
    return float(np.clip((MIXED - variety) / (MIXED - ONE_SIDED), 0, 1))


def acquaintance(seconds: float, variety: float) -> float:
    """How well a speaker is known, 0 .. 1: whole from `KNOWN_S` on, nothing where all of it was of one emotion.

    >>> acquaintance(15, 0.3), acquaintance(60, 0.0)
    (0.5, 0.0)
    """
    return min(seconds / KNOWN_S, 1.0) * (1 - one_sided(variety))


def _entropy(probabilities: Floats) -> Floats:
    """(...,) in nats, of (..., classes)."""
    return np.asarray(-(probabilities * np.log(np.maximum(probabilities, 1e-30))).sum(axis=-1))


def shifts_of_emotions(means: Floats, labels: NDArray[np.int64], speakers: NDArray[np.int64], classes: int) -> Floats:
    """(classes, dims) by what clips of each class lie off the middle of their speaker's classes, mean over speakers.

    Args:
        means: (clips, dims).
        labels, speakers: (clips,) numbers.
        classes: how many; one that no clip has is not shifted.
    """
    total, count = np.zeros((classes, means.shape[1])), np.zeros((classes, 1))
    for speaker in np.unique(speakers):
        own = speakers == speaker
        there = np.unique(labels[own])
        middles = np.stack([means[own & (labels == label)].mean(axis=0) for label in there])
        total[there] += middles - middles.mean(axis=0)
        count[there] += 1
    return total / np.maximum(count, 1)
