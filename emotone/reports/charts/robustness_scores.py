"""Robustness scores of a stress test, with intervals, against their limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emotone.reports.charts.drawing import ACCENT, INK, MUTED, SURFACE, WIDTH_IN, figure_in_page_colours, row_names, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKS = {"pass": ("o", ACCENT, ACCENT), "fail": ("X", INK, INK)}  # shape, line, fill: clear without colour too


def robustness_scores(
    rows: Sequence[Mapping[str, Any]], least_unchanged: float, least_uar_change: float | None, *, name: str
) -> str:
    """SVG: share of unchanged predictions and change of UAR under each disturbance; the passing range is shaded.

    Args:
        rows: name, unchanged and uar_change (value, low, high), verdict; the first on top.
        least_unchanged, least_uar_change: the limits, 0 .. 1; None where there is no limit.
    """
    with figure_in_page_colours(WIDTH_IN, 0.85 + 0.235 * len(rows)) as figure:
        shares, changes = figure.subplots(1, 2, sharey=True, width_ratios=[1, 0.85])
        lowest = min((100 * (row["unchanged"]["low"] or row["unchanged"]["value"]) for row in rows), default=0.0)
        shares.set_xlim(max(0.0, 10 * ((min(lowest, 100 * least_unchanged) - 4) // 10)), 101)
        _column(shares, rows, "unchanged", least_unchanged)
        shares.set_xlabel("unchanged, %")
        _column(changes, rows, "uar_change", least_uar_change)
        changes.axvline(0, color=MUTED, lw=0.8, zorder=1)
        changes.set_xlabel("change of UAR, points")
        for verdict, (marker, colour, filled) in _MARKS.items():
            shares.plot([], [], marker, color=colour, mfc=filled, mec=SURFACE, mew=0.4, ms=6.5, label=verdict)
        shares.bar([0], [0], color=ACCENT, alpha=0.14, lw=0, label="passing range")
        row_names(shares, [row["name"] for row in rows])
        changes.spines["left"].set_visible(False)
        for axes in (shares, changes):
            axes.grid(axis="x")
        figure.legend(loc="outside upper left", ncols=3, handletextpad=0.4, columnspacing=1.4)
        numbers = "; ".join(f"{row['name']} {100 * row['unchanged']['value']:.0f} %, {row['verdict']}" for row in rows)
        return svg(figure, name, f"Share of unchanged predictions under each disturbance: {numbers}")


def _column(axes: Axes, rows: Sequence[Mapping[str, Any]], score: str, limit: float | None) -> None:
    """A point with its interval per row; the range from the limit upwards is shaded."""
    for place, row in enumerate(rows):
        marker, colour, filled = _MARKS[row["verdict"]]
        value, low, high = (row[score][key] for key in ("value", "low", "high"))
        if low is not None and high is not None:
            axes.plot([100 * low, 100 * high], [place, place], color=colour, lw=1.2, alpha=0.7, solid_capstyle="butt")
        axes.plot(
            100 * value, place, marker, color=colour, mfc=filled, mec=SURFACE, mew=0.4, ms=6.5, zorder=3, clip_on=False
        )
    if limit is not None:
        left, right = axes.get_xlim()
        axes.axvspan(100 * limit, max(right, 100 * limit + 2), color=ACCENT, alpha=0.14, lw=0, zorder=0)
        axes.set_xlim(min(left, 100 * limit - 2), max(right, 100 * limit + 2))
