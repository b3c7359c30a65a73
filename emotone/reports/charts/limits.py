"""Scores with intervals against what is asked of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emotone.reports.charts.drawing import ACCENT, INK, MUTED, SURFACE, figure_in_page_colours, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKS = {"pass": ("o", ACCENT, ACCENT), "fail": ("X", INK, INK)}  # shape, line, fill: told apart without colour, too


def against_limits(
    rows: Sequence[Mapping[str, Any]], least_unchanged: float, least_uar_change: float | None, *, name: str
) -> str:
    """SVG: for each disturbance the share of unchanged predictions and the change of UAR; where it passes is shaded.

    Args:
        rows: name, unchanged and uar_change (value, low, high), verdict; the first on top.
        least_unchanged, least_uar_change: what is asked; None where nothing is.
    """
    with figure_in_page_colours(4.6, 0.85 + 0.235 * len(rows)) as figure:
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
        shares.bar([0], [0], color=ACCENT, alpha=0.14, lw=0, label="where it passes")
        shares.set_yticks(range(len(rows)), [row["name"] for row in rows])
        shares.set_ylim(len(rows) - 0.4, -0.6)
        for axes in (shares, changes):
            axes.tick_params(axis="y", labelcolor=INK)
            axes.spines["left"].set_visible(False)
            axes.grid(axis="x")
        figure.legend(loc="outside upper left", ncols=3, handletextpad=0.4, columnspacing=1.4)
        told = "; ".join(f"{row['name']} {100 * row['unchanged']['value']:.0f} %, {row['verdict']}" for row in rows)
        return svg(figure, name, f"Share of unchanged predictions under each disturbance: {told}")


def _column(axes: Axes, rows: Sequence[Mapping[str, Any]], score: str, least: float | None) -> None:
    """A point with its interval per row; shaded from what is asked on."""
    for place, row in enumerate(rows):
        marker, colour, filled = _MARKS[row["verdict"]]
        value, low, high = (row[score][key] for key in ("value", "low", "high"))
        if low is not None and high is not None:
            axes.plot([100 * low, 100 * high], [place, place], color=colour, lw=1.2, alpha=0.7, solid_capstyle="butt")
        axes.plot(
            100 * value, place, marker, color=colour, mfc=filled, mec=SURFACE, mew=0.4, ms=6.5, zorder=3, clip_on=False
        )
    if least is not None:
        left, right = axes.get_xlim()
        axes.axvspan(100 * least, max(right, 100 * least + 2), color=ACCENT, alpha=0.14, lw=0, zorder=0)
        axes.set_xlim(min(left, 100 * least - 2), max(right, 100 * least + 2))
