"""Features without the sound of the voice: clips centred on the mean of their speaker, as far as he or she was heard.

The mean is that of other clips of the speaker, without their labels. What is tested so is *transductive*: the speaker
was heard before, and every score says how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from emotone import extraction
from emotone.audio import AudioSettings
from emotone.errors import AudioError, ModelError
from emotone.feature_set import FeatureSet, OnDemand
from emotone.features import Feature, Values
from emotone.speaker_shift import TAU_S, shifts_of_emotions
from emotone.splits import Fold, Rows
from emotone.utterance import Table

SILENT_DB = 40.0
NO_EXPORT = (
    "its features are centred on each speaker (data.speaker_seconds), and it could not hear one who is not known; "
    "train without that setting for a model to predict with, or with data.speaker_views=beside for a part of one"
)

Floats = NDArray[np.float64]
Seconds = float | Literal["all"]


class SpeechSeconds(Feature):
    """(1,) seconds of a clip, after its silent ends are cut.

    >>> SpeechSeconds().extract(np.zeros(8000, dtype=np.float32), 16000).tolist()
    [0.5]
    """

    kind = "vector"

    def extract(self, samples: Values, rate_hz: int) -> Values:
        return np.array([samples.size / rate_hz], dtype=np.float32)

    @property
    def names(self) -> list[str]:
        return ["seconds"]


def speech_seconds(table: Table, *, cache: Path | None, progress: bool = False) -> Floats:
    """(clips,) seconds from the first sound to the last, whatever a recipe does to its clips.

    Raises:
        AudioError: a clip cannot be read.
    """
    audio = AudioSettings(trim_db=SILENT_DB)
    heard = extraction.extract(table, SpeechSeconds(), audio, cache=cache, progress=progress)
    if heard.failures:
        raise AudioError(heard.failures[0].reason)
    return np.array([one[0] for one in heard], dtype=np.float64)


class SpeakerAdaptation:
    """By what each clip of a fold is shifted.

    One rule for every clip, learned from or tested: the mean of *other* clips of its speaker on its own side, less the
    mean of the training speakers' means, shrunk by s / (s + `TAU_S`) for s seconds heard. So a model learns from
    speakers as little known as those it is tested on, and where nothing is heard nothing is taken away.
    Of sequences every frame counts alike.
    """

    def __init__(
        self, features: FeatureSet, speech_s: Floats, asked_s: Seconds, *, seed: int, one_of: NDArray[Any] | None = None
    ) -> None:
        """What is needed of every clip, read once.

        Args:
            features: vectors or sequences.
            speech_s: (clips,) seconds of each.
            asked_s: how many to hear of a speaker before each clip; or `all` there are.
            seed: of which clips those are.
            one_of: (clips,) labels, only to measure what a skewed history does: all that is heard before a tested
                clip has one of them, chosen by chance.
        """
        self.seconds, self.asked_s, self.seed, self.one_of = speech_s, asked_s, seed, one_of
        self.keys = features.table.column("key").tolist()
        self.speaker = np.unique(features.table.column("speaker"), return_inverse=True)[1]
        self._frames = np.array([1 if one.ndim == 1 else len(one) for one in features], dtype=np.float64)
        self._sums = np.stack([np.atleast_2d(one).sum(axis=0, dtype=np.float64) for one in features])
        self._last: tuple[Fold, Values] | None = None

    def histories(self, fold: Fold) -> dict[int, Rows]:
        """Tested clip -> the clips that are heard before it."""
        parts = [(rows, self._heard(rows, self.one_of)) for rows in self._speakers(fold.test)]
        found = {row: rows[mask] for rows, heard in parts for row, mask in zip(rows.tolist(), heard, strict=True)}
        return {row: found[row] for row in fold.test.tolist()}

    def heard_s(self, fold: Fold) -> Floats:
        """(tested clips,) seconds that are heard before each."""
        return np.array([self.seconds[heard].sum() for heard in self.histories(fold).values()])

    def offsets(self, fold: Fold) -> Values:
        """(clips, dims) what to take from each clip; nothing from clips of no side."""
        if self._last is None or self._last[0] is not fold:
            self._last = fold, self._offsets(fold)
        return self._last[1]

    def average(self, fold: Fold) -> Floats:
        """(dims,) the mean of the training speakers' means."""
        known = self._speakers(np.concatenate([fold.train, fold.development]))
        means = [self._sums[rows].sum(axis=0) / self._frames[rows].sum() for rows in known]
        return np.asarray(np.mean(means, axis=0))

    def emotion_shifts(self, fold: Fold, labels: NDArray[np.int64], classes: int) -> Floats:
        """(classes, dims) what each emotion does to the features of training speakers."""
        rows = np.concatenate([fold.train, fold.development])
        means = self._sums[rows] / self._frames[rows, None]
        return shifts_of_emotions(means, labels[rows], self.speaker[rows], classes)

    def _offsets(self, fold: Fold) -> Values:
        average = self.average(fold)
        offsets = np.zeros((len(self.keys), len(average)), dtype=np.float32)
        known = self._speakers(np.concatenate([fold.train, fold.development]))
        sides = [(rows, None) for rows in known] + [(rows, self.one_of) for rows in self._speakers(fold.test)]
        for rows, one_of in sides:
            heard = self._heard(rows, one_of).astype(np.float64)
            frames = np.maximum(heard @ self._frames[rows], 1)[:, None]
            seconds = (heard @ self.seconds[rows])[:, None]
            own = heard @ self._sums[rows] / frames
            offsets[rows] = (own - average) * (seconds / (seconds + TAU_S))
        return offsets

    def _speakers(self, rows: Rows) -> list[Rows]:
        """These clips, speaker by speaker."""
        return [rows[self.speaker[rows] == number] for number in np.unique(self.speaker[rows])]

    def _heard(self, rows: Rows, one_of: NDArray[Any] | None) -> NDArray[np.bool_]:
        """(clips, clips) of one speaker: which of them are heard before which; more seconds begin with the same."""
        heard = np.zeros((len(rows), len(rows)), dtype=bool)
        for place, row in enumerate(rows.tolist()):
            chance = np.random.default_rng(_number(f"{self.seed}\n{self.keys[row]}"))
            others = np.flatnonzero(rows != row)
            if one_of is not None and others.size:
                labels = one_of[rows[others]]
                others = others[labels == chance.choice(np.unique(labels))]
            drawn = chance.permutation(others)
            seconds = self.seconds[rows[drawn]]
            before_s = np.cumsum(seconds) - seconds
            heard[place, drawn if self.asked_s == "all" else drawn[before_s < self.asked_s]] = True
        return heard

    def facts(self, folds: Sequence[Fold]) -> dict[str, Any]:
        """What a run says of it, JSON-ready: what was asked for, and the seconds that there were."""
        heard_s = np.concatenate([self.heard_s(fold) for fold in folds])
        parts = {"least": heard_s.min(), "median": np.median(heard_s), "most": heard_s.max()}
        return {
            "asked_s": self.asked_s,
            "heard_s": {name: round(float(value), 2) for name, value in parts.items()},
            "history": "any" if self.one_of is None else "one_emotion",
            "tau_s": TAU_S,
        }


