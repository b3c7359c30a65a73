"""Histories of speakers within a training batch: the other clips whose mean embedding a network subtracts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotone.training.settings import TrainingSettings


def draw_histories(
    labels: NDArray[np.int64],
    clips: NDArray[np.int64],
    lengths: NDArray[np.int64],
    settings: TrainingSettings,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """(batch, batch) weights of the other clips in the history of each clip; a row of zeros without a history.

    The batch consists of groups of clips of one speaker. `training.histories` is the probability that the speaker of a
    group is known. Then each clip gets a history of some random other clips of its group, each with the same weight.
    The weights sum to f / (f + `training.history_frames`), where f is the number of frames of the history.

    Args:
        labels: (batch,) class numbers.
        clips: (batch,) numbers of the recordings; a history never has the recording of its own clip.
        lengths: (batch,) frames.
        settings: `speaker_groups`, `histories`, `one_emotion_histories` and `history_frames`.
        rng: of the random choices.

    >>> known = TrainingSettings(speaker_groups=2, histories=1.0, history_frames=300, batch=4)
    >>> numbers = np.arange(4)
    >>> draw_histories(numbers, numbers, np.full(4, 100), known, np.random.default_rng(0)).tolist()
    [[0.0, 0.25, 0.0, 0.0], [0.25, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.25], [0.0, 0.0, 0.25, 0.0]]
    """
    size = settings.speaker_groups or len(labels)
    weights = np.zeros((len(labels), len(labels)), dtype=np.float32)
    for first in range(0, len(labels), size):
        if rng.random() >= settings.histories:
            continue
        group = np.arange(first, min(first + size, len(labels)))
        offered = group
        if rng.random() < settings.one_emotion_histories:
            offered = group[labels[group] == rng.choice(labels[group])]
        for clip in group:
            others = rng.permutation(offered[clips[offered] != clips[clip]])[: rng.integers(1, max(size, 2))]
            if others.size:
                frames = lengths[others].sum()
                weights[clip, others] = frames / (frames + settings.history_frames) / others.size
    return weights
