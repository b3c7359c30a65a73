"""Predictions as the rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emotone.inference.prediction import Prediction

_VERDICT = ("label", "reason", "confidence", "arousal", "valence")
RECORDING = ("file", "duration_s", *_VERDICT)
SEGMENT = ("file", "start_s", "end_s", "channel", "speaker", *_VERDICT)


def rows(
    predictions: Sequence[Prediction], failures: Sequence[Mapping[str, str]], *, segments: bool
) -> tuple[list[str], list[list[Any]]]:
    """Names of the columns, and a row for each recording or segment; None where a recording failed.

    With `segments`, a recording without any has one row, without times, for the whole.
    """
    columns = SEGMENT if segments else RECORDING
    classes = list(predictions[0].scores) if predictions else []
    lines: list[list[Any]] = []
    for prediction in (item.as_dict() for item in predictions):
        for part in (prediction["segments"] if segments else ()) or [prediction]:
            facts = {**dict.fromkeys(columns), **part, "file": prediction["file"]}
            lines.append([*(facts[name] for name in columns), *part["scores"].values(), prediction["problem"]])
    empty = [None] * (len(columns) - 1 + len(classes))
    lines += [[failure["file"], *empty, failure["error"]] for failure in failures]
    return [*columns, *classes, "error"], lines
