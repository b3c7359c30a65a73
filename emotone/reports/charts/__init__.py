"""Pictures for pages: inline SVG that is right in light and dark, on a phone and on paper.

Every function returns one `<svg>` element; the page gives the colours as CSS variables (`--ink`, `--muted`, `--line`,
`--accent`, `--surface`). The same numbers give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.errors import LengthMismatch
from emotone.reports.charts.drawing import ACCENT, INK, MUTED, SURFACE, figure_in_page_colours, svg
from emotone.reports.charts.limits import against_limits as against_limits
from emotone.reports.charts.lines import score_lines as score_lines
from emotone.reports.charts.small_maps import most_tested as most_tested
from emotone.reports.charts.small_maps import small_maps as small_maps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH_IN = 4.6  # about a phone's width at text size; wider pages scale it up

Interval = Mapping[str, float | None]
"""A score: value, low, high, each 0 .. 1; low and high may be None."""


def losses(epochs: Sequence[Mapping[str, Any]], *, name: str = "losses") -> str:
    """SVG: loss on both sides of training over the epochs; a thin line per fold, a thick one for their mean.

    Args:
        epochs: each with fold, epoch, train_loss, development_loss; rows of one fold stand together.
    """
    with figure_in_page_colours(_WIDTH_IN, 2.9) as figure:
        axes = figure.subplots()
        _fold_lines(axes, epochs, "train_loss", MUTED, "--", "training")
        _fold_lines(axes, epochs, "development_loss", ACCENT, "-", "development")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        axes.grid(axis="y")
        figure.legend(loc="outside upper left", ncols=2)
        return svg(figure, name, "Learning curves: loss in training and on the development side, per epoch")


def development_uars(epochs: Sequence[Mapping[str, Any]], *, name: str = "uars") -> str:
    """SVG: development UAR over the epochs, drawn as the losses are.

    Args:
        epochs: each with fold, epoch, development_uar; rows of one fold stand together.
    """
    with figure_in_page_colours(_WIDTH_IN, 2.9) as figure:
        axes = figure.subplots()
        _fold_lines(axes, epochs, "development_uar", ACCENT, "-", "development", scale=100)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("epoch")
        axes.set_ylabel("UAR, %")
        axes.grid(axis="y")
        figure.legend(loc="outside upper left")
        return svg(figure, name, "Learning curves: UAR on the development side, per epoch")


def speakers(scores: Mapping[str, Mapping[str, Any]], mean: Interval, chance: float, *, name: str = "speakers") -> str:
    """SVG: one point per speaker, worst to best, its shape the sex, over the mean and its interval.

    Args:
        scores: speaker -> its uar (0 .. 1) and sex.
        mean: the score over all speakers.
        chance: of that score, 0 .. 1.
    """
    order = sorted(scores, key=lambda speaker: (scores[speaker]["uar"], speaker))
    values = np.array([100 * scores[speaker]["uar"] for speaker in order])
    sexes = np.array([str(scores[speaker].get("sex") or "") for speaker in order])
    place = np.arange(len(order))
    with figure_in_page_colours(_WIDTH_IN if len(order) <= 16 else 2 * _WIDTH_IN, 2.9) as figure:
        axes = figure.subplots()
        _mean_and_chance(axes, mean, chance)
        for sex, marker, colour, filled in (
            ("female", "o", ACCENT, ACCENT), ("male", "^", INK, SURFACE), ("", "s", MUTED, MUTED),
        ):  # fmt: skip
            chosen = sexes == sex if sex else ~np.isin(sexes, ["female", "male"])
            if chosen.any():
                axes.plot(
                    place[chosen], values[chosen], marker, color=colour, mfc=filled, ms=5.5, mew=1.2,
                    label=sex or "sex not stated", clip_on=False,
                )  # fmt: skip
        axes.set_ylim(0, 100)
        axes.set_xlim(-0.7, len(order) - 0.3)
        axes.set_ylabel("UAR, %")
        axes.grid(axis="y")
        if len(order) <= 46:
            short = [speaker.rpartition("/")[2] for speaker in order]
            ticks = short if len(set(short)) == len(short) else order  # two corpora may both have a speaker 01
            axes.set_xticks(place, ticks, rotation=90 if max(map(len, ticks)) > 2 else 0)
        else:
            axes.set_xticks([])
            axes.set_xlabel(f"{len(order)} speakers, worst to best")
        figure.legend(loc="outside upper left", ncols=5, handletextpad=0.4, columnspacing=1.2)
        return svg(
            figure, name, f"UAR of each of {len(order)} speakers, from {values.min():.0f} to {values.max():.0f} %"
        )


def recalls(per_class: Mapping[str, Mapping[str, Any]], *, name: str = "recalls") -> str:
    """SVG: a bar per class, the share of its clips that was found, with its interval.

    Args:
        per_class: label -> its recall as an interval.
    """
    found = {label: scores["recall"] for label, scores in per_class.items()}
    return intervals(found, what="found, %", told="Recall per class", name=name)


def intervals(values: Mapping[str, Interval], *, what: str, told: str, name: str) -> str:
    """SVG: a bar per name, 0 to 100 percent, with its interval.

    Args:
        values: name -> score.
        what: under the axis.
        told: what a screen reader says before the numbers.
    """
    lines = max((label.count("\n") + 1 for label in values), default=1)
    width = _WIDTH_IN if max(map(len, values), default=0) <= 20 else 1.7 * _WIDTH_IN
    with figure_in_page_colours(width, 0.5 + (0.12 + 0.18 * lines) * len(values)) as figure:
        axes = figure.subplots()
        _bars(axes, {label: 100 * (score["value"] or 0.0) for label, score in values.items()}, of=100)
        for row, score in enumerate(values.values()):
            low, high = score.get("low"), score.get("high")
            if low is not None and high is not None:
                axes.plot([100 * low, 100 * high], [row, row], color=INK, lw=1.2)
                axes.plot([100 * low, 100 * high], [row, row], "|", color=INK, ms=6)
        axes.set_xlabel(what)
        numbers = ", ".join(
            f"{' '.join(label.split())} {100 * (score['value'] or 0):.0f} %" for label, score in values.items()
        )
        return svg(figure, name, f"{told}: {numbers}")


def reliability(confidence: ArrayLike, correct: ArrayLike, *, bins: int = 10, name: str = "reliability") -> str:
    """SVG: how often predictions of a confidence are right; on the diagonal the model knows what it knows.

    Args:
        confidence: (clips,) probability of the predicted label, 0 .. 1.
        correct: (clips,) whether it was right.

    Raises:
        LengthMismatch: the two differ in length.
    """
    sure, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=float)
    if sure.size != right.size:
        raise LengthMismatch("confidence", sure.size, "correct", right.size)
    of_bin = np.minimum((sure * bins).astype(int), bins - 1)
    counts = np.bincount(of_bin, minlength=bins)
    met = counts > 0
    x = 100 * np.bincount(of_bin, sure, bins)[met] / counts[met]
    y = 100 * np.bincount(of_bin, right, bins)[met] / counts[met]
    with figure_in_page_colours(_WIDTH_IN, 3.4) as figure:
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        axes.plot([0, 100], [0, 100], ":", color=MUTED, lw=1, label="as sure as right")
        axes.plot(x, y, "-o", color=ACCENT, ms=5, lw=1.4, label="this model", clip_on=False)
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 100)
        axes.set_ylabel("right, %")
        axes.legend(loc="upper left")
        axes.grid()
        below.bar(100 * (np.arange(bins) + 0.5) / bins, counts, width=88 / bins, color=MUTED)
        below.set_ylabel("clips")
        below.set_xlabel("confidence, %")
        return svg(figure, name, "Reliability: share of right predictions against confidence")


def risk_coverage(confidence: ArrayLike, correct: ArrayLike, *, name: str = "risk") -> str:
    """SVG: share of wrong predictions among those answered, as less sure ones are left unanswered.

    Args:
        confidence: (clips,) probability of the predicted label, 0 .. 1.
        correct: (clips,) whether it was right.
    """
    order = np.argsort(-np.asarray(confidence, dtype=float), kind="stable")
    wrong = 1 - np.asarray(correct, dtype=float)[order]
    answered = np.arange(1, wrong.size + 1)
    first = max(1, wrong.size // 50)  # the risk of a handful of clips says nothing
    with figure_in_page_colours(_WIDTH_IN, 3.0) as figure:
        axes = figure.subplots()
        risk = 100 * np.cumsum(wrong) / answered
        axes.plot(100 * answered[first:] / wrong.size, risk[first:], color=ACCENT, lw=1.4)
        axes.set_xlim(0, 100)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("answered, %")
        axes.set_ylabel("wrong of those, %")
        axes.grid()
        return svg(figure, name, "Risk and coverage: share of wrong answers against share of clips answered")


def counts(values: Mapping[str, int], *, name: str = "counts", what: str = "clips") -> str:
    """SVG: a bar per name with its count."""
    with figure_in_page_colours(_WIDTH_IN, 0.5 + 0.3 * len(values)) as figure:
        axes = figure.subplots()
        _bars(axes, values)
        axes.set_xlabel(what)
        return svg(figure, name, f"{what.capitalize()}: " + ", ".join(f"{key} {n}" for key, n in values.items()))


def boxes(values: Mapping[str, ArrayLike], *, unit: str, title: str, name: str, log: bool = False) -> str:
    """SVG: a box per name: median, middle half, and whiskers at the 5th and 95th percentile.

    Args:
        values: name -> (clips,) numbers; names without any are left out.
        log: a logarithmic axis, as for pitch.
    """
    met = {key: numbers for key, raw in values.items() if (numbers := np.asarray(raw, dtype=float)).size}
    with figure_in_page_colours(_WIDTH_IN, 0.5 + 0.3 * max(1, len(met))) as figure:
        axes = figure.subplots()
        for row, numbers in enumerate(met.values()):
            low, first, median, third, high = np.percentile(numbers, [5, 25, 50, 75, 95])
            axes.plot([low, high], [row, row], color=MUTED, lw=1.2, solid_capstyle="butt", zorder=2)
            axes.barh(row, third - first, left=first, height=0.5, color=SURFACE, edgecolor=ACCENT, lw=1.2, zorder=3)
            axes.plot([median, median], [row - 0.25, row + 0.25], color=ACCENT, lw=2.4, solid_capstyle="butt", zorder=4)
        _rows(axes, list(met))
        axes.set_xlabel(unit)
        axes.grid(axis="x")
        if log:
            axes.set_xscale("log")
            axes.minorticks_off()
            axes.set_xticks([hz for hz in (60, 80, 100, 150, 200, 300, 400, 600) if _inside(axes, hz)])
            axes.xaxis.set_major_formatter("{x:.0f}")
        return svg(
            figure, name, f"{title}: median " + ", ".join(f"{key} {np.median(x):.3g} {unit}" for key, x in met.items())
        )


def heat_map(
    rows: Sequence[tuple[str, Sequence[Mapping[str, Any] | None]]], columns: Sequence[str], *, name: str = "heat_map"
) -> str:
    """SVG: a matrix of UARs, stronger in colour the further above chance; what stands within one corpus is framed.

    Args:
        rows: name and cells, in the order of the columns: uar (an interval), chance, kind, within (an interval
            or None).
        columns: their names.
    """
    told = []
    with figure_in_page_colours(1.1 + 1.15 * len(columns), 0.45 + 0.62 * len(rows)) as figure:
        axes = figure.subplots()
        for y, (row, cells) in enumerate(rows):
            for x, cell in enumerate(cells):
                value = cell["uar"]["value"] if cell else None
                if cell is None or value is None:
                    axes.text(x, y, "–", ha="center", va="center", color=MUTED)
                    continue
                own = cell["kind"] == "within"
                above = max(0.0, (value - cell["chance"]) / (1 - cell["chance"]))
                axes.bar(x, 0.94, 0.96, y - 0.47, color=ACCENT, alpha=0.55 * above, lw=0)
                if own:
                    axes.bar(x, 0.94, 0.96, y - 0.47, fill=False, edgecolor=ACCENT, lw=1.4)
                axes.text(x, y - 0.13, f"{100 * value:.0f}", ha="center", va="center", color=INK, fontsize=11)
                beside = "" if own or not cell["within"] else f", own {100 * cell['within']['value']:.0f}"
                small = f"chance {100 * cell['chance']:.0f}{beside}"
                axes.text(x, y + 0.26, small, ha="center", va="center", color=INK, fontsize=6.5)
                told.append(f"{row} to {columns[x]} {100 * value:.0f} %")
        axes.set_xlim(-0.55, len(columns) - 0.45)
        axes.set_xticks(range(len(columns)), columns)
        axes.xaxis.tick_top()
        axes.tick_params(axis="x", labelcolor=INK)
        axes.spines["bottom"].set_visible(False)
        _rows(axes, [row for row, _ in rows])
        axes.set_ylim(len(rows) - 0.45, -0.55)
        return svg(figure, name, "UAR from corpus to corpus: " + ", ".join(told))


def _fold_lines(
    axes: Axes,
    epochs: Sequence[Mapping[str, Any]],
    column: str,
    colour: str,
    style: str,
    label: str,
    scale: float = 1.0,
) -> None:
    """A thin line per fold and a thick one for their mean, as far as every fold went."""
    folds = [list(rows) for _, rows in groupby(epochs, key=lambda row: row["fold"])]
    for fold in folds:
        axes.plot(_column(fold, "epoch"), scale * _column(fold, column), style, color=colour, lw=0.7, alpha=0.35)
    shared = min(map(len, folds), default=0)
    if shared:
        mean = np.mean([_column(fold[:shared], column) for fold in folds], axis=0)
        axes.plot(_column(folds[0][:shared], "epoch"), scale * mean, style, color=colour, lw=1.8, label=label)


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.float64]:
    return np.array([row[name] for row in rows], dtype=np.float64)


def _mean_and_chance(axes: Axes, mean: Interval, chance: float) -> None:
    value, low, high = mean["value"], mean.get("low"), mean.get("high")
    if low is not None and high is not None:
        axes.axhspan(100 * low, 100 * high, color=ACCENT, alpha=0.12, lw=0, label="95 % interval")
    if value is not None:
        axes.axhline(100 * value, color=ACCENT, lw=1.4, label="all speakers")
    axes.axhline(100 * chance, color=MUTED, lw=1, ls=":", label="chance")


def _bars(axes: Axes, values: Mapping[str, float], *, of: float | None = None) -> None:
    """Horizontal bars, the first on top, each with its number at the right, where no interval crosses it."""
    top = of or max(values.values(), default=1) or 1
    axes.barh(range(len(values)), list(values.values()), height=0.62, color=ACCENT, alpha=0.3, lw=0)
    for row, value in enumerate(values.values()):
        axes.plot([value, value], [row - 0.31, row + 0.31], color=ACCENT, lw=2, solid_capstyle="butt")
        axes.text(1.02 * top if of else 1.06 * top, row, f"{value:.0f}", va="center", color=INK)
    axes.set_xlim(0, 1.04 * top if of is None else of)
    _rows(axes, list(values))


def _rows(axes: Axes, names: Sequence[str]) -> None:
    """Names beside their rows, every line of a long one by itself: the browser's font ends elsewhere than measured."""
    axes.set_yticks(range(len(names)), ["" if "\n" in name else name for name in names])
    for row, name in enumerate(names):
        lines = name.split("\n")
        for place, line in enumerate(lines if len(lines) > 1 else ()):
            axes.annotate(
                line, (0, row), (-3.5, 9.6 * ((len(lines) - 1) / 2 - place)), xycoords=("axes fraction", "data"),
                textcoords="offset points", ha="right", va="center", color=INK, annotation_clip=False,
            )  # fmt: skip
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)


def _inside(axes: Axes, value: float) -> bool:
    low, high = axes.get_xlim()
    return bool(low <= value <= high)
