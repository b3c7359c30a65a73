"""Box plots of a measurement, one box per group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from emotone.reports.charts.drawing import ACCENT, MUTED, SURFACE, WIDTH_IN, figure_in_page_colours, row_names, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def box_plot(values: Mapping[str, ArrayLike], *, unit: str, title: str, name: str, log: bool = False) -> str:
    """SVG: a box per name: median, quartiles, whiskers at the 5th and 95th percentile.

    Args:
        values: name -> (clips,) numbers; names without numbers are left out.
        log: a logarithmic axis, as for pitch.
    """
    groups = {key: numbers for key, raw in values.items() if (numbers := np.asarray(raw, dtype=float)).size}
    with figure_in_page_colours(WIDTH_IN, 0.5 + 0.3 * max(1, len(groups))) as figure:
        axes = figure.subplots()
        for row, numbers in enumerate(groups.values()):
            low, first, median, third, high = np.percentile(numbers, [5, 25, 50, 75, 95])
            axes.plot([low, high], [row, row], color=MUTED, lw=1.2, solid_capstyle="butt", zorder=2)
            axes.barh(row, third - first, left=first, height=0.5, color=SURFACE, edgecolor=ACCENT, lw=1.2, zorder=3)
            axes.plot([median, median], [row - 0.25, row + 0.25], color=ACCENT, lw=2.4, solid_capstyle="butt", zorder=4)
        row_names(axes, list(groups))
        axes.set_xlabel(unit)
        axes.grid(axis="x")
        if log:
            axes.set_xscale("log")
            axes.minorticks_off()
            axes.set_xticks([hz for hz in (60, 80, 100, 150, 200, 300, 400, 600) if _inside(axes, hz)])
            axes.xaxis.set_major_formatter("{x:.0f}")
        medians = ", ".join(f"{key} {np.median(numbers):.3g} {unit}" for key, numbers in groups.items())
        return svg(figure, name, f"{title}: median {medians}")


def _inside(axes: Axes, value: float) -> bool:
    low, high = axes.get_xlim()
    return bool(low <= value <= high)
