"""Detection error trade-off (DET) curves, on linear axes: two error rates against each other over all thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotone.reports.charts.drawing import LINE_STYLES, MUTED, WIDTH_IN, figure_in_page_colours, svg


@dataclass(frozen=True)
class DetCurve:
    """Both error rates, 0 .. 1, at every threshold, and at the threshold in use (`at`)."""

    x: Sequence[float]
    y: Sequence[float]
    at: tuple[float, float]


def det_curves(
    curves: Mapping[str, DetCurve],
    *,
    x: str,
    y: str,
    most: tuple[float, float],
    goal: tuple[float, float],
    alt_text: str,
    name: str,
) -> str:
    """SVG: a line per name over all thresholds, a marker at the threshold in use; the target region is shaded.

    Args:
        curves: name -> its error rates.
        x, y: axis labels.
        most: where the axes end, 0 .. 1.
        goal: the highest error rates that are allowed, 0 .. 1.
        alt_text: what a screen reader reads out before the numbers.
    """
    with figure_in_page_colours(WIDTH_IN, 3.3) as figure:
        axes = figure.subplots()
        axes.fill_between([0, 100 * goal[0]], 0, 100 * goal[1], color=MUTED, alpha=0.15, lw=0, label="target")
        for (line, curve), (colour, dashes, marker, filled) in zip(curves.items(), LINE_STYLES, strict=False):
            axes.plot(
                [100 * share for share in curve.x], [100 * share for share in curve.y], dashes, color=colour, lw=1.4
            )
            point: dict[str, Any] = {"marker": marker, "color": colour, "mfc": filled, "ms": 6, "mew": 1.2}
            axes.plot(100 * curve.at[0], 100 * curve.at[1], zorder=3, clip_on=False, **point)
            axes.plot([], [], dashes, label=line, **point)
        axes.set_xlim(0, 100 * most[0])
        axes.set_ylim(0, 100 * most[1])
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.grid()
        figure.legend(loc="outside upper left", ncols=2, handlelength=3)
        numbers = "; ".join(
            f"{line}: {100 * curve.at[0]:.1f} and {100 * curve.at[1]:.1f} %" for line, curve in curves.items()
        )
        return svg(figure, name, f"{alt_text}. {x} and {y}, at the threshold in use: {numbers}")
