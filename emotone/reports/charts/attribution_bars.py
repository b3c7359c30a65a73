"""Attribution bars: what each feature contributes to the score of a label."""

from __future__ import annotations

from collections.abc import Sequence

from emotone.reports.charts.drawing import AGAINST, FOR, INK, MUTED, WIDTH_IN, figure_in_page_colours, row_names, svg


def attribution_bars(attributions: Sequence[tuple[str, float]], label: str, *, name: str) -> str:
    """SVG: a bar per name, to the right if it is evidence for the label, to the left if it is evidence against it.

    Args:
        attributions: name and its contribution to the score, the first on top.
    """
    lines = max((text.count("\n") + 1 for text, _ in attributions), default=1)
    with figure_in_page_colours(WIDTH_IN, 0.55 + (0.12 + 0.16 * lines) * len(attributions)) as figure:
        axes = figure.subplots()
        reach = max((abs(value) for _, value in attributions), default=1.0) or 1.0
        for row, (_, value) in enumerate(attributions):
            axes.barh(row, value, height=0.6, color=FOR if value > 0 else AGAINST, lw=0)
            side = 1 if value > 0 else -1
            number = f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
            axes.text(
                value + 0.03 * side * reach, row, number, va="center", ha="left" if value > 0 else "right", color=INK
            )
        axes.axvline(0, color=MUTED, lw=0.8)
        axes.set_xlim(-1.32 * reach, 1.32 * reach)
        row_names(axes, [text for text, _ in attributions])
        axes.set_xlabel(
            f"against {label}  \N{LEFTWARDS ARROW}   contribution to the score   \N{RIGHTWARDS ARROW}  for {label}"
        )
        numbers = ", ".join(f"{' '.join(text.split())} {value:+.2f}" for text, value in attributions)
        return svg(figure, name, f"Attribution to the score of {label}: {numbers}")
