"""Embedding map: the same 2-d map once per group, its clips highlighted by shape, not by colour alone."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_WIDTH, _COLUMNS, _GAP, _TITLE, _LEGEND = 331.0, 3, 10.0, 13.0, 16.0  # points: 4.6 inches, as other charts
_SIDE = (_WIDTH - (_COLUMNS - 1) * _GAP) / _COLUMNS
_MARGIN = 4.0  # inside of each map
_INSIDE = _SIDE - 2 * _MARGIN
_LOWEST = 0.5  # least height of a map, relative to its width
_STYLES = {
    "other": "stroke: var(--muted); stroke-opacity: 0.42; stroke-width: 1.6; stroke-linecap: round; fill: none",
    "training": "stroke: var(--ink); stroke-width: 2.3; stroke-linecap: round; fill: none",
    "test": "fill: var(--accent); stroke: var(--surface); stroke-width: 0.5",
    "frame": "fill: none; stroke: var(--line); stroke-width: 0.8",
}


def embedding_map(
    x: ArrayLike,
    y: ArrayLike,
    tested: ArrayLike,
    members: Mapping[str, ArrayLike],
    *,
    alt_text: str,
    name: str = "maps",
) -> str:
    """SVG: the same map once per group: its test clips are triangles, its training clips dots, all other clips faint.

    Args:
        x, y: (clips,) coordinates, 0 .. 1.
        tested: (clips,) true for test clips.
        members: name of the group -> (clips,) true for its clips.
        alt_text: what a screen reader reads out before the groups.
        name: prefix of every id, so that two pictures in one page share none.
    """
    up = np.asarray(y, dtype=float)
    top, tall = (up.max(), max(np.ptp(up), _LOWEST)) if up.size else (1.0, 1.0)  # no taller than its points need
    across = _MARGIN + _INSIDE * np.stack([np.asarray(x, dtype=float), top - up], axis=1)
    is_test, side = np.asarray(tested, dtype=bool), 2 * _MARGIN + _INSIDE * tall
    height = _LEGEND + -(-len(members) // _COLUMNS) * (side + _TITLE + _GAP)
    parts = [f'<defs><path id="{name}-all" d="{_dots(across)}" style="{_STYLES["other"]}"/></defs>', _legend()]
    numbers = []
    for place, (group, mask) in enumerate(members.items()):
        chosen = np.asarray(mask, dtype=bool)
        row, column = divmod(place, _COLUMNS)
        count = f"{int((chosen & is_test).sum())} of {int(chosen.sum())} in test"
        numbers.append(f"{group} {count}")
        parts += [
            f'<g transform="translate({column * (_SIDE + _GAP):.1f} {_LEGEND + row * (side + _TITLE + _GAP):.1f})">',
            _text(0, _TITLE - 4, _short(group), 8, "var(--ink)"),
            _text(_SIDE, _TITLE - 4, count, 6.5, "var(--muted)", end=True),
            f'<g transform="translate(0 {_TITLE})">',
            f'<path d="M0 0H{_SIDE:.1f}V{side:.1f}H0Z" style="{_STYLES["frame"]}"/>',
            f'<use href="#{name}-all"/>',
            f'<path d="{_dots(across[chosen & ~is_test])}" style="{_STYLES["training"]}"/>',
            f'<path d="{_triangles(across[chosen & is_test])}" style="{_STYLES["test"]}"/>',
            "</g></g>",
        ]
    label = html.escape(f"{alt_text}: {', '.join(numbers)}")
    size = f'viewBox="0 0 {_WIDTH:g} {height:.1f}"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} aria-label="{label}">'
    return "".join([opening, *parts, "</svg>"])


def _legend() -> str:
    y = 6.0
    return (
        f'<path d="{_dots(np.array([[3, y]]))}" style="{_STYLES["training"]}"/>'
        + _text(9, y + 2.6, "training clips", 8, "var(--ink)")
        + f'<path d="{_triangles(np.array([[70, y]]))}" style="{_STYLES["test"]}"/>'
        + _text(76, y + 2.6, "test clips", 8, "var(--ink)")
        + f'<path d="{_dots(np.array([[120, y]]))}" style="{_STYLES["other"]}"/>'
        + _text(126, y + 2.6, "all other clips", 8, "var(--ink)")
    )


def _dots(at: NDArray[np.float64]) -> str:
    """Zero-length strokes with round ends: dots, at a third of the bytes of circles."""
    return "".join(f"M{x:.1f} {y:.1f}h0" for x, y in at.tolist())


def _triangles(at: NDArray[np.float64]) -> str:
    return "".join(f"M{x:.1f} {y - 2.6:.1f}l2.6 4.6h-5.2z" for x, y in at.tolist())


def _text(x: float, y: float, text: str, size: float, colour: str, *, end: bool = False) -> str:
    style = f"font-size: {size:g}px; fill: {colour}{'; text-anchor: end' if end else ''}"
    return f'<text x="{x:.1f}" y="{y:.1f}" style="{style}">{html.escape(text)}</text>'


def _short(name: str, most: int = 14) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def most_tested(groups: Sequence[str], tested: Sequence[bool], most: int) -> list[str]:
    """The groups with the most test clips, at most `most`, sorted by name.

    >>> most_tested(["a", "b", "b", "c"], [True, True, True, False], 2)
    ['a', 'b']
    """
    counts = dict.fromkeys(sorted(set(groups)), 0)
    for group, is_test in zip(groups, tested, strict=True):
        counts[group] += is_test
    return sorted(sorted((group for group in counts if counts[group]), key=lambda group: -counts[group])[:most])
