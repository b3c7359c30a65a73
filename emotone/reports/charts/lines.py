"""Scores over the values of a setting, as lines."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from emotone.reports.charts.drawing import ACCENT, INK, MUTED, SURFACE, figure_in_page_colours, svg

STYLES = (
    (ACCENT, "-", "o", ACCENT),
    (INK, "--", "s", SURFACE),
    (MUTED, "-", "^", MUTED),
    (ACCENT, ":", "D", SURFACE),
    (INK, "-.", "v", INK),
    (MUTED, "--", "P", SURFACE),
)  # colour, dashes, marker and what fills it: told apart without colour, too


def score_lines(
    lines: Mapping[str, Mapping[str, Mapping[str, float | None]]],
    values: Sequence[str],
    *,
    words: Collection[str] = (),
    setting: str,
    name: str,
) -> str:
    """SVG: UAR against a setting, a line per name with an interval at each point.

    Values stand side by side, whatever lies between them; no line leads to those that are words, not numbers.

    Args:
        lines: name -> value -> score (value, low, high: 0 .. 1; low and high may be None).
        values: of the setting, from left to right.
        words: those of them that are no numbers.
        setting: under the axis.
    """
    place = {value: number for number, value in enumerate(values)}
    columns = max(1, min(3, len(lines), 48 // max(map(len, lines), default=1)))  # of names that fit a phone's width
    rows = -(-len(lines) // columns)
    with figure_in_page_colours(max(4.6, 1.2 + 0.62 * len(values)), 2.9 + 0.2 * rows) as figure:
        axes = figure.subplots()
        for word in words:
            axes.axvspan(place[word] - 0.5, place[word] + 0.5, color=MUTED, alpha=0.1, lw=0)
        for number, (line, scores) in enumerate(lines.items()):
            colour, dashes, marker, filled = STYLES[number % len(STYLES)]
            aside = min(0.14, 0.6 / len(lines)) * (number - (len(lines) - 1) / 2)
            met = [value for value in values if value in scores and scores[value]["value"] is not None]
            for value in met:
                low, high = scores[value].get("low"), scores[value].get("high")
                if low is not None and high is not None:
                    x = place[value] + aside
                    axes.plot([x, x], [100 * low, 100 * high], color=colour, lw=1, alpha=0.6)
            for joined in _runs(met, words):
                x_values = [place[value] + aside for value in joined]
                axes.plot(x_values, [100 * (scores[value]["value"] or 0) for value in joined], dashes, color=colour)
            points = [100 * (scores[value]["value"] or 0) for value in met]
            x_values = [place[value] + aside for value in met]
            axes.plot(x_values, points, marker, color=colour, mfc=filled, ms=5, mew=1.2, zorder=3)
            axes.plot([], [], dashes, marker=marker, color=colour, mfc=filled, ms=5, mew=1.2, label=line)
        axes.set_xlim(-0.6, len(values) - 0.4)
        axes.set_xticks(range(len(values)), values)
        axes.tick_params(axis="x", labelcolor=INK)
        axes.set_xlabel(setting)
        axes.set_ylabel("UAR, %")
        axes.grid(axis="y")
        figure.legend(loc="outside upper left", ncols=columns, handlelength=3)
        told = "; ".join(
            f"{line}: "
            + ", ".join(f"{value} {100 * (scores[value]['value'] or 0):.0f} %" for value in place if value in scores)
            for line, scores in lines.items()
        )
        return svg(figure, name, f"UAR against {setting}. {told}")


def _runs(values: Sequence[str], words: Collection[str]) -> list[list[str]]:
    """Neighbouring numbers, which a line joins; words part them."""
    runs: list[list[str]] = [[]]
    for value in values:
        if value in words:
            runs.append([])
        else:
            runs[-1].append(value)
    return [run for run in runs if run]
