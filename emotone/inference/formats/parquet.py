"""Parquet: a row for each recording, or for each segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from emotone.errors import MissingExtra
from emotone.inference.formats import Format
from emotone.inference.formats._rows import rows
from emotone.inference.prediction import Prediction


class Parquet(Format):
    """The table of `.csv`, with types; missing values are null."""

    suffix = ".parquet"
    several = True

    def __init__(self) -> None:
        """Raises MissingExtra if pyarrow is absent: before the predictions are computed."""
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as problem:
            raise MissingExtra("writing .parquet", "parquet") from problem

    def write(
        self, path: Path, predictions: Sequence[Prediction], failures: Sequence[Mapping[str, str]], *, segments: bool
    ) -> None:
        import pyarrow as arrow
        import pyarrow.parquet

        names, lines = rows(predictions, failures, segments=segments)
        texts = {"file", "label", "reason", "channel", "speaker", "error"}
        table = {
            name: arrow.array(
                [_valid(line[place]) for line in lines], arrow.string() if name in texts else arrow.float64()
            )
            for place, name in enumerate(names)
        }
        arrow.parquet.write_table(arrow.table(table), path)


def _valid(value: object) -> object:
    """The value; bytes of names that are not UTF-8 are escaped."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
