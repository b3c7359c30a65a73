"""Risk-coverage curve: the error rate among the answered clips, as unsure ones are left unanswered."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from emotone.reports.charts.drawing import ACCENT, WIDTH_IN, figure_in_page_colours, svg


def risk_coverage_curve(confidence: ArrayLike, correct: ArrayLike, *, name: str = "risk") -> str:
    """SVG: error rate among the clips that are answered, against their share; the most confident come first.

    Args:
        confidence: (clips,) probability of the predicted label, 0 .. 1.
        correct: (clips,) whether the prediction was right.
    """
    order = np.argsort(-np.asarray(confidence, dtype=float), kind="stable")
    wrong = 1 - np.asarray(correct, dtype=float)[order]
    answered = np.arange(1, wrong.size + 1)
    first = max(1, wrong.size // 50)  # the risk of a few clips is noise
    with figure_in_page_colours(WIDTH_IN, 3.0) as figure:
        axes = figure.subplots()
        risk = 100 * np.cumsum(wrong) / answered
        axes.plot(100 * answered[first:] / wrong.size, risk[first:], color=ACCENT, lw=1.4)
        axes.set_xlim(0, 100)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("answered, %")
        axes.set_ylabel("error rate among them, %")
        axes.grid()
        return svg(
            figure, name, "Risk-coverage curve: error rate among the answered clips against the share of clips answered"
        )
