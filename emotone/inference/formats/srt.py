"""SubRip subtitles: a caption for each segment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from emotone.inference.formats import TEXT, Format
from emotone.inference.formats._times import caption, clock
from emotone.inference.prediction import Prediction


class Srt(Format):
    """Numbered captions; invisible word joiners keep `<`, `{` and `-->` in names from being read as markup."""

    suffix = ".srt"

    def write(
        self, path: Path, predictions: Sequence[Prediction], failures: Sequence[Mapping[str, str]], *, segments: bool
    ) -> None:
        parts = [
            f"{number}\n{clock(one.start_s, ',')} --> {clock(one.end_s, ',')}\n{_plain(caption(one))}\n"
            for prediction in predictions
            for number, one in enumerate(prediction.segments, start=1)
        ]
        with path.open("w", **TEXT) as handle:
            handle.write("\n".join(parts))


def _plain(text: str) -> str:
    r"""Text without markup.

    >>> _plain("<i> --> {x}").encode("ascii", "backslashreplace").decode()
    '<\\u2060i> --\\u2060> {\\u2060x}'
    """
    return re.sub(r"[<{]|--(?=>)", "\\g<0>\N{WORD JOINER}", text)
