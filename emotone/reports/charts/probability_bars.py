"""Predicted probability of every label."""

from __future__ import annotations

from collections.abc import Mapping

from emotone.reports.charts.drawing import ACCENT, INK, figure_in_page_colours, row_names, svg


def probability_bars(probabilities: Mapping[str, float], *, name: str = "probabilities") -> str:
    """SVG: a bar per label, the most probable on top, with its probability in percent.

    Args:
        probabilities: label -> 0 .. 1.
    """
    order = sorted(probabilities.items(), key=lambda item: -item[1])
    with figure_in_page_colours(3.6, 0.3 + 0.24 * len(order)) as figure:
        axes = figure.subplots()
        shares = [100 * share for _, share in order]
        axes.barh(range(len(order)), shares, height=0.6, color=ACCENT, lw=0)
        for row, share in enumerate(shares):
            axes.text(share + 1.5, row, f"{share:.1f}", va="center", color=INK)
        axes.set_xlim(0, 112)
        row_names(axes, [label for label, _ in order])
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        numbers = ", ".join(f"{label} {100 * share:.1f} %" for label, share in order)
        return svg(figure, name, f"Probability of each emotion: {numbers}")
