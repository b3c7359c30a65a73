"""What a model heard in one clip, as panels that share the clip's time; and features that speak for or against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emotone.features._colours import colour_table
from emotone.reports.charts.drawing import ACCENT, AGAINST, FOR, INK, MUTED, figure_in_page_colours, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_WIDTH_IN = 4.6
_FOR_RGB, _AGAINST_RGB = (0xCF, 0x6F, 0x1A), (0x3D, 0x84, 0xC6)  # --for and --against of style.css

_HEARD = "what it heard, Hz (log-mel)"
_PARTS = "orange speaks for {label}, blue against it"
_SEEN = "Grad-CAM: where the last convolution saw {label}"


@dataclass(frozen=True)
class Map:
    """Numbers over time: (rows, columns), the first row at the bottom, and what stands beside some rows."""

    values: Floats
    rows: Mapping[float, str] = field(default_factory=dict)


def over_time(
    spectrogram: Map,
    course: Floats,
    *,
    end_s: float,
    sound_s: tuple[float, float],
    label: str,
    parts: Map | None = None,
    seen: Map | None = None,
    attention: tuple[Floats, Floats] | None = None,
    name: str = "over_time",
) -> str:
    """SVG: a spectrogram, and under it when something spoke for a label and where attention lay.

    Args:
        spectrogram: dB.
        course: (columns,) what each stretch of the clip adds to the score; may be empty.
        end_s: where the clip ends; it begins at 0.
        sound_s: what of it is sound; the rest are zeros that were added.
        label: what spoke is for or against.
        parts: what each cell adds to the score.
        seen: 0 .. 1, how much each cell spoke for the label, by another method.
        attention: (places + 1,) edges in seconds, (places,) weights that sum to one.
    """
    panels: list[tuple[float, Callable[[Axes], None]]] = []  # height in inches, and what is drawn
    panels.append((1.5, lambda axes: _raster(axes, _loudness(spectrogram.values), spectrogram.rows, end_s, _HEARD)))
    if parts is not None:
        title = _PARTS.format(label=label)
        panels.append((1.5, lambda axes: _raster(axes, _for_and_against(parts.values), parts.rows, end_s, title)))
    if course.size:
        panels.append((1.0, lambda axes: _bars(axes, course, end_s)))
    if seen is not None:
        above = _SEEN.format(label=label)
        panels.append((1.5, lambda axes: _raster(axes, _for_and_against(seen.values), seen.rows, end_s, above)))
    if attention is not None:
        panels.append((0.8, lambda axes: _steps(axes, *attention)))
    heights = [height for height, _ in panels]
    with figure_in_page_colours(_WIDTH_IN, 0.5 + sum(heights)) as figure:
        every = figure.subplots(len(panels), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
        for axes, (_, draw) in zip(every, panels, strict=True):
            draw(axes)
            for edge_s in sound_s:
                if 0.005 < edge_s < end_s - 0.005:
                    axes.axvline(edge_s, color=INK if axes is not every[0] else "white", lw=0.9, ls=(0, (2, 2)))
        every[-1].set_xlim(0, end_s)
        every[-1].set_xlabel("seconds of what the model heard")
        return svg(figure, name, _told(course, end_s, label, attention))


def for_and_against(adds: Sequence[tuple[str, float]], label: str, *, name: str) -> str:
    """SVG: a bar per name, to the right where it speaks for a label, to the left where it speaks against it.

    Args:
        adds: name and what it adds to the score, the first on top.
    """
    lines = max((text.count("\n") + 1 for text, _ in adds), default=1)
    with figure_in_page_colours(_WIDTH_IN, 0.55 + (0.12 + 0.16 * lines) * len(adds)) as figure:
        axes = figure.subplots()
        reach = max((abs(value) for _, value in adds), default=1.0) or 1.0
        for row, (_, value) in enumerate(adds):
            axes.barh(row, value, height=0.6, color=FOR if value > 0 else AGAINST, lw=0)
            side = 1 if value > 0 else -1
            number = f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
            axes.text(
                value + 0.03 * side * reach, row, number, va="center", ha="left" if value > 0 else "right", color=INK
            )
        axes.axvline(0, color=MUTED, lw=0.8)
        axes.set_xlim(-1.32 * reach, 1.32 * reach)
        axes.set_ylim(len(adds) - 0.4, -0.6)
        axes.set_yticks(range(len(adds)), [text for text, _ in adds])
        axes.tick_params(axis="y", labelcolor=INK)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"against {label}  \N{LEFTWARDS ARROW}   adds to the score   \N{RIGHTWARDS ARROW}  for {label}")
        told = ", ".join(f"{' '.join(text.split())} {value:+.2f}" for text, value in adds)
        return svg(figure, name, f"What speaks for {label}, and against it: {told}")


def confidences(scores: Mapping[str, float], *, name: str = "confidences") -> str:
    """SVG: a bar per label, the surest on top, with its probability in percent behind it.

    Args:
        scores: label -> 0 .. 1.
    """
    order = sorted(scores.items(), key=lambda item: -item[1])
    with figure_in_page_colours(3.6, 0.3 + 0.24 * len(order)) as figure:
        axes = figure.subplots()
        shares = [100 * share for _, share in order]
        axes.barh(range(len(order)), shares, height=0.6, color=ACCENT, lw=0)
        for row, share in enumerate(shares):
            axes.text(share + 1.5, row, f"{share:.1f}", va="center", color=INK)
        axes.set_xlim(0, 112)
        axes.set_ylim(len(order) - 0.4, -0.6)
        axes.set_yticks(range(len(order)), [label for label, _ in order])
        axes.tick_params(axis="y", labelcolor=INK)
        axes.set_xticks([])
        axes.spines[["left", "bottom"]].set_visible(False)
        told = ", ".join(f"{label} {100 * share:.1f} %" for label, share in order)
        return svg(figure, name, f"Confidence in each emotion: {told}")


def _bars(axes: Axes, course: Floats, end_s: float) -> None:
    edges = np.linspace(0, end_s, course.size + 1)
    for part, colour in ((np.maximum(course, 0), FOR), (np.minimum(course, 0), AGAINST)):
        axes.stairs(part, edges, baseline=0, fill=True, color=colour, lw=0)
    axes.axhline(0, color=MUTED, lw=0.8)
    axes.set_title("summed over each moment: up is for, down against it")
    axes.set_yticks([0], ["0"])


def _steps(axes: Axes, edges_s: Floats, weights: Floats) -> None:
    axes.stairs(100 * weights, edges_s, baseline=0, fill=True, color=ACCENT, alpha=0.3, lw=0)
    axes.stairs(100 * weights, edges_s, baseline=None, color=ACCENT, lw=1.6)
    axes.set_ylim(bottom=0)
    axes.set_title("attention, % of the clip's")


def _raster(axes: Axes, pixels: NDArray[np.uint8], rows: Mapping[float, str], end_s: float, title: str) -> None:
    height = len(pixels)
    axes.set_title(title)
    axes.imshow(pixels, aspect="auto", origin="lower", interpolation="none", extent=(0, end_s, 0, height))
    axes.set_yticks([row + 0.5 for row in rows], list(rows.values()))
    for spine in axes.spines.values():
        spine.set_visible(False)


def _loudness(values: Floats) -> NDArray[np.uint8]:
    """(rows, columns, 3) soft is dark, loud bright; equal steps look equal."""
    low, high = values.min(), values.max()
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    return np.asarray(colour_table("magma")[np.rint(255 * scaled).astype(np.uint8)])


def _for_and_against(values: Floats) -> NDArray[np.uint8]:
    """(rows, columns, 4) a colour per sign, the less seen the less it adds: right on light pages and on dark ones."""
    most = float(np.quantile(np.abs(values), 0.995)) or float(np.abs(values).max()) or 1.0
    pixels = np.empty((*values.shape, 4), dtype=np.uint8)
    pixels[..., :3] = np.where((values > 0)[..., None], _FOR_RGB, _AGAINST_RGB)
    pixels[..., 3] = np.rint(255 * np.minimum(np.abs(values) / most, 1))
    return pixels


def _told(course: Floats, end_s: float, label: str, attention: tuple[Floats, Floats] | None) -> str:
    """The panels in words."""
    told = f"Spectrogram of {end_s:.2f} s"
    if course.size:
        middles = (np.arange(course.size) + 0.5) * end_s / course.size
        most = middles[int(np.argmax(course))]
        told += f"; most speaks for {label} at {most:.2f} s, in all {course.sum():+.2f}"
    if attention is not None:
        edges, weights = attention
        most_at = int(np.argmax(weights))
        told += f"; attention is greatest from {edges[most_at]:.2f} to {edges[most_at + 1]:.2f} s"
        told += f", {100 * weights[most_at]:.0f} %"
    return told
