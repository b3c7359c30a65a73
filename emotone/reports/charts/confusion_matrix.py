"""Confusion matrix as an HTML table, each cell shaded by its share of the row."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def confusion_matrix(counts: Sequence[Sequence[int]], classes: Sequence[str], *, caption: str, mark: str = "") -> str:
    """HTML: a row per true label, a column per predicted label; percent of the row, and clips; the diagonal is framed.

    Args:
        counts: (classes, classes) clips, `counts[truth][prediction]`.
        classes: their labels.
        caption: what a screen reader reads out before the table.
        mark: HTML after each percentage, such as the mark of scores that are not speaker-independent.
    """
    columns = "".join(f'<th scope="col">{escape(label)}</th>' for label in classes)
    rows = "".join(_row(label, counts[truth], truth, mark) for truth, label in enumerate(classes))
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">\n<table class="confusion">\n'
        f'<thead><tr><th class="axis text">true ↓ &nbsp; predicted →</th>{columns}</tr></thead>\n'
        f"<tbody>\n{rows}</tbody>\n</table>\n</div>"
    )


def _row(label: str, row: Sequence[int], truth: int, mark: str) -> str:
    total = sum(row)
    cells = "".join(_cell(clips, total, column == truth, mark) for column, clips in enumerate(row))
    return f'<tr><th scope="row">{escape(label)} <span class="range">{total}</span></th>{cells}</tr>\n'


def _cell(clips: int, total: int, right: bool, mark: str) -> str:
    if not clips:
        return f'<td class="none{" right" if right else ""}">0<small>0</small></td>'
    kind = ' class="right"' if right else ""
    percent = f"{100 * clips / total:.0f}&nbsp;%{mark}"
    return f'<td{kind} style="--share: {clips / total:.3f}">{percent}<small>{clips}</small></td>'
