"""Disturbances: changes of a recording that should not change what emotion is heard in it. One file per group.

Every one is made here: no noise, no room is downloaded. To add one, write a function in the file of its group.
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
Models, arXiv:2312.06270), whose thresholds they have; noises and rooms that are recorded there are made up here."""
