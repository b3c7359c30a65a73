"""A matplotlib figure as inline SVG whose colours are the page's.

It is drawn in placeholder colours, which become CSS variables. matplotlib is used through its objects, without
pyplot, so that no global state is changed.
"""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.errors import EmotoneError, MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, LINE, ACCENT, SURFACE = "#01f1a1", "#01f1a2", "#01f1a3", "#01f1a4", "#01f1a5"
FOR, AGAINST = "#01f1a6", "#01f1a7"
WIDTH_IN = 4.6  # about a phone's width at text size; wider pages scale it up
LINE_STYLES = (
    (ACCENT, "-", "o", ACCENT),
    (INK, "--", "s", SURFACE),
    (MUTED, "-", "^", MUTED),
    (ACCENT, ":", "D", SURFACE),
    (INK, "-.", "v", INK),
    (MUTED, "--", "P", SURFACE),
)  # colour, dashes, marker, fill of the marker: distinguishable without colour too
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

_STYLE = Path(__file__).parent.parent / "templates" / "style.css"
_EDGE, _ZOOM = 6, 1.6  # margin of a standalone picture in points; its scale relative to a phone's width

Interval = Mapping[str, float | None]
"""A score: value, low, high, each 0 .. 1; low and high may be None."""


@contextmanager
def figure_in_page_colours(
    width_in: float, height_in: float, colours: Mapping[str, str] | None = None
) -> Iterator[Figure]:
    """A figure to draw on; its settings are in force until the end of the block.

    Args:
        colours: placeholder -> the colour to draw in, for a picture that stands in no page.

    Raises:
        MissingExtra: matplotlib is absent.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as problem:
        raise MissingExtra("drawing charts", "train") from problem
    settings = {name: (colours or {}).get(str(value), value) for name, value in _SETTINGS.items()}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # the browser draws the text in its own font; matplotlib only measures it, and its font has no Chinese
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield Figure(figsize=(width_in, height_in), layout="constrained")


def svg(figure: Figure, name: str, alt_text: str) -> str:
    """The figure as an inline `<svg>` element.

    Args:
        name: prefix of every id, so that two pictures in one page share none.
        alt_text: what a screen reader reads out.
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
        f' aria-label="{html.escape(alt_text)}">'
    )
    return opening + text[head.end() :].rstrip()


def standing_alone(svg: str) -> str:
    """The chart of a page with the colours, the background and a font, so that it needs no page.

    Raises:
        EmotoneError: it is no chart that `svg` made.
    """
    colours = _STYLE.read_text(encoding="utf-8").partition("* {")[0]
    style = f"<style>{' '.join(colours.split())} text {{ font-family: system-ui, sans-serif; }}</style>"
    head = re.match(r'<svg [^>]*?viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>', svg)
    if head is None:
        raise EmotoneError("not a chart that emotone drew")
    width, height = float(head[1]) + 2 * _EDGE, float(head[2]) + 2 * _EDGE
    box = f'viewBox="{-_EDGE} {-_EDGE} {width:g} {height:g}"'
    opening = re.sub(r'viewBox="[^"]*"', f'{box} width="{_ZOOM * width:.0f}" height="{_ZOOM * height:.0f}"', head[0])
    ground = f'<rect x="{-_EDGE}" y="{-_EDGE}" width="100%" height="100%" rx="6" style="fill: var(--surface)"/>'
    return opening + style + ground + svg[head.end() :] + "\n"


def light_colours() -> dict[str, str]:
    """Placeholder -> its colour in light mode, for pictures that cannot follow the mode.

    >>> light_colours()[SURFACE]
    '#ffffff'
    """
    values = dict(re.findall(r"(--[\w-]+): (#\w+);", _STYLE.read_text(encoding="utf-8").partition("@media")[0]))
    return {placeholder: values[variable] for placeholder, variable in _VARIABLES.items()}


def horizontal_bars(axes: Axes, values: Mapping[str, float], *, full_scale: float | None = None) -> None:
    """Horizontal bars, the first on top, each with its number at the right, where no interval overlaps it."""
    end = full_scale or max(values.values(), default=1) or 1
    axes.barh(range(len(values)), list(values.values()), height=0.62, color=ACCENT, alpha=0.3, lw=0)
    for row, value in enumerate(values.values()):
        axes.plot([value, value], [row - 0.31, row + 0.31], color=ACCENT, lw=2, solid_capstyle="butt")
        axes.text(1.02 * end if full_scale else 1.06 * end, row, f"{value:.0f}", va="center", color=INK)
    axes.set_xlim(0, 1.04 * end if full_scale is None else full_scale)
    row_names(axes, list(values))


def row_names(axes: Axes, names: Sequence[str]) -> None:
    """Row names as tick labels of the y-axis, the first on top.

    The lines of a long name are placed one by one: the browser's font differs in width from the measured one.
    """
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
