"""CSV: a row for each recording, or for each segment."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from emotone.inference.formats import TEXT, Format
from emotone.inference.formats._rows import rows
from emotone.inference.prediction import Prediction


class Csv(Format):
    """A table with a column for each emotion; a recording without a prediction has its error in the last column."""

    suffix = ".csv"
    several = True

    def write(
        self, path: Path, predictions: Sequence[Prediction], failures: Sequence[Mapping[str, str]], *, segments: bool
    ) -> None:
        names, lines = rows(predictions, failures, segments=segments)
        with path.open("w", **TEXT) as handle:
            writer = csv.writer(handle)
            writer.writerow(names)
            writer.writerows(["" if value is None else value for value in line] for line in lines)
