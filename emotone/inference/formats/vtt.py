"""WebVTT captions: a caption for each segment, as browsers show with a video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from emotone.inference.formats import TEXT, Format
from emotone.inference.formats._times import caption, clock
from emotone.inference.prediction import Prediction


class Vtt(Format):
    """Captions; `&`, `<` and `>` of names are escaped."""

    suffix = ".vtt"

    def write(
        self, path: Path, predictions: Sequence[Prediction], failures: Sequence[Mapping[str, str]], *, segments: bool
    ) -> None:
        parts = [
            f"{clock(one.start_s, '.')} --> {clock(one.end_s, '.')}\n{escape(caption(one), quote=False)}\n"
            for prediction in predictions
            for one in prediction.segments
        ]
        with path.open("w", **TEXT) as handle:
            handle.write("\n".join(["WEBVTT\n", *parts]))
