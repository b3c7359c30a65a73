"""Emotion over time: waveform, segments, the probability of each emotion, and arousal, on one time axis."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.inference.prediction import LOW_CONFIDENCE, Prediction, Segment
from emotone.inference.summary import Summary
from emotone.reports.charts.drawing import (
    ACCENT,
    INK,
    LINE,
    LINE_STYLES,
    MUTED,
    figure_in_page_colours,
    row_names,
    svg,
)  # fmt: skip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN = 7.2
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_MOST_TICKS = 10
_LOWEST = 0.02  # lower probabilities would be a line
_TALLEST = 0.86  # height of the probability 1, relative to a row
_INCHES_A_LETTER = 0.066


class _Panel(NamedTuple):
    """Its height in inches, and what draws it."""

    height_in: float
    draw: Callable[[Axes], None]


def emotion_timeline(prediction: Prediction, peaks: NDArray[np.float32], *, name: str = "timeline") -> str:
    """SVG: waveform, segments (a row for each channel and speaker), a band for each emotion, arousal.

    The element `<name>-sound` is the area of the waveform: from 0 s to the end. `<name>-end` is that of the last panel.

    Args:
        prediction: of a recording.
        peaks: (columns, 2) lowest and highest sample of equal stretches of it.
        name: prefix of every id, so that two pictures in one page share none.
    """
    with figure_in_page_colours(WIDTH_IN, height_in(prediction)) as figure:
        draw(figure, prediction, peaks)
        drawn = svg(figure, name, _alt_text(prediction, prediction.summary()))
        return re.sub(r"(\.\d\d)\d+", r"\1", drawn)  # a hundredth of a point is enough


def height_in(prediction: Prediction) -> float:
    """Height of the picture of this prediction, in inches."""
    return 0.45 + sum(panel.height_in for panel in _panels(prediction, np.zeros((1, 2), dtype=np.float32), {}))


def draw(
    figure: Figure, prediction: Prediction, peaks: NDArray[np.float32], colours: Mapping[str, str] | None = None
) -> None:
    """Draw the timeline on a figure; `colours` are those of `figure_in_page_colours`."""
    panels = _panels(prediction, peaks, colours or {})
    heights = [panel.height_in for panel in panels]
    rows = figure.subplots(len(panels), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    end_s = _end_s(prediction)
    for axes, panel in zip(rows, panels, strict=True):
        panel.draw(axes)
        axes.tick_params(axis="x", labelbottom=axes is rows[-1])
        axes.grid(axis="x")
    rows[0].patch.set_gid("sound")
    rows[-1].patch.set_gid("end")
    step_s = next((step for step in _STEPS_S if end_s / step <= _MOST_TICKS), _STEPS_S[-1])
    ticks = np.arange(0, end_s + step_s / 1000, step_s)
    rows[-1].set_xlim(0, end_s)
    rows[-1].set_xticks(ticks, [_clock(tick, end_s) for tick in ticks])
    rows[-1].set_xlabel("time, s" if end_s < 60 else "time")


def _panels(prediction: Prediction, peaks: NDArray[np.float32], colours: Mapping[str, str]) -> list[_Panel]:
    segments = prediction.segments
    tracks = prediction.tracks() or [("", "")]
    channels = list(dict.fromkeys(channel for channel, _ in tracks))
    end_s = _end_s(prediction)
    panels = [
        _Panel(0.75, lambda axes: _waveform(axes, peaks, end_s, colours)),
        _Panel(0.35 + 0.22 * len(tracks), lambda axes: _segment_rows(axes, segments, tracks, end_s, colours)),
    ]
    for channel in channels:
        own = [part for part in segments if part.channel == channel and _has_scores(part)]
        title = "probability of each emotion" + (f", {channel}" if channel else "")
        bands = partial(_bands, segments=own, classes=list(prediction.scores), title=title, colours=colours)
        panels.append(_Panel(0.35 + 0.22 * len(prediction.scores), bands))
    panels.append(_Panel(0.95, lambda axes: _arousal(axes, segments, channels, colours)))
    return panels


def _waveform(axes: Axes, peaks: NDArray[np.float32], end_s: float, colours: Mapping[str, str]) -> None:
    middles = (np.arange(len(peaks)) + 0.5) * end_s / len(peaks)
    loudest = float(np.abs(peaks).max()) or 1.0
    axes.fill_between(middles, peaks[:, 0], peaks[:, 1], color=colours.get(MUTED, MUTED), lw=0.4)
    axes.set_ylim(-1.05 * loudest, 1.05 * loudest)
    axes.set_yticks([])
    axes.set_title("sound")


def _segment_rows(
    axes: Axes, segments: Sequence[Segment], tracks: Sequence[tuple[str, str]], end_s: float, colours: Mapping[str, str]
) -> None:
    """A bar for each segment, low if it is unsure; the label of a segment if there is room for it."""
    accent, muted, ink = (colours.get(colour, colour) for colour in (ACCENT, MUTED, INK))
    row_names(axes, [" ".join(part for part in track if part) for track in tracks])
    axes.tick_params(axis="y", labelcolor=ink)
    for row, track in enumerate(tracks):
        own = [part for part in segments if (part.channel, part.speaker) == track]
        for unsure, height, colour in ((False, 0.76, accent), (True, 0.3, muted)):
            times, halves = _outline(parts := [part for part in own if bool(part.reason) is unsure], height / 2)
            axes.fill_between(times, row - halves, row + halves, color=colour, alpha=0.35, lw=0)
            for part in () if unsure else parts:
                length = part.end_s - part.start_s
                if length / end_s * (WIDTH_IN - 1) > _INCHES_A_LETTER * len(part.label):
                    axes.text(part.start_s + length / 2, row, part.label, ha="center", va="center", color=ink)
    axes.set_title("segments" + ("; low: unsure" if any(part.reason for part in segments) else ""))


def _bands(
    axes: Axes, segments: Sequence[Segment], classes: Sequence[str], title: str, colours: Mapping[str, str]
) -> None:
    """A row for each emotion, as high as its probability; in full colour where it is the label of the segment."""
    accent, line, ink = (colours.get(colour, colour) for colour in (ACCENT, LINE, INK))
    row_names(axes, classes)
    axes.tick_params(axis="y", labelcolor=ink)
    for row, emotion in enumerate(classes):
        bottom = row + _TALLEST / 2
        axes.axhline(bottom, color=line, lw=0.6)
        for labelled, strength in ((False, 0.3), (True, 0.85)):
            own = [part for part in segments if (part.label == emotion) is labelled]
            visible = [part for part in own if part.scores.get(emotion, 0.0) >= _LOWEST]
            times, heights = _outline(visible, [part.scores[emotion] for part in visible])
            axes.fill_between(times, bottom, bottom - _TALLEST * heights, color=accent, alpha=strength, lw=0)
    axes.set_title(title + "; in full colour: the label of the segment")


def _arousal(axes: Axes, segments: Sequence[Segment], channels: Sequence[str], colours: Mapping[str, str]) -> None:
    """A line over the segments that have a value; a style for each channel."""
    for channel, (colour, dashes, *_) in zip(channels, cycle(LINE_STYLES), strict=False):
        times: list[float] = []
        values: list[float] = []
        for part in segments:
            if part.channel == channel and _has_scores(part) and part.arousal is not None:
                times += [part.start_s, part.end_s, part.end_s]
                values += [part.arousal, part.arousal, np.nan]
        axes.plot(times, values, dashes, color=colours.get(colour, colour), lw=1.8, label=channel)
    axes.set_ylim(-1.05, 1.05)
    axes.set_yticks([-1, 0, 1], ["calm \N{MINUS SIGN}1", "0", "excited 1"])
    axes.grid(axis="y")
    axes.set_title("arousal")
    if len(channels) > 1:
        axes.legend(loc="upper right", ncols=len(channels), bbox_to_anchor=(1, 1.35), borderaxespad=0)


def _outline(segments: Sequence[Segment], heights: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times and heights of a line that rises and falls at the edges of segments; 0 between them."""
    times = np.array([(part.start_s, part.start_s, part.end_s, part.end_s) for part in segments], dtype=np.float64)
    tops = np.broadcast_to(np.asarray(heights, dtype=np.float64), len(segments))
    return times.ravel(), np.outer(tops, (0.0, 1.0, 1.0, 0.0)).ravel()


def _has_scores(segment: Segment) -> bool:
    """Whether the model's scores count: an emotion is predicted, or refused only for its low confidence."""
    return segment.reason in ("", LOW_CONFIDENCE)


def _end_s(prediction: Prediction) -> float:
    return max([prediction.duration_s, *(part.end_s for part in prediction.segments)]) or 1.0


def _clock(seconds: float, end_s: float) -> str:
    """Seconds for a short recording, else minutes and seconds, or hours.

    >>> _clock(2.5, 20), _clock(75, 200), _clock(4500, 7200)
    ('2.5', '1:15', '1:15:00')
    """
    if end_s < 60:
        return f"{seconds:g}" if seconds < 1 else f"{round(seconds, 3):g}"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if end_s < 3600 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _alt_text(prediction: Prediction, summary: Summary) -> str:
    """The picture as text."""
    text = f"Emotion over time, {_end_s(prediction):.1f} s, {len(prediction.segments)} segments"
    shares = ", ".join(f"{label} {100 * share:.0f} %" for label, share in summary.emotions.items())
    return f"{text}; share of the speech: {shares}" if shares else f"{text}; no speech"
