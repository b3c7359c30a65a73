"""Emotions: their names, what corpora and people call them, and maps between label sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from emotone.errors import EmotoneError, UnknownName

EMOTIONS = ("angry", "boredom", "calm", "disgust", "fear", "happy", "neutral", "sad", "surprise")
"""The names every shelf shares. A corpus may have more of its own (JL's `excited`)."""

ALIASES: Mapping[str, str] = {
    **dict.fromkeys(["ang", "anger", "a", "w", "wut", "ärger", "aerger", "mad", "rage"], "angry"),
    **dict.fromkeys(["bored", "boring", "l", "langeweile", "bor"], "boredom"),
    **dict.fromkeys(["calmness", "cal"], "calm"),
    **dict.fromkeys(["dis", "disgusted", "d", "ekel", "e"], "disgust"),
    **dict.fromkeys(["fea", "fearful", "afraid", "f", "angst", "anxiety"], "fear"),
    **dict.fromkeys(["hap", "happiness", "joy", "joyful", "h", "freude"], "happy"),
    **dict.fromkeys(["neu", "n", "neutrality", "normal"], "neutral"),
    **dict.fromkeys(["sadness", "sa", "s", "trauer", "t"], "sad"),
    **dict.fromkeys(["sur", "su", "surprised", "ps", "pleasant_surprise", "pleasant_surprised"], "surprise"),
    **dict.fromkeys(["excitement"], "excited"),
}
"""Other names for the same emotions. A corpus whose letters mean something else (EmoDB's A) maps them itself."""

LABEL_SETS: Mapping[str, tuple[str, ...]] = {
    "four": ("angry", "happy", "neutral", "sad"),
    "five": ("angry", "happy", "neutral", "sad", "surprise"),
    "six": ("angry", "disgust", "fear", "happy", "neutral", "sad"),
    "seven": ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
}
"""Common label sets: five is ESD's, six is CREMA-D's, seven adds surprise."""

NEAREST: Mapping[str, str] = {"calm": "neutral", "excited": "happy"}
"""Where a clip goes, by default, when the label set lacks its emotion but has this one."""

AROUSAL: Mapping[str, str] = {
    **dict.fromkeys(["boredom", "calm", "neutral", "sad"], "low"),
    "disgust": "mid",
    **dict.fromkeys(["angry", "excited", "fear", "happy", "surprise"], "high"),
}
"""How aroused who feels an emotion is: its height in the circumplex of affect (Russell 1980, JPSP 39), in three levels.

By hand: `disgust`, which is not among his words, stands in the middle; `happy` stands high, since actors play joy and
not contentment; `neutral` stands low, as the voice at rest.
"""

DROP = "drop"


def canonical(name: str) -> str:
    """The shared name of an emotion; a name nobody knows comes back in lower case, with underscores.

    >>> canonical("ANG"), canonical("Pleasant Surprise"), canonical("Thoughtful")
    ('angry', 'surprise', 'thoughtful')
    """
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    return ALIASES.get(plain, plain)


@dataclass(frozen=True)
class LabelMap:
    """From a corpus's emotions to the classes of a model.

    Attributes:
        classes: the labels, in the order of every score vector.
        mapping: emotion -> label, for each emotion met; None where its clips are dropped.
        unused: emotions whose change was asked for and that no clip has.
        absent: labels of the set that were taken out of `classes`, since no clip has them.
    """

    classes: tuple[str, ...]
    mapping: Mapping[str, str | None]
    unused: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    def __call__(self, emotion: str) -> str | None:
        """The label of an emotion, or None when its clips are dropped."""
        return self.mapping.get(emotion)

    def matrix(self, emotions: Sequence[str]) -> NDArray[np.float64]:
        """(emotions, classes) 1 where an emotion is heard as a label: `probabilities @ matrix` adds them up.

        >>> label_map(["neutral", "sad"], ["calm", "fear", "sad"]).matrix(["calm", "fear", "sad"]).tolist()
        [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]
        """
        return np.array([[float(self(emotion) == label) for label in self.classes] for emotion in emotions])

    def narrowed(self) -> LabelMap:
        """The map without the labels that no clip has: they can be neither learned nor scored.

        Raises:
            EmotoneError: fewer than two labels remain.

        >>> label_map("four", ["angry", "sad", "fear"]).narrowed().classes
        ('angry', 'sad')
        """
        present = tuple(label for label in self.classes if label in self.mapping.values())
        if len(present) < 2:
            raise EmotoneError(f"a model needs two labels or more; of {list(self.classes)} these clips have {present}")
        return replace(self, classes=present, absent=tuple(sorted(set(self.classes) - set(present))))

    def describe(self) -> str:
        """One line: what was renamed, what was dropped, what was asked for in vain.

        >>> label_map("six", ["calm", "happy", "surprise"]).describe()
        'calm -> neutral; dropped: surprise'
        """
        renamed = [f"{source} -> {label}" for source, label in self.mapping.items() if label and label != source]
        dropped = [source for source, label in self.mapping.items() if label is None]
        parts = [", ".join(renamed)] if renamed else []
        parts += [f"dropped: {', '.join(dropped)}"] if dropped else []
        in_vain = [*self.unused, *self.absent]
        parts += [f"no clip is {' or '.join(in_vain)}"] if in_vain else []
        return "; ".join(parts) or "labels kept as they are"


def label_map(
    labels: str | Iterable[str], emotions: Iterable[str], changes: Mapping[str, str] | None = None
) -> LabelMap:
    """The map from the emotions of some clips to a label set.

    Args:
        labels: `all` (every emotion met), the name of a common set (`four` .. `seven`), or the labels themselves.
        emotions: the emotions met in the clips; repeats do not matter.
        changes: emotion -> label or `drop`, over the defaults (calm -> neutral, excited -> happy where the set
            lacks them, the rest dropped).

    Raises:
        UnknownName: no such label set, or a change names a label outside the set.
        EmotoneError: fewer than two labels remain.

    >>> label_map("four", ["angry", "calm", "fear"]).mapping
    {'angry': 'angry', 'calm': 'neutral', 'fear': None}
    """
    met = sorted(set(emotions))
    changes = {canonical(source): canonical(label) for source, label in (changes or {}).items()}
    if labels == "all":
        classes = tuple(sorted({changes.get(emotion, emotion) for emotion in met} - {DROP}))
    elif isinstance(labels, str):
        if labels not in LABEL_SETS:
            raise UnknownName("label set", labels, [*LABEL_SETS, "all"])
        classes = LABEL_SETS[labels]
    else:
        classes = tuple(dict.fromkeys(canonical(label) for label in labels))
    for source, label in changes.items():
        if label not in (*classes, DROP):
            raise UnknownName(f"label (asked for by the change of {source!r})", label, [*classes, DROP])
    if len(classes) < 2:
        raise EmotoneError(f"a model needs two labels or more; these clips and labels={labels!r} leave {list(classes)}")

    def target(emotion: str) -> str | None:
        wanted = changes.get(emotion, emotion if emotion in classes else NEAREST.get(emotion, DROP))
        return wanted if wanted in classes else None

    unused = tuple(source for source in changes if source not in met)
    return LabelMap(classes, {emotion: target(emotion) for emotion in met}, unused)


def shared_label_map(
    labels: str | Iterable[str], sides: Sequence[Iterable[str]], changes: Mapping[str, str] | None = None
) -> LabelMap:
    """The map to those labels that every side has clips of: what a model of one corpus can be tested for on another.

    A side without an emotion may have one whose nearest it is: calm is heard as neutral where another side has no
    calm. What has no label on every side is dropped.

    Args:
        labels, changes: as of `label_map`.
        sides: the emotions met on each side, such as those of the corpora learned from and of those tested.

    Raises:
        EmotoneError: fewer than two labels are shared; otherwise as `label_map`.

    >>> shared_label_map("all", [["angry", "calm", "fear", "sad"], ["angry", "neutral", "sad"]]).describe()
    'calm -> neutral; dropped: fear'
    """
    met = [sorted(set(side)) for side in sides]
    wide = label_map(labels, [emotion for side in met for emotion in side], changes)
    reached = [
        {label for emotion in side for label in (wide(emotion), NEAREST.get(wide(emotion) or ""))} for side in met
    ]
    classes = [label for label in wide.classes if all(label in side for side in reached)]
    while len(classes) > 1:
        chosen = label_map(classes, wide.mapping, changes_within(changes or {}, classes))
        had = [label for label in classes if all(label in map(chosen, side) for side in met)]
        if had == classes:
            return replace(chosen, absent=wide.narrowed().absent)
        classes = had
    listed = "; ".join(", ".join(side) for side in met)
    raise EmotoneError(f"a model needs two labels or more that every side has; there are {classes} of: {listed}")


def changes_within(changes: Mapping[str, str], classes: Iterable[str]) -> dict[str, str]:
    """The changes for a smaller set of labels: what would have become another label is dropped.

    >>> changes_within({"boredom": "sad", "calm": "happy"}, ["angry", "sad"])
    {'boredom': 'sad', 'calm': 'drop'}
    """
    known = set(classes)
    return {source: label if canonical(label) in known else DROP for source, label in changes.items()}
