"""What is heard of a speaker before a clip: other clips of his or hers, without their labels.

What is tested so is *transductive*: the speaker was heard before, and every score says how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from emotone.audio.read import AudioSettings
from emotone.data.progress import Progress, no_progress
from emotone.data.sampling import rng_from
from emotone.data.splits import Fold, Rows
from emotone.data.utterance import Table
from emotone.errors import AudioError
from emotone.features import Feature, Values
from emotone.features.extraction import extract as extraction
from emotone.inference.speaker_shift import TAU_S

SILENT_DB = 40.0

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


def speech_seconds(table: Table, *, cache: Path | None, progress: Progress = no_progress) -> Floats:
    """(clips,) seconds from the first sound to the last, whatever a recipe does to its clips.

    Raises:
        AudioError: a clip cannot be read.
    """
    audio = AudioSettings(trim_db=SILENT_DB)
    heard = extraction.extract(table, SpeechSeconds(), audio, cache=cache, progress=progress)
    if heard.failures:
        raise AudioError(heard.failures[0].reason)
    return np.array([one[0] for one in heard], dtype=np.float64)


class SpeakerHistory:
    """Which clips are heard before which: of the same speaker, on the same side of a fold, never the clip itself."""

    def __init__(self, table: Table, speech_s: Floats, asked_s: Seconds, *, seed: int) -> None:
        """What is needed of every clip.

        Args:
            table: the clips.
            speech_s: (clips,) seconds of each.
            asked_s: how many to hear of a speaker before each clip; or `all` there are.
            seed: of which clips those are.
        """
        self.seconds, self.asked_s, self.seed = speech_s, asked_s, seed
        self.keys = table.column("key").tolist()
        self.speaker = np.unique(table.column("speaker"), return_inverse=True)[1]

    def of(self, fold: Fold) -> dict[int, Rows]:
        """Tested clip -> the clips that are heard before it."""
        parts = self.tested(fold)
        found = {row: rows[mask] for rows, heard in parts for row, mask in zip(rows.tolist(), heard, strict=True)}
        return {row: found[row] for row in fold.test.tolist()}

    def tested(self, fold: Fold) -> list[tuple[Rows, NDArray[np.bool_]]]:
        """Of each tested speaker the clips, and (clips, clips) which of them are heard before which."""
        return [(rows, self._heard(rows)) for rows in self.speakers(fold.test)]

    def learned(self, fold: Fold) -> list[tuple[Rows, NDArray[np.bool_]]]:
        """The same of each speaker who is learned from or watched."""
        return [(rows, self._heard(rows)) for rows in self.speakers(learned(fold))]

    def speakers(self, rows: Rows) -> list[Rows]:
        """These clips, speaker by speaker."""
        return [rows[self.speaker[rows] == number] for number in np.unique(self.speaker[rows])]

    def candidates(self, rows: Rows, row: int, rng: np.random.Generator) -> Rows:
        """Places in `rows`, the clips of one speaker, that may be drawn for `row`: all but itself."""
        return np.flatnonzero(rows != row)

    def _heard(self, rows: Rows) -> NDArray[np.bool_]:
        """(clips, clips) of one speaker: which of them are heard before which; more seconds begin with the same."""
        heard = np.zeros((len(rows), len(rows)), dtype=bool)
        for place, row in enumerate(rows.tolist()):
            rng = rng_from(self.seed, self.keys[row])
            drawn = rng.permutation(self.candidates(rows, row, rng))
            seconds = self.seconds[rows[drawn]]
            before_s = np.cumsum(seconds) - seconds
            heard[place, drawn if self.asked_s == "all" else drawn[before_s < self.asked_s]] = True
        return heard

    def _heard_s(self, fold: Fold) -> Floats:
        """(tested clips,) seconds that are heard before each."""
        return np.array([self.seconds[heard].sum() for heard in self.of(fold).values()])

    def facts(self, folds: Sequence[Fold]) -> dict[str, Any]:
        """What a run says of it, JSON-ready: what was asked for, and the seconds that there were."""
        heard_s = np.concatenate([self._heard_s(fold) for fold in folds])
        parts = {"least": heard_s.min(), "median": np.median(heard_s), "most": heard_s.max()}
        return {
            "asked_s": self.asked_s,
            "heard_s": {name: round(float(value), 2) for name, value in parts.items()},
            "tau_s": TAU_S,
        }


def caveat(facts: dict[str, Any]) -> str:
    """The line that must stand beside the score; empty where no tested speaker was heard before.

    >>> caveat({"asked_s": 20.0, "heard_s": {"least": 20.4, "median": 21.2, "most": 24.0}})
    'transductive: 20 s of each test speaker heard first'
    >>> caveat({"asked_s": "all", "heard_s": {"least": 80.0, "median": 96.2, "most": 99.0}})
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
    return f"transductive: {said}"


def learned(fold: Fold) -> Rows:
    """The clips that are learned from, and those that are watched."""
    return np.concatenate([fold.train, fold.development])
