"""UAR of every speaker, from the lowest to the highest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.reports.charts.drawing import ACCENT, INK, MUTED, SURFACE, WIDTH_IN, Interval, figure_in_page_colours, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def speaker_scores(
    scores: Mapping[str, Mapping[str, Any]], mean: Interval, chance: float, *, name: str = "speakers"
) -> str:
    """SVG: one point per speaker, lowest first, its shape the sex; a line for the mean, a band for its interval.

    Args:
        scores: speaker -> its uar (0 .. 1) and sex.
        mean: the score over all speakers.
        chance: the chance level of that score, 0 .. 1.
    """
    order = sorted(scores, key=lambda speaker: (scores[speaker]["uar"], speaker))
    values = np.array([100 * scores[speaker]["uar"] for speaker in order])
    sexes = np.array([str(scores[speaker].get("sex") or "") for speaker in order])
    place = np.arange(len(order))
    with figure_in_page_colours(WIDTH_IN if len(order) <= 16 else 2 * WIDTH_IN, 2.9) as figure:
        axes = figure.subplots()
        _mean_and_chance(axes, mean, chance)
        for sex, marker, colour, filled in (
            ("female", "o", ACCENT, ACCENT), ("male", "^", INK, SURFACE), ("", "s", MUTED, MUTED),
        ):  # fmt: skip
            chosen = sexes == sex if sex else ~np.isin(sexes, ["female", "male"])
            if chosen.any():
                axes.plot(
                    place[chosen], values[chosen], marker, color=colour, mfc=filled, ms=5.5, mew=1.2,
                    label=sex or "sex not stated", clip_on=False,
                )  # fmt: skip
        axes.set_ylim(0, 100)
        axes.set_xlim(-0.7, len(order) - 0.3)
        axes.set_ylabel("UAR, %")
        axes.grid(axis="y")
        if len(order) <= 46:
            short = [speaker.rpartition("/")[2] for speaker in order]
            ticks = short if len(set(short)) == len(short) else order  # two corpora may both have a speaker 01
            axes.set_xticks(place, ticks, rotation=90 if max(map(len, ticks)) > 2 else 0)
        else:
            axes.set_xticks([])
            axes.set_xlabel(f"{len(order)} speakers, lowest UAR first")
        figure.legend(loc="outside upper left", ncols=5, handletextpad=0.4, columnspacing=1.2)
        return svg(
            figure, name, f"UAR of each of {len(order)} speakers, from {values.min():.0f} to {values.max():.0f} %"
        )


def _mean_and_chance(axes: Axes, mean: Interval, chance: float) -> None:
    value, low, high = mean["value"], mean.get("low"), mean.get("high")
    if low is not None and high is not None:
        axes.axhspan(100 * low, 100 * high, color=ACCENT, alpha=0.12, lw=0, label="95 % interval")
    if value is not None:
        axes.axhline(100 * value, color=ACCENT, lw=1.4, label="all speakers")
    axes.axhline(100 * chance, color=MUTED, lw=1, ls=":", label="chance")
