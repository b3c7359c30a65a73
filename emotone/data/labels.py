"""Emotion labels: names, aliases, label sets, and maps between them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from emotone.errors import EmotoneError, UnknownName

EMOTIONS = ("angry", "boredom", "calm", "disgust", "fear", "happy", "neutral", "sad", "surprise")
"""Canonical names. A corpus may add others (`excited` in JL)."""

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
"""Alias -> canonical name. A corpus with other letter codes (A in EmoDB) maps them itself."""

LABEL_SETS: Mapping[str, tuple[str, ...]] = {
    "four": ("angry", "happy", "neutral", "sad"),
    "five": ("angry", "happy", "neutral", "sad", "surprise"),
    "six": ("angry", "disgust", "fear", "happy", "neutral", "sad"),
    "seven": ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
}
"""Common label sets: five is ESD's, six is CREMA-D's, seven adds surprise."""

NEAREST: Mapping[str, str] = {"calm": "neutral", "excited": "happy"}
"""Emotion -> label that replaces it by default if the label set does not have the emotion."""

AROUSAL: Mapping[str, str] = {
    **dict.fromkeys(["boredom", "calm", "neutral", "sad"], "low"),
    "disgust": "mid",
    **dict.fromkeys(["angry", "excited", "fear", "happy", "surprise"], "high"),
}
"""Emotion -> arousal in three levels, after the circumplex model of affect (Russell 1980, JPSP 39).

