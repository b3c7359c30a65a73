"""Learning curves: loss and development UAR per epoch, a thin line per fold and a thick one for their mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emotone.reports.charts.drawing import ACCENT, MUTED, WIDTH_IN, figure_in_page_colours, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def loss_curves(epochs: Sequence[Mapping[str, Any]], *, name: str = "losses") -> str:
    """SVG: training loss and development loss per epoch.

    Args:
        epochs: each with fold, epoch, train_loss, development_loss; rows of one fold are adjacent.
    """
    with figure_in_page_colours(WIDTH_IN, 2.9) as figure:
        axes = figure.subplots()
        _fold_lines(axes, epochs, "train_loss", MUTED, "--", "training")
        _fold_lines(axes, epochs, "development_loss", ACCENT, "-", "development")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("epoch")
        axes.locator_params(axis="x", integer=True)
        axes.set_ylabel("loss")
        axes.grid(axis="y")
        figure.legend(loc="outside upper left", ncols=2)
        return svg(figure, name, "Learning curves: training loss and development loss per epoch")


def uar_curves(epochs: Sequence[Mapping[str, Any]], *, name: str = "uars") -> str:
    """SVG: development UAR per epoch.

    Args:
        epochs: each with fold, epoch, development_uar; rows of one fold are adjacent.
    """
    with figure_in_page_colours(WIDTH_IN, 2.9) as figure:
        axes = figure.subplots()
        _fold_lines(axes, epochs, "development_uar", ACCENT, "-", "development", scale=100)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("epoch")
        axes.locator_params(axis="x", integer=True)
        axes.set_ylabel("UAR, %")
        axes.grid(axis="y")
        figure.legend(loc="outside upper left")
        return svg(figure, name, "Learning curves: development UAR per epoch")


def _fold_lines(
    axes: Axes,
    epochs: Sequence[Mapping[str, Any]],
    column: str,
    colour: str,
    style: str,
    label: str,
    scale: float = 1.0,
) -> None:
    """A thin line per fold and a thick one for their mean, up to the last epoch that every fold has."""
    folds = [list(rows) for _, rows in groupby(epochs, key=lambda row: row["fold"])]
    for fold in folds:
        axes.plot(_column(fold, "epoch"), scale * _column(fold, column), style, color=colour, lw=0.7, alpha=0.35)
    shared = min(map(len, folds), default=0)
    if shared:
        mean = np.mean([_column(fold[:shared], column) for fold in folds], axis=0)
        axes.plot(_column(folds[0][:shared], "epoch"), scale * mean, style, color=colour, lw=1.8, label=label)


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.float64]:
    return np.array([row[name] for row in rows], dtype=np.float64)
