"""Two kinds of mistakes against each other: what one threshold costs on either side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotone.reports.charts.drawing import MUTED, figure_in_page_colours, svg
from emotone.reports.charts.lines import STYLES


@dataclass(frozen=True)
class Trade:
    """One line: the shares of either mistake, 0 .. 1, at every threshold, and at the one that is used."""

    x: Sequence[float]
    y: Sequence[float]
    at: tuple[float, float]


def trade_off(
    trades: Mapping[str, Trade],
    *,
    x: str,
    y: str,
    most: tuple[float, float],
    goal: tuple[float, float],
    told: str,
    name: str,
) -> str:
    """SVG: a line per name over all thresholds, a mark where the one in use lies; what was asked for is shaded.

    Args:
        trades: name -> its line.
        x, y: what the axes say.
        most: share at which either axis ends, 0 .. 1.
        goal: share of either mistake that is allowed.
        told: what a screen reader says before the numbers.
    """
    with figure_in_page_colours(4.6, 3.3) as figure:
        axes = figure.subplots()
        axes.fill_between([0, 100 * goal[0]], 0, 100 * goal[1], color=MUTED, alpha=0.15, lw=0, label="asked for")
        for (line, trade), (colour, dashes, marker, filled) in zip(trades.items(), STYLES, strict=False):
            axes.plot(
                [100 * share for share in trade.x], [100 * share for share in trade.y], dashes, color=colour, lw=1.4
            )
            point: dict[str, Any] = {"marker": marker, "color": colour, "mfc": filled, "ms": 6, "mew": 1.2}
            axes.plot(100 * trade.at[0], 100 * trade.at[1], zorder=3, clip_on=False, **point)
            axes.plot([], [], dashes, label=line, **point)
        axes.set_xlim(0, 100 * most[0])
        axes.set_ylim(0, 100 * most[1])
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.grid()
        figure.legend(loc="outside upper left", ncols=2, handlelength=3)
        numbers = "; ".join(
            f"{line}: {100 * trade.at[0]:.1f} and {100 * trade.at[1]:.1f} %" for line, trade in trades.items()
        )
        return svg(figure, name, f"{told}. {x} and {y}, at the threshold in use: {numbers}")
