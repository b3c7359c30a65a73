"""Random predictions for groups of speakers, for tests of fairness."""

from __future__ import annotations

import numpy as np

from emotone.analysis.stress.robustness import Clips, Labels

CLASSES = ("angry", "happy", "neutral", "sad")
SEXES = ("female", "male")


def predictions(
    seed: int, *, unfair: float = 0.0, spread: float = 0.0, speakers: int = 12, clips_per_class: int = 5
) -> tuple[Clips, Labels, dict[str, str]]:
    """Clips of two corpora, random predictions for them, and the sex of each speaker.

    Args:
        unfair: how much more often a prediction is right for women than for men.
        spread: standard deviation between speakers.
    """
    rng = np.random.default_rng(seed)
    truth, speaker, corpus, predicted, sex = [], [], [], [], {}
    for name in ("x", "y"):
        for number in range(speakers):
            who = f"{name}/{number}"
            sex[who] = SEXES[number % 2]
            skill = 0.6 + rng.normal(0, spread) + (unfair / 2 if number % 2 == 0 else -unfair / 2)
            for label in np.repeat(CLASSES, clips_per_class).tolist():
                truth.append(label)
                speaker.append(who)
                corpus.append(name)
                predicted.append(label if rng.random() < skill else str(rng.choice(CLASSES)))
    return Clips(np.array(truth), np.array(speaker), np.array(corpus)), np.array(predicted), sex