def told(facts: dict[str, Any]) -> str:
    """The line that must stand beside the score; empty where no tested speaker was heard before.

    >>> told({"asked_s": 20.0, "heard_s": {"least": 20.4, "median": 21.2, "most": 24.0}, "history": "any"})
    'transductive: 20 s of each test speaker heard first'
    >>> told({"asked_s": "all", "heard_s": {"least": 80.0, "median": 96.2, "most": 99.0}, "history": "any"})
    'transductive: all other clips of each test speaker heard first, 80 to 99 s'
    """
    asked_s, heard_s = facts["asked_s"], facts["heard_s"]
    if not asked_s or not heard_s["most"]:
        return ""
    there = f"{heard_s['least']:.0f} to {heard_s['most']:.0f} s"
    if asked_s == "all":
        said = f"all other clips of each test speaker heard first, {there}"
    else:
        fewer = f", of some no more than {heard_s['least']:.0f} s" if heard_s["least"] < asked_s else ""
        said = f"{asked_s:g} s of each test speaker heard first{fewer}"
    if facts["history"] == "one_emotion":
        said += ", all of one emotion, chosen by the labels to measure what that does"
    return f"transductive: {said}"


class Centred(FeatureSet):
    """The same clips, each shifted by its own offset when it is read; nothing is copied before."""

    def __init__(self, features: FeatureSet, offsets: Values, *, beside: bool = False) -> None:
        """The clips of `features`, (clips, dims) `offsets` taken away; with `beside`, behind it each clip as it was.

        Raises:
            ModelError: something is to be beside what is no vector.
        """
        if beside and len(features.shape) > 1:
            raise ModelError("data.speaker_views=beside is for vectors; take a feature that is one, or known")
        lengths = 2 * features.lengths if beside else features.lengths  # a vector is as long as it has dims
        super().__init__(features.table, _Shifted(features, offsets, beside), features.failures, lengths=lengths)


class _Shifted(OnDemand):
    def __init__(self, values: Sequence[Values], offsets: Values, beside: bool) -> None:
        self.values, self.offsets, self.beside = values, offsets, beside

    def __len__(self) -> int:
        return len(self.values)

    def at(self, place: int) -> Values:
        value = self.values[place]
        shifted: Values = value - self.offsets[place]
        return np.concatenate([shifted, value]) if self.beside else shifted


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "little")
