"""TextGrid of Praat: a tier of emotions and one of confidences, for each channel and speaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from emotone.inference.formats import TEXT, Format
from emotone.inference.formats._times import one_line
from emotone.inference.prediction import Prediction, Segment

Interval = tuple[float, float, str]


class Textgrid(Format):
    """Interval tiers in the long text form; intervals between segments are empty."""

    suffix = ".textgrid"

    def write(
        self, path: Path, predictions: Sequence[Prediction], failures: Sequence[Mapping[str, str]], *, segments: bool
    ) -> None:
        (prediction,) = predictions
        end_s = max([prediction.duration_s, *(one.end_s for one in prediction.segments)])
        tiers: list[tuple[str, list[Interval]]] = []
        for key in prediction.tracks() or [("", "")]:
            own = [one for one in prediction.segments if (one.channel, one.speaker) == key]
            who = " ".join(one_line(part) for part in key if part)
            for name, text in (("emotion", _label), ("confidence", _confidence)):
                intervals = [(one.start_s, one.end_s, text(one)) for one in own]
                tiers.append((f"{name} {who}".strip(), _filled(intervals, end_s)))
        lines = [
            'File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end_s:.3f}",
            "tiers? <exists>", f"size = {len(tiers)}", "item []:",
        ]  # fmt: skip
        for number, (name, intervals) in enumerate(tiers, start=1):
            lines += [
                f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_quoted(name)}",
                "        xmin = 0", f"        xmax = {end_s:.3f}", f"        intervals: size = {len(intervals)}",
            ]  # fmt: skip
            for place, (start, end, text_of) in enumerate(intervals, start=1):
                lines += [
                    f"        intervals [{place}]:", f"            xmin = {start:.3f}", f"            xmax = {end:.3f}",
                    f"            text = {_quoted(text_of)}",
                ]  # fmt: skip
        with path.open("w", **TEXT) as handle:
            handle.write("\n".join(lines) + "\n")


def _label(segment: Segment) -> str:
    return segment.label


def _confidence(segment: Segment) -> str:
    return f"{segment.confidence:.4f}"


def _filled(intervals: Sequence[Interval], end_s: float) -> list[Interval]:
    """The intervals with empty ones between them, from 0 to the end; all times to the millisecond."""
    found: list[Interval] = []
    at = 0.0
    for start, end, text in intervals:
        start, end = max(round(start, 3), at), round(end, 3)
        if end <= start:
            continue
        if start > at:
            found.append((at, start, ""))
        found.append((start, end, text))
        at = end
    if at < round(end_s, 3) or not found:
        found.append((at, end_s, ""))
    return found


def _quoted(text: str) -> str:
    """The text as Praat writes it: quotation marks doubled."""
    return '"' + one_line(text).replace('"', '""') + '"'
