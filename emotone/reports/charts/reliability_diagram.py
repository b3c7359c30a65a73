"""Reliability diagram: accuracy against confidence, and how many clips have which confidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from emotone.errors import LengthMismatch
from emotone.reports.charts.drawing import ACCENT, MUTED, WIDTH_IN, figure_in_page_colours, svg


def reliability_diagram(confidence: ArrayLike, correct: ArrayLike, *, bins: int = 10, name: str = "reliability") -> str:
    """SVG: accuracy per confidence bin; a calibrated model lies on the diagonal.

    Args:
        confidence: (clips,) probability of the predicted label, 0 .. 1.
        correct: (clips,) whether the prediction was right.

    Raises:
        LengthMismatch: the two differ in length.
    """
    confidences, hits = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=float)
    if confidences.size != hits.size:
        raise LengthMismatch("confidence", confidences.size, "correct", hits.size)
    of_bin = np.minimum((confidences * bins).astype(int), bins - 1)
    counts = np.bincount(of_bin, minlength=bins)
    filled = counts > 0
    x = 100 * np.bincount(of_bin, confidences, bins)[filled] / counts[filled]
    y = 100 * np.bincount(of_bin, hits, bins)[filled] / counts[filled]
    with figure_in_page_colours(WIDTH_IN, 3.4) as figure:
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        axes.plot([0, 100], [0, 100], ":", color=MUTED, lw=1, label="perfect calibration")
        axes.plot(x, y, "-o", color=ACCENT, ms=5, lw=1.4, label="this model", clip_on=False)
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 100)
        axes.set_ylabel("accuracy, %")
        axes.grid()
        below.bar(100 * (np.arange(bins) + 0.5) / bins, counts, width=88 / bins, color=MUTED)
        below.set_ylabel("clips")
        below.set_xlabel("confidence, %")
        figure.legend(loc="outside upper left", ncols=2)
        return svg(figure, name, "Reliability diagram: accuracy of the predictions against their confidence")
