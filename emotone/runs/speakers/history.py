"""Speaker history of a clip: other unlabelled clips of the same speaker, available before the clip is classified.

Scores of models that use it are *transductive*: they saw other clips of the test speakers. Every score states how much.
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
    durations = extraction.extract(table, SpeechSeconds(), audio, cache=cache, progress=progress)
    if durations.failures:
        raise AudioError(durations.failures[0].reason)
    return np.array([value[0] for value in durations], dtype=np.float64)


class SpeakerHistory:
    """The history of each clip: clips of the same speaker on the same side of the fold, never the clip itself."""

    def __init__(self, table: Table, speech_s: Floats, requested_s: Seconds, *, seed: int) -> None:
        """Prepare the clips of a table.

        Args:
            table: the clips.
            speech_s: (clips,) seconds of each.
            requested_s: length of each history in seconds; `all` takes all other clips of the speaker.
            seed: of the random choice of clips.
        """
        self.seconds, self.requested_s, self.seed = speech_s, requested_s, seed
        self.keys = table.column("key").tolist()
        self.speaker = np.unique(table.column("speaker"), return_inverse=True)[1]

    def of_test_clips(self, fold: Fold) -> dict[int, Rows]:
        """Row of each test clip -> rows of its history."""
        found = {
            row: rows[mask]
            for rows, masks in self.test_masks(fold)
            for row, mask in zip(rows.tolist(), masks, strict=True)
        }
        return {row: found[row] for row in fold.test.tolist()}

    def test_masks(self, fold: Fold) -> list[tuple[Rows, NDArray[np.bool_]]]:
        """Per test speaker: (clips,) rows, and (clips, clips) which other clips are in the history of each."""
        return [(rows, self._masks(rows)) for rows in self.rows_by_speaker(fold.test)]

    def training_masks(self, fold: Fold) -> list[tuple[Rows, NDArray[np.bool_]]]:
        """As `test_masks`, for every speaker of the training side."""
        return [(rows, self._masks(rows)) for rows in self.rows_by_speaker(fold.training_side)]

    def rows_by_speaker(self, rows: Rows) -> list[Rows]:
        """These rows, grouped by speaker."""
        return [rows[self.speaker[rows] == number] for number in np.unique(self.speaker[rows])]

    def candidates(self, rows: Rows, row: int, rng: np.random.Generator) -> Rows:
        """Positions in `rows`, the clips of one speaker, that may be in the history of `row`: all but itself."""
        return np.flatnonzero(rows != row)

    def _masks(self, rows: Rows) -> NDArray[np.bool_]:
        """(clips, clips) of one speaker; a longer history begins with the clips of a shorter one."""
        masks = np.zeros((len(rows), len(rows)), dtype=bool)
        for place, row in enumerate(rows.tolist()):
            rng = rng_from(self.seed, self.keys[row])
            drawn = rng.permutation(self.candidates(rows, row, rng))
            seconds = self.seconds[rows[drawn]]
            before_s = np.cumsum(seconds) - seconds
            masks[place, drawn if self.requested_s == "all" else drawn[before_s < self.requested_s]] = True
        return masks

    def facts(self, folds: Sequence[Fold]) -> dict[str, Any]:
        """What `scores.json` states about it: the seconds requested, and those available for the test clips."""
        available_s = np.array(
            [self.seconds[rows].sum() for fold in folds for rows in self.of_test_clips(fold).values()]
        )
        summary = {"min": available_s.min(), "median": np.median(available_s), "max": available_s.max()}
        return {
            "requested_s": self.requested_s,
            "available_s": {name: round(float(value), 2) for name, value in summary.items()},
            "tau_s": TAU_S,
        }


def caveat(facts: dict[str, Any]) -> str:
    """The line that every score with a speaker history carries; empty where no test clip had one.

    >>> caveat({"requested_s": 20.0, "available_s": {"min": 20.4, "median": 21.2, "max": 24.0}})
    'transductive: uses 20 s of unlabelled speech of each test speaker'
    >>> caveat({"requested_s": 20.0, "available_s": {"min": 4.4, "median": 20.2, "max": 24.0}})
    'transductive: uses 20 s of unlabelled speech of each test speaker (of some only 4 s)'
    >>> caveat({"requested_s": "all", "available_s": {"min": 80.0, "median": 96.2, "max": 99.0}})
    'transductive: uses all other clips of each test speaker, unlabelled, 80 to 99 s'
    """
    requested_s, available_s = facts["requested_s"], facts["available_s"]
    if not requested_s or not available_s["max"]:
        return ""
    if requested_s == "all":
        seconds = f"{available_s['min']:.0f} to {available_s['max']:.0f} s"
        return f"transductive: uses all other clips of each test speaker, unlabelled, {seconds}"
    fewer = f" (of some only {available_s['min']:.0f} s)" if available_s["min"] < requested_s else ""
    return f"transductive: uses {requested_s:g} s of unlabelled speech of each test speaker{fewer}"
