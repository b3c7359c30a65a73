"""Labels of Audacity: start, end and caption of each segment, by tabs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from emotone.inference.formats import TEXT, Format
from emotone.inference.formats._times import caption
from emotone.inference.prediction import Prediction


class Audacity(Format):
    """A label track, for File > Import > Labels."""

    suffix = ".txt"

    def write(
        self, path: Path, predictions: Sequence[Prediction], failures: Sequence[Mapping[str, str]], *, segments: bool
    ) -> None:
        with path.open("w", **TEXT) as handle:
            for prediction in predictions:
                for one in prediction.segments:
                    handle.write(f"{one.start_s:.3f}\t{one.end_s:.3f}\t{caption(one)}\n")
