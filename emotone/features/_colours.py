"""Colour maps for spectrogram pictures: 256 colours each, stored as a table so that no plotting package is needed."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ColourMap = Literal["gray", "viridis", "magma", "inferno", "plasma", "jet"]

_TABLE = Path(__file__).with_name("_colours.csv")


@lru_cache(maxsize=8)
def colour_table(name: ColourMap) -> NDArray[np.uint8]:
    """(256, 3) red, green and blue of every level, 0 .. 255, dark to bright; read-only.

    Source: `_colours.csv`, the colour maps of matplotlib, most of them CC0 by S. van der Walt, N. Smith and E. Firing.

    >>> colour_table("gray")[[0, 255]].tolist()
    [[0, 0, 0], [255, 255, 255]]
    """
    with _TABLE.open(encoding="utf-8", newline="") as handle:
        rows = [list(bytes.fromhex(row[name])) for row in csv.DictReader(handle)]
    table = np.array(rows, dtype=np.uint8)
    table.flags.writeable = False
    return table
