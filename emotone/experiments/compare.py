"""Compare runs: scores with intervals, and paired tests of their differences."""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Real
from typing import Any

from emotone.errors import RunError
from emotone.evaluation import metrics
from emotone.evaluation.intervals import speakers_for
from emotone.evaluation.scores import Predictions
from emotone.runs.run import Run


def compare(
    folders: Sequence[str | os.PathLike[str]], *, half_width: float | None = None, seed: int = 0
) -> dict[str, Any]:
    """Each run's scores, and every later run's difference from the first.

    Differences are paired: the same clips, speakers resampled for the interval and swapped for the p-value. Runs
    on other clips are compared on the clips that both have. `p_holm` is the p-value corrected for how many differences
    there are.

    Args:
        half_width: target half width of the interval, 0 .. 1. `speakers_needed` is the number of speakers that would
            give it, for each run's UAR and each difference; None without an interval to compute it from.

    Raises:
        RunError: fewer than two runs, an unfinished one, different classes, no common clip, or a wrong half width.
    """
    if isinstance(folders, str | os.PathLike) or not isinstance(folders, Sequence):
        raise RunError(f"expected several run folders, such as ['runs/a', 'runs/b']; came {folders!r:.100}")
    if not all(isinstance(folder, str | os.PathLike) for folder in folders):
        raise RunError(f"run folders are paths; came {folders!r:.100}")
    if half_width is not None and not isinstance(half_width, Real):
        raise RunError(f"half_width must be a number between 0 and 1; came {half_width!r:.100}")
    if half_width is not None and not 0 < half_width < 1:
        raise RunError(f"half width {half_width:g} is out of range; take more than 0 and less than 1 (100 points)")
    if len(folders) < 2:
        raise RunError(f"comparing needs two runs or more, came {len(folders)}")
    runs = [Run.open(folder) for folder in folders]
    rows = [{"run": str(run.folder), **_summary(run)} for run in runs]
    first = runs[0].predictions
    differences = [{"run": str(run.folder), **_difference(first, run.predictions, seed)} for run in runs[1:]]
    for difference, corrected in zip(differences, metrics.holm([row["p_value"] for row in differences]), strict=True):
        difference["p_holm"] = float(corrected)
    if half_width is not None:
        intervals = [(row, row["scores"]["uar"]) for row in rows] + [(row, row["uar"]) for row in differences]
        for row, interval in intervals:
            row["speakers_needed"] = _speakers_needed(half_width, interval, row["speakers"])
    return {"runs": rows, "against": str(runs[0].folder), "differences": differences}


def _summary(run: Run) -> dict[str, Any]:
    scores = run.scores
    keys = ("caveats", "title", "protocol", "speaker_independent", "corpora", "clips", "speakers", "scores")
    return {key: scores[key] for key in (*keys, "parameters")}


def _difference(first: Predictions, second: Predictions, seed: int) -> dict[str, Any]:
    if set(first.classes) != set(second.classes):
        raise RunError(
            f"the runs have different classes ({', '.join(first.classes)} and {', '.join(second.classes)}); "
            "train both with the same data.labels"
        )
    first, second = Predictions.common([first, second])
    if not len(first):
        raise RunError("the runs have no clip in common")
    if (first.truth != second.truth).any():
        raise RunError("the runs have different labels for the same clips; train both with the same data.labels")
    result = metrics.paired_difference(
        first.truth, first.prediction, second.prediction, first.speaker, first.corpus, seed=seed
    )
    difference = result.difference
    return {
        "clips": len(first),
        "speakers": len(set(first.speaker.tolist())),
        "uar": {"value": difference.value, "low": difference.low, "high": difference.high},
        "p_value": result.p_value,
    }


def _speakers_needed(half_width: float, interval: dict[str, Any], speakers: int) -> int | None:
    low, high = interval["low"], interval["high"]
    return None if low is None or high is None else max(2, speakers_for(half_width, low, high, speakers))
