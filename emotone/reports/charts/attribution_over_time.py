"""Attribution over time: spectrogram, contributions to a score, Grad-CAM and attention on one time axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emotone.features._colours import colour_table
from emotone.reports.charts.drawing import ACCENT, AGAINST, FOR, INK, MUTED, WIDTH_IN, figure_in_page_colours, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_FOR_RGB, _AGAINST_RGB = (0xCF, 0x6F, 0x1A), (0x3D, 0x84, 0xC6)  # --for and --against of style.css

_INPUT = "log-mel spectrogram, Hz"
_CELLS = "contribution per cell: orange for {label}, blue against it"
_GRAD_CAM = "Grad-CAM of the last convolution, for {label}"


@dataclass(frozen=True)
class TimeMap:
    """Values over time, (rows, columns), the first row at the bottom, and labels of some rows."""

    values: Floats
    rows: Mapping[float, str] = field(default_factory=dict)


def attribution_over_time(
    spectrogram: TimeMap,
    contributions: Floats,
    *,
    end_s: float,
    sound_s: tuple[float, float],
    label: str,
    cells: TimeMap | None = None,
    grad_cam: TimeMap | None = None,
    attention: tuple[Floats, Floats] | None = None,
    name: str = "attribution",
) -> str:
    """SVG: a spectrogram, and under it what contributes to the score of a label, and the attention weights.

    Args:
        spectrogram: dB.
        contributions: (columns,) contribution of each stretch of the clip to the score; may be empty.
        end_s: where the clip ends; it begins at 0.
        sound_s: begin and end of the sound; the rest is zero padding.
        label: whose score is explained.
        cells: contribution of each cell of the features to the score.
        grad_cam: 0 .. 1, relevance of each cell for the label by Grad-CAM.
        attention: (places + 1,) edges in seconds, (places,) weights that sum to 1.
    """
    panels: list[tuple[float, Callable[[Axes], None]]] = []  # height in inches, and what draws it
    pixels = _loudness_colours(spectrogram.values)
    panels.append((1.5, lambda axes: _raster(axes, pixels, spectrogram.rows, end_s, _INPUT)))
    if cells is not None:
        title = _CELLS.format(label=label)
        panels.append((1.5, lambda axes: _raster(axes, _signed_colours(cells.values), cells.rows, end_s, title)))
    if contributions.size:
        panels.append((1.0, lambda axes: _contribution_bars(axes, contributions, end_s)))
    if grad_cam is not None:
        above = _GRAD_CAM.format(label=label)
        panels.append((1.5, lambda axes: _raster(axes, _signed_colours(grad_cam.values), grad_cam.rows, end_s, above)))
    if attention is not None:
        panels.append((0.8, lambda axes: _attention_steps(axes, *attention)))
    heights = [height for height, _ in panels]
    with figure_in_page_colours(WIDTH_IN, 0.5 + sum(heights)) as figure:
        panels_axes = figure.subplots(len(panels), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
        for axes, (_, draw) in zip(panels_axes, panels, strict=True):
            draw(axes)
            for edge_s in sound_s:
                if 0.005 < edge_s < end_s - 0.005:
                    axes.axvline(edge_s, color=INK if axes is not panels_axes[0] else "white", lw=0.9, ls=(0, (2, 2)))
        panels_axes[-1].set_xlim(0, end_s)
        panels_axes[-1].set_xlabel("time, s")
        return svg(figure, name, _alt_text(contributions, end_s, label, attention))


def _contribution_bars(axes: Axes, contributions: Floats, end_s: float) -> None:
    edges = np.linspace(0, end_s, contributions.size + 1)
    for part, colour in ((np.maximum(contributions, 0), FOR), (np.minimum(contributions, 0), AGAINST)):
        axes.stairs(part, edges, baseline=0, fill=True, color=colour, lw=0)
    axes.axhline(0, color=MUTED, lw=0.8)
    axes.set_title("contribution per moment: up for, down against it")
    axes.set_yticks([0], ["0"])


def _attention_steps(axes: Axes, edges_s: Floats, weights: Floats) -> None:
    axes.stairs(100 * weights, edges_s, baseline=0, fill=True, color=ACCENT, alpha=0.3, lw=0)
    axes.stairs(100 * weights, edges_s, baseline=None, color=ACCENT, lw=1.6)
    axes.set_ylim(bottom=0)
    axes.set_title("attention weight, %")


def _raster(axes: Axes, pixels: NDArray[np.uint8], rows: Mapping[float, str], end_s: float, title: str) -> None:
    height = len(pixels)
    axes.set_title(title)
    axes.imshow(pixels, aspect="auto", origin="lower", interpolation="none", extent=(0, end_s, 0, height))
    axes.set_yticks([row + 0.5 for row in rows], list(rows.values()))
    for spine in axes.spines.values():
        spine.set_visible(False)


def _loudness_colours(values: Floats) -> NDArray[np.uint8]:
    """(rows, columns, 3) quiet is dark, loud is bright; perceptually uniform."""
    low, high = values.min(), values.max()
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    return np.asarray(colour_table("magma")[np.rint(255 * scaled).astype(np.uint8)])


def _signed_colours(values: Floats) -> NDArray[np.uint8]:
    """(rows, columns, 4) a colour per sign, its opacity the size: right on light pages and on dark ones."""
    most = float(np.quantile(np.abs(values), 0.995)) or float(np.abs(values).max()) or 1.0
    pixels = np.empty((*values.shape, 4), dtype=np.uint8)
    pixels[..., :3] = np.where((values > 0)[..., None], _FOR_RGB, _AGAINST_RGB)
    pixels[..., 3] = np.rint(255 * np.minimum(np.abs(values) / most, 1))
    return pixels


def _alt_text(contributions: Floats, end_s: float, label: str, attention: tuple[Floats, Floats] | None) -> str:
    """The panels as text."""
    text = f"Spectrogram of {end_s:.2f} s"
    if contributions.size:
        middles = (np.arange(contributions.size) + 0.5) * end_s / contributions.size
        peak_s = middles[int(np.argmax(contributions))]
        text += f"; largest contribution to {label} at {peak_s:.2f} s, sum {contributions.sum():+.2f}"
    if attention is not None:
        edges, weights = attention
        peak = int(np.argmax(weights))
        text += f"; attention is greatest from {edges[peak]:.2f} to {edges[peak + 1]:.2f} s"
        text += f", {100 * weights[peak]:.0f} %"
    return text
