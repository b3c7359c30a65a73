"""Scores as horizontal bars with their confidence intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emotone.reports.charts.drawing import INK, WIDTH_IN, Interval, figure_in_page_colours, horizontal_bars, svg


def score_bars(values: Mapping[str, Interval], *, axis_label: str, alt_text: str, name: str) -> str:
    """SVG: a bar per name, 0 to 100 percent, with its interval.

    Args:
        values: name -> score.
        axis_label: under the x-axis.
        alt_text: what a screen reader reads out before the numbers.
    """
    lines = max((label.count("\n") + 1 for label in values), default=1)
    width = WIDTH_IN if max(map(len, values), default=0) <= 20 else 1.7 * WIDTH_IN
    with figure_in_page_colours(width, 0.5 + (0.12 + 0.18 * lines) * len(values)) as figure:
        axes = figure.subplots()
        horizontal_bars(axes, {label: 100 * (score["value"] or 0.0) for label, score in values.items()}, full_scale=100)
        for row, score in enumerate(values.values()):
            low, high = score.get("low"), score.get("high")
            if low is not None and high is not None:
                axes.plot([100 * low, 100 * high], [row, row], color=INK, lw=1.2)
                axes.plot([100 * low, 100 * high], [row, row], "|", color=INK, ms=6)
        axes.set_xlabel(axis_label)
        numbers = ", ".join(
            f"{' '.join(label.split())} {100 * (score['value'] or 0):.0f} %" for label, score in values.items()
        )
        return svg(figure, name, f"{alt_text}: {numbers}")


def recall_bars(per_class: Mapping[str, Mapping[str, Any]], *, name: str = "recalls") -> str:
    """SVG: a bar per class, its recall with its interval.

    Args:
        per_class: label -> its scores, `recall` as an interval.
    """
    recalls = {label: scores["recall"] for label, scores in per_class.items()}
    return score_bars(recalls, axis_label="recall, %", alt_text="Recall per class", name=name)
