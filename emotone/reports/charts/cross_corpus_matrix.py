"""Cross-corpus matrix: UAR for every pair of training corpus and test corpus, as a heat map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emotone.reports.charts.drawing import ACCENT, INK, MUTED, figure_in_page_colours, row_names, svg


def cross_corpus_matrix(
    rows: Sequence[tuple[str, Sequence[Mapping[str, Any] | None]]],
    columns: Sequence[str],
    *,
    name: str = "cross_corpus",
) -> str:
    """SVG: a heat map of UARs, its colour stronger the further above chance; within-corpus cells are framed.

    Args:
        rows: name and cells, in the order of the columns: uar (an interval), chance, kind, within (an interval
            or None).
        columns: their names.
    """
    numbers = []
    with figure_in_page_colours(1.1 + 1.15 * len(columns), 0.45 + 0.62 * len(rows)) as figure:
        axes = figure.subplots()
        for y, (row, cells) in enumerate(rows):
            for x, cell in enumerate(cells):
                value = cell["uar"]["value"] if cell else None
                if cell is None or value is None:
                    axes.text(x, y, "–", ha="center", va="center", color=MUTED)
                    continue
                within = cell["kind"] == "within"
                above = max(0.0, (value - cell["chance"]) / (1 - cell["chance"]))
                axes.bar(x, 0.94, 0.96, y - 0.47, color=ACCENT, alpha=0.55 * above, lw=0)
                if within:
                    axes.bar(x, 0.94, 0.96, y - 0.47, fill=False, edgecolor=ACCENT, lw=1.4)
                axes.text(x, y - 0.13, f"{100 * value:.0f}", ha="center", va="center", color=INK, fontsize=11)
                within_score = "" if within or not cell["within"] else f", within {100 * cell['within']['value']:.0f}"
                small = f"chance {100 * cell['chance']:.0f}{within_score}"
                axes.text(x, y + 0.26, small, ha="center", va="center", color=INK, fontsize=6.5)
                numbers.append(f"{row} to {columns[x]} {100 * value:.0f} %")
        axes.set_xlim(-0.55, len(columns) - 0.45)
        axes.set_xticks(range(len(columns)), columns)
        axes.xaxis.tick_top()
        axes.tick_params(axis="x", labelcolor=INK)
        axes.spines["bottom"].set_visible(False)
        row_names(axes, [row for row, _ in rows])
        axes.set_ylim(len(rows) - 0.45, -0.55)
        return svg(figure, name, "Cross-corpus UAR: " + ", ".join(numbers))
