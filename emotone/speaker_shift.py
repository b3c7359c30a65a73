"""By what a speaker's features lie off those of all speakers, from what was heard of him or her; no label is needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

TAU_S = 10.0
"""Seconds of speech after which a speaker's own mean counts as much as that of all training speakers."""
KNOWN_S = 30.0
"""Seconds after which a speaker counts as known: a model that learned from known speakers has the whole say."""
SKEWED, ONE_SIDED = 0.325, 0.494
"""From which on a history counts as skewed, and at which as one-sided: the mean probability of its likeliest emotion,
0 at chance, 1 where all is of one. Of nine emotions that is .40 and .55."""

Floats = NDArray[np.float64]


def speaker_shift(
    mean: ArrayLike,
    seconds: float,
    average: ArrayLike,
    emotions: ArrayLike | None = None,
    emotion_shifts: ArrayLike | None = None,
) -> Floats:
    """(dims,) what to take from a speaker's clip: the mean of other clips, less the average, shrunk for few seconds.

    Who was heard in one emotion alone has a mean that is that emotion's as well as the speaker's. Where the model
    itself hears mostly one emotion in the history, what that emotion does to the features is taken out of the mean.

    Args:
        mean: (dims,) of what was heard of the speaker.
        seconds: how much that was.
        average: (dims,) of all training speakers.
        emotions: (classes,) mean probabilities that the model gave to what was heard; None: never skewed.
        emotion_shifts: (classes, dims) what each emotion does to the features, on average over training speakers.

    >>> speaker_shift([3.0], 10.0, [1.0]).tolist()
    [1.0]
    >>> speaker_shift([3.0], 10.0, [1.0], [1.0, 0.0], [[2.0], [-2.0]]).tolist()
    [0.0]
    """
    own = np.asarray(mean, dtype=np.float64) - np.asarray(average, dtype=np.float64)
    if emotions is not None and emotion_shifts is not None:
        heard = np.asarray(emotions, dtype=np.float64)
        own = own - skew(heard) * (heard @ np.asarray(emotion_shifts, dtype=np.float64))
    return np.asarray(own * (seconds / (seconds + TAU_S)))


def skew(emotions: ArrayLike) -> float:
    """How one-sided a history is, 0 .. 1, by the mean probabilities of its emotions, two or more.

    >>> skew([0.3, 0.3, 0.4]), skew([0.1, 0.1, 0.8]), skew([0.6, 0.4])
    (0.0, 1.0, 0.0)
    """
    chance = 1 / np.size(emotions)
    over_chance = (np.max(emotions) - chance) / (1 - chance)
    return float(np.clip((over_chance - SKEWED) / (ONE_SIDED - SKEWED), 0, 1))


def acquaintance(seconds: float, emotions: ArrayLike) -> float:
    """How well a speaker is known, 0 .. 1: whole from `KNOWN_S` on, nothing where all of it was of one emotion.

    >>> acquaintance(15, [0.6, 0.25, 0.15]) < acquaintance(15, [0.3, 0.3, 0.4])
    True
    """
    return min(seconds / KNOWN_S, 1.0) * (1 - skew(emotions))


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
