"""Disturbances: changes of a recording that should not change the predicted emotion. One file per group.

All of them are synthetic: no noise and no impulse response is downloaded. To add one, write a function in the file
of its group.
"""

from __future__ import annotations

from emotone.audio.disturbances import background, recording, small_changes, spectral_tilt, telephone
from emotone.audio.disturbances._group import Disturbance as Disturbance
from emotone.audio.disturbances._group import Group as Group

GROUPS: tuple[Group, ...] = (
    small_changes.group,
    background.group,
    telephone.group,
    recording.group,
    spectral_tilt.group,
)
"""After ser-tests (Derington et al., Testing Correctness, Fairness, and Robustness of Speech Emotion Recognition
Models, arXiv:2312.06270), with the same thresholds; recorded noises and rooms are replaced by synthetic ones."""
