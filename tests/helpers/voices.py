"""Predictions of groups of speakers, for fairness tests."""

from __future__ import annotations

import numpy as np

from emotone.analysis.stress.robustness import Clips, Labels

CLASSES = ("angry", "happy", "neutral", "sad")


SEXES = ("female", "male")


def world(
    seed: int, *, unfair: float = 0.0, voices: float = 0.0, speakers: int = 12, each: int = 5
) -> tuple[Clips, Labels, dict[str, str]]:
    """Two corpora with clips that a model hears at random: women better by `unfair`, voices apart by `voices`."""
    rng = np.random.default_rng(seed)
    truth, speaker, corpus, heard, sex = [], [], [], [], {}
    for name in ("x", "y"):
        for number in range(speakers):
            who = f"{name}/{number}"
            sex[who] = SEXES[number % 2]
            skill = 0.6 + rng.normal(0, voices) + (unfair / 2 if number % 2 == 0 else -unfair / 2)
            for label in np.repeat(CLASSES, each).tolist():
                truth.append(label)
                speaker.append(who)
                corpus.append(name)
                heard.append(label if rng.random() < skill else str(rng.choice(CLASSES)))
    return Clips(np.array(truth), np.array(speaker), np.array(corpus)), np.array(heard), sex
