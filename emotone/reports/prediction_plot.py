"""A prediction as a picture: its timeline, as .svg or .png."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotone.errors import EmotoneError
from emotone.files import atomic_write
from emotone.inference.prediction import Prediction
from emotone.reports.charts.drawing import SURFACE, figure_in_page_colours, light_colours, standing_alone
from emotone.reports.charts.emotion_timeline import WIDTH_IN, draw, emotion_timeline, height_in

KINDS = (".svg", ".png")
_DOTS_PER_INCH = 200


def check_kind(path: str | os.PathLike[str]) -> None:
    """Raise an `EmotoneError` if the name of a picture does not end with .svg or .png.

    >>> check_kind("call.svg")
    """
    if (suffix := Path(path).suffix.lower()) not in KINDS:
        raise EmotoneError(f"{os.fspath(path)}: cannot draw {suffix or 'a file without an ending'}; use .svg or .png")


def write_plot(prediction: Prediction, peaks: NDArray[np.float32], path: str | os.PathLike[str]) -> None:
    """Write the timeline of a prediction; the file is complete or absent.

    Args:
        prediction, peaks: as in `emotion_timeline`.
        path: .svg follows the light or dark mode of its viewer; .png is light, with 200 dots per inch.

    Raises:
        EmotoneError: another extension.
        MissingExtra: matplotlib is absent.
        OSError: the file cannot be written.
    """
    check_kind(path)
    place = Path(path)
    with atomic_write(place) as temporary:
        if place.suffix.lower() == ".svg":
            text = standing_alone(emotion_timeline(prediction, peaks))
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
            return
        colours = light_colours()
        with figure_in_page_colours(WIDTH_IN, height_in(prediction), colours) as figure:
            draw(figure, prediction, peaks, colours)
            figure.savefig(temporary, format="png", dpi=_DOTS_PER_INCH, transparent=False, facecolor=colours[SURFACE])
