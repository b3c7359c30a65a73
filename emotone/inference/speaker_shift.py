"""By what a speaker's features lie off those of all speakers, from what was heard of him or her; no label is needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

TAU_S = 10.0
"""Seconds of speech after which a speaker's own mean counts as much as that of all training speakers."""
KNOWN_S = 30.0
"""Seconds after which a speaker counts as known: a model that learned from known speakers has the whole say."""
LEAST_VARIETY, ONE_SIDED = 0.4, 0.12
"""A history is of several emotions where its variety is so much of how far its likeliest emotion is over chance; of one
alone where it falls so far short of that. Chosen by histories of development speakers (LOG.md)."""

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
        own = own - one_sided(heard, variety) * (heard @ np.asarray(emotion_shifts, dtype=np.float64))
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


def one_sided(emotions: ArrayLike, variety: float) -> float:
    """How far a history is of one emotion, 0 .. 1.

    Args:
        emotions: (classes,) mean probabilities of what was heard.
        variety: of what was heard.

    >>> one_sided([0.7, 0.2, 0.1], 0.05), one_sided([0.7, 0.2, 0.1], 0.3), one_sided([0.4, 0.3, 0.3], 0.1)
    (1.0, 0.0, 0.0)
    """
    chance = 1 / np.size(emotions)
    over_chance = (np.max(emotions) - chance) / (1 - chance)
    return float(np.clip((LEAST_VARIETY * over_chance - variety) / ONE_SIDED, 0, 1))


def acquaintance(seconds: float, emotions: ArrayLike, variety: float) -> float:
    """How well a speaker is known, 0 .. 1: whole from `KNOWN_S` on, nothing where all of it was of one emotion.

    >>> acquaintance(15, [0.4, 0.3, 0.3], 0.3), acquaintance(60, [0.8, 0.1, 0.1], 0.0)
    (0.5, 0.0)
    """
    return min(seconds / KNOWN_S, 1.0) * (1 - one_sided(emotions, variety))


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
