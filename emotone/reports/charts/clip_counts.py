"""Number of clips per name."""

from __future__ import annotations

from collections.abc import Mapping

from emotone.reports.charts.drawing import WIDTH_IN, figure_in_page_colours, horizontal_bars, svg


def clip_counts(values: Mapping[str, int], *, name: str = "counts") -> str:
    """SVG: a bar per name with its number of clips."""
    with figure_in_page_colours(WIDTH_IN, 0.5 + 0.3 * len(values)) as figure:
        axes = figure.subplots()
        horizontal_bars(axes, values)
        axes.set_xlabel("clips")
        return svg(figure, name, "Clips: " + ", ".join(f"{key} {clips}" for key, clips in values.items()))
