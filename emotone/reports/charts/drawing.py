"""A matplotlib figure as inline SVG whose colours are the page's.

It is drawn in placeholder colours, which become CSS variables. matplotlib is used through its objects, without
pyplot, so that nothing global is left behind.
"""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING

from emotone.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, LINE, ACCENT, SURFACE = "#01f1a1", "#01f1a2", "#01f1a3", "#01f1a4", "#01f1a5"
FOR, AGAINST = "#01f1a6", "#01f1a7"
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    ACCENT: "--accent",
    SURFACE: "--surface",
    FOR: "--for",
    AGAINST: "--against",
}
_SETTINGS = {
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "font.size": 8,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "savefig.facecolor": "none",
    "savefig.transparent": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "emotone",
    "text.color": INK,
    "text.parse_math": False,  # a speaker may be called $1
    "xtick.color": LINE,
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": 8,
    "xtick.major.size": 0,
    "ytick.color": LINE,
    "ytick.labelcolor": MUTED,
    "ytick.labelsize": 8,
    "ytick.major.size": 0,
}


@contextmanager
def figure_in_page_colours(width_in: float, height_in: float) -> Iterator[Figure]:
    """A figure to draw on; its settings hold until the end of the block.

    Raises:
        MissingExtra: matplotlib is absent.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as problem:
        raise MissingExtra("drawing pictures", "train") from problem
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        # text is written by the browser, in its own font; matplotlib's lacks, say, Chinese, and only measures it
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield Figure(figsize=(width_in, height_in), layout="constrained")


def svg(figure: Figure, name: str, told: str) -> str:
    """The figure as an `<svg>` element to stand in a page.

    Args:
        name: put before every id, so that two pictures in one page do not share any.
        told: what the picture shows, for those who do not see it.
    """
    written = StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None})
    text = written.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)  # would hold for the whole page
    text = re.sub(r"font-family: [^;\"]+;? ?", "", text)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    head = re.match(r'<svg[^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>', text)
    assert head is not None  # matplotlib always writes it
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img"'
        f' viewBox="0 0 {head[1]} {head[2]}" style="stroke-linejoin: round; stroke-linecap: butt"'
        f' aria-label="{html.escape(told)}">'
    )
    return opening + text[head.end() :].rstrip()
