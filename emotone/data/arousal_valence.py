"""Arousal and valence, derived from the probabilities of emotions by published ratings of emotion words."""

from __future__ import annotations

from collections.abc import Mapping

RATINGS: Mapping[str, tuple[float, float]] = {
    "angry": (6.20, 2.53),
    "anxious": (6.20, 3.80),
    "apologetic": (4.00, 6.65),
    "assertive": (5.55, 5.37),
    "boredom": (2.58, 2.77),
    "calm": (1.67, 6.89),
    "concerned": (3.95, 4.61),
    "contempt": (4.61, 3.22),
    "disgust": (5.00, 3.32),
    "encouraging": (4.23, 6.89),
    "excited": (6.43, 8.11),
    "fear": (6.14, 2.93),
    "happy": (6.05, 8.47),
    "neutral": (3.45, 5.50),
    "sad": (3.49, 2.10),
    "surprise": (6.57, 7.44),
}
"""Emotion of a corpus, or contempt -> mean ratings of arousal and valence of this very word, in print, 1 .. 9.

Source: Warriner AB, Kuperman V, Brysbaert M (2013) Norms of valence, arousal, and dominance for 13,915 English lemmas.
Behavior Research Methods 45, pp. 1191-1207. doi:10.3758/s13428-012-0314-x; columns A.Mean.Sum and V.Mean.Sum.
"""


def arousal_valence(scores: Mapping[str, float]) -> tuple[float, float] | tuple[None, None]:
    """Expected arousal and valence under probabilities of emotions.

    A rating r of 1 .. 9 counts as (r - 5) / 4. An emotion without a rating is left out: the probabilities of the others
    are divided by their sum.

    Args:
        scores: emotion -> probability.

    Returns:
        Arousal (-1 calm .. 1 excited) and valence (-1 unpleasant .. 1 pleasant); None and None if no emotion with a
        rating has a probability above 0.

    >>> arousal_valence({"boredom": 1.0})
    (-0.605, -0.5575)
    >>> arousal_valence({"boredom": 0.5, "other": 0.5})
    (-0.605, -0.5575)
    >>> arousal_valence({"other": 1.0})
    (None, None)
    """
    weights = {emotion: share for emotion, share in scores.items() if emotion in RATINGS}
    total = sum(weights.values())
    if total <= 0:
        return None, None
    arousal, valence = (
        sum(share * (RATINGS[emotion][axis] - 5) / 4 for emotion, share in weights.items()) / total for axis in (0, 1)
    )
    return arousal, valence
