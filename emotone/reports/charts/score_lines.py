"""UAR against the values of a setting, as lines."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from emotone.reports.charts.drawing import INK, LINE_STYLES, MUTED, WIDTH_IN, Interval, figure_in_page_colours, svg


def score_lines(
    lines: Mapping[str, Mapping[str, Interval]],
    values: Sequence[str],
    *,
    categories: Collection[str] = (),
    setting: str,
    name: str,
) -> str:
    """SVG: UAR against a setting, a line per name with an interval at each point.

    Values have equal distances, so the axis is not to scale; lines connect numbers only, never categories.

    Args:
        lines: name -> value -> score.
        values: of the setting, from left to right.
        categories: those of them that are not numbers, such as `all`.
        setting: label of the x-axis.
    """
    place = {value: number for number, value in enumerate(values)}
    columns = max(1, min(3, len(lines), 48 // max(map(len, lines), default=1)))  # of the legend, to fit a phone's width
    rows = -(-len(lines) // columns)
    with figure_in_page_colours(max(WIDTH_IN, 1.2 + 0.62 * len(values)), 2.9 + 0.2 * rows) as figure:
        axes = figure.subplots()
        for category in categories:
            axes.axvspan(place[category] - 0.5, place[category] + 0.5, color=MUTED, alpha=0.1, lw=0)
        for number, (line, scores) in enumerate(lines.items()):
            colour, dashes, marker, filled = LINE_STYLES[number % len(LINE_STYLES)]
            offset = min(0.14, 0.6 / len(lines)) * (number - (len(lines) - 1) / 2)
            measured = [value for value in values if value in scores and scores[value]["value"] is not None]
            for value in measured:
                low, high = scores[value].get("low"), scores[value].get("high")
                if low is not None and high is not None:
                    x = place[value] + offset
                    axes.plot([x, x], [100 * low, 100 * high], color=colour, lw=1, alpha=0.6)
            for connected in _segments(measured, categories):
                x_values = [place[value] + offset for value in connected]
                axes.plot(x_values, [100 * (scores[value]["value"] or 0) for value in connected], dashes, color=colour)
            points = [100 * (scores[value]["value"] or 0) for value in measured]
            x_values = [place[value] + offset for value in measured]
            axes.plot(x_values, points, marker, color=colour, mfc=filled, ms=5, mew=1.2, zorder=3)
            axes.plot([], [], dashes, marker=marker, color=colour, mfc=filled, ms=5, mew=1.2, label=line)
        axes.set_xlim(-0.6, len(values) - 0.4)
        axes.set_xticks(range(len(values)), values)
        axes.tick_params(axis="x", labelcolor=INK)
        axes.set_xlabel(setting)
        axes.set_ylabel("UAR, %")
        axes.grid(axis="y")
        figure.legend(loc="outside upper left", ncols=columns, handlelength=3)
        numbers = "; ".join(
            f"{line}: "
            + ", ".join(f"{value} {100 * (scores[value]['value'] or 0):.0f} %" for value in place if value in scores)
            for line, scores in lines.items()
        )
        return svg(figure, name, f"UAR against {setting}. {numbers}")


def _segments(values: Sequence[str], categories: Collection[str]) -> list[list[str]]:
    """Adjacent numbers, which one line connects; categories separate them."""
    segments: list[list[str]] = [[]]
    for value in values:
        if value in categories:
            segments.append([])
        else:
            segments[-1].append(value)
    return [segment for segment in segments if segment]