Assigned by hand: `disgust`, which Russell does not rate, is `mid`; `happy` is `high`, since actors play joy rather than
contentment; `neutral` is `low`. The ratings in `arousal_valence.py` are in the same order.
"""

DROP = "drop"

_INVISIBLE = ("Cc", "Cf")  # Unicode categories
_SEPARATORS = re.compile(r"[\s_-]+")
_ALIKE = 0.8  # ratio of difflib from which two names may be one


def canonical(name: str) -> str:
    """The canonical name of an emotion; an unknown name is returned in lower case, with underscores.

    Case, hyphens, blanks of any kind and number, invisible characters and the Unicode form make no difference.

    >>> canonical("ANG"), canonical("Pleasant  Surprise"), canonical("Thoughtful")
    ('angry', 'surprise', 'thoughtful')
    """
    lower = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).lower())
    visible = "".join(letter for letter in lower if letter.isspace() or unicodedata.category(letter) not in _INVISIBLE)
    plain = _SEPARATORS.sub("_", visible)
    plain = plain.strip("_") or plain
    return ALIASES.get(plain, plain)


def similar(emotions: Iterable[str]) -> dict[str, str]:
    """Unknown emotion -> the name that it resembles so much that one of the two may be a typing error.

    >>> similar(["happy", "hapy", "excited", "thoughtful", "thougthful"])
    {'hapy': 'happy', 'thougthful': 'thoughtful'}
    """
    found: dict[str, str] = {}
    known = list(EMOTIONS)
    for emotion in sorted(set(emotions) - set(EMOTIONS)):
        near = get_close_matches(emotion, known, n=1, cutoff=_ALIKE)
        if near:
            found[emotion] = near[0]
        known.append(emotion)
    return found


@dataclass(frozen=True)
class LabelMap:
    """From a corpus's emotions to the classes of a model.

    Attributes:
        classes: the labels, in the order of every score vector.
        mapping: emotion -> label, for each emotion of the clips; None if its clips are dropped.
        unused: emotions with a requested change that no clip has.
        absent: labels of the set that were removed from `classes`, because no clip has them.
    """

    classes: tuple[str, ...]
    mapping: Mapping[str, str | None]
    unused: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    def __call__(self, emotion: str) -> str | None:
        """The label of an emotion, or None if its clips are dropped."""
        return self.mapping.get(emotion)

    def matrix(self, emotions: Sequence[str]) -> NDArray[np.float64]:
        """(emotions, classes) 1 where an emotion maps to a label: `probabilities @ matrix` adds them up.

        >>> label_map(["neutral", "sad"], ["calm", "fear", "sad"]).matrix(["calm", "fear", "sad"]).tolist()
        [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]
        """
        return np.array([[float(self(emotion) == label) for label in self.classes] for emotion in emotions])

    def narrowed(self) -> LabelMap:
        """The map without the labels that no clip has; they can be neither learned nor scored.

        Raises:
            EmotoneError: fewer than two labels remain.

        >>> label_map("four", ["angry", "sad", "fear"]).narrowed().classes
        ('angry', 'sad')
        """
        present = tuple(label for label in self.classes if label in self.mapping.values())
        if len(present) < 2:
            raise EmotoneError(
                f"a model needs at least two labels; of {_names(self.classes)} these clips have {_names(present)}"
            )
        return replace(self, classes=present, absent=tuple(sorted(set(self.classes) - set(present))))

    def describe(self) -> str:
        """One line: renamed emotions, dropped emotions, labels without clips, and names that may be misspelled.

        >>> label_map("six", ["calm", "happy", "surprise"]).describe()
        'calm -> neutral; dropped: surprise'
        >>> label_map("all", ["angry", "happy", "hapy"]).describe()
        'check the spelling: is hapy happy?'
        """
        renamed = [f"{source} -> {label}" for source, label in self.mapping.items() if label and label != source]
        dropped = [source for source, label in self.mapping.items() if label is None]
        parts = [", ".join(renamed)] if renamed else []
        parts += [f"dropped: {', '.join(dropped)}"] if dropped else []
        without_clips = [*self.unused, *self.absent]
        parts += [f"no clip is {' or '.join(without_clips)}"] if without_clips else []
        pairs = [f"is {emotion} {name}?" for emotion, name in similar(self.mapping).items()]
        parts += [f"check the spelling: {' '.join(pairs)}"] if pairs else []
        return "; ".join(parts) or "labels kept as they are"


def label_map(
    labels: str | Iterable[str], emotions: Iterable[str], changes: Mapping[str, str] | None = None
) -> LabelMap:
    """The map from the emotions of clips to a label set.

    Args:
        labels: `all` (every emotion of the clips), the name of a common set (`four` .. `seven`), or a list of labels.
        emotions: the emotions of the clips; duplicates do not matter.
        changes: emotion -> label or `drop`; overrides the defaults (calm -> neutral, excited -> happy if the set
            does not have them, other emotions dropped).

    Raises:
        UnknownName: no such label set, or a change names a label outside the set.
        EmotoneError: fewer than two labels remain.

    >>> label_map("four", ["angry", "calm", "fear"]).mapping
    {'angry': 'angry', 'calm': 'neutral', 'fear': None}
    """
    present = sorted(set(emotions))
    changes = {canonical(source): canonical(label) for source, label in (changes or {}).items()}
    if labels == "all":
        classes = tuple(sorted({changes.get(emotion, emotion) for emotion in present} - {DROP}))
    elif isinstance(labels, str):
        if labels not in LABEL_SETS:
            raise UnknownName("label set", labels, [*LABEL_SETS, "all"])
        classes = LABEL_SETS[labels]
    else:
        classes = tuple(dict.fromkeys(canonical(label) for label in labels))
    for source, label in changes.items():
        if label not in (*classes, DROP):
            raise UnknownName(f"label (target of the change of {source!r})", label, [*classes, DROP])
    if len(classes) < 2:
        raise EmotoneError(f"a model needs at least two labels; labels={labels!r} of these clips are {_names(classes)}")

    def target(emotion: str) -> str | None:
        label = changes.get(emotion, emotion if emotion in classes else NEAREST.get(emotion, DROP))
        return label if label in classes else None

    unused = tuple(source for source in changes if source not in present)
    return LabelMap(classes, {emotion: target(emotion) for emotion in present}, unused)


def shared_label_map(
    labels: str | Iterable[str], domains: Sequence[Iterable[str]], changes: Mapping[str, str] | None = None
) -> LabelMap:
    """The map to the labels of which every domain has clips, such as the corpora of a cross-corpus test.

    Emotions are merged with the nearest label where a domain does not have them: calm becomes neutral if another
    domain has no calm. Emotions without a label in every domain are dropped.

    Args:
        labels, changes: as for `label_map`.
        domains: the emotions of each domain, such as those of the training corpora and of the test corpora.

    Raises:
        EmotoneError: fewer than two labels are shared; and the errors of `label_map`.

    >>> shared_label_map("all", [["angry", "calm", "fear", "sad"], ["angry", "neutral", "sad"]]).describe()
    'calm -> neutral; dropped: fear'
    """
    present = [sorted(set(domain)) for domain in domains]
    wide = label_map(labels, [emotion for domain in present for emotion in domain], changes)
    reached = [
        {label for emotion in domain for label in (wide(emotion), NEAREST.get(wide(emotion) or ""))}
        for domain in present
    ]
    classes = [label for label in wide.classes if all(label in domain for domain in reached)]
    while len(classes) > 1:
        chosen = label_map(classes, wide.mapping, changes_within(changes or {}, classes))
        shared = [label for label in classes if all(label in map(chosen, domain) for domain in present)]
        if shared == classes:
            return replace(chosen, absent=wide.narrowed().absent)
        classes = shared
    listed = "; ".join(", ".join(domain) for domain in present)
    raise EmotoneError(
        f"a model needs at least two labels that every domain has; shared: {_names(classes)}, of: {listed}"
    )


def _names(labels: Iterable[str]) -> str:
    return ", ".join(map(str, labels)) or "none"


def changes_within(changes: Mapping[str, str], classes: Iterable[str]) -> dict[str, str]:
    """The changes for a smaller set of labels: emotions that would become another label are dropped.

    >>> changes_within({"boredom": "sad", "calm": "happy"}, ["angry", "sad"])
    {'boredom': 'sad', 'calm': 'drop'}
    """
    known = set(classes)
    return {source: label if canonical(label) in known else DROP for source, label in changes.items()}
