"""How readily each class is said: offsets on the log-probabilities, chosen on development clips for their UAR."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotone.evaluation import metrics

Floats = NDArray[np.float64]

STEPS = tuple(sorted((step / 10 for step in range(-15, 16)), key=lambda step: (abs(step), step)))
"""Offsets that are tried, nearest to 0 first; 1.5 makes a class 4.5 times as likely before all sum to one again."""
PULL = 0.1
"""What a mean offset of 1 must gain in UAR: one class of eight moved by 1 must gain three clips of 240 (LOG.md)."""


def thresholds(log_probabilities: Floats, labels: NDArray[np.int64]) -> Floats:
    """(classes,) what to add to the log-probabilities so that the likeliest class has the highest UAR here.

    One class after the other gets the offset under which UAR minus `PULL` times the mean absolute offset is highest,
    the one nearest to 0 where several are, until none changes any more. So UAR never falls on these clips. A class that
    none of them has keeps 0.

    Source: threshold moving by class, Collell et al. 2018, Neurocomputing 275.

    Args:
        log_probabilities: (clips, classes).
        labels: (clips,) class numbers.

    >>> thresholds(np.log([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]]), np.array([0, 0, 1])).tolist()
    [-0.9, 0.0]
    """

    def worth(offsets: Floats) -> float:
        uar = metrics.uar(labels, (log_probabilities + offsets).argmax(axis=1))
        return uar - PULL * float(np.abs(offsets).mean())

    offsets = np.zeros(log_probabilities.shape[1])
    best, before = worth(offsets), -np.inf
    while best > before:
        before = best
        for number in np.unique(labels):
            for step in STEPS:
                tried = offsets.copy()
                tried[number] = step
                if (value := worth(tried)) > best + 1e-12:
                    best, offsets = value, tried
    return offsets
