"""The waveform of a recording of any length as few numbers: lowest and highest sample of equal stretches."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from emotone.audio.blocks import open_blocks
from emotone.audio.mono import Channel, Mixer

COLUMNS = 1200
"""Stretches of a recording: about as many as a picture is wide."""


def peaks(
    path: str | os.PathLike[str], duration_s: float, *, columns: int = COLUMNS, channel: Channel = "mix"
) -> NDArray[np.float32]:
    """(columns, 2) lowest and highest sample of each stretch; decoded in blocks, so memory does not grow with length.

    Args:
        path: of a file.
        duration_s: its length; what a file holds beyond it counts with the last stretch.
        columns: number of stretches; those without a sample are 0.
        channel: as in `audio.read`; channels that cancel each other in a mix give a flat line.

    Raises:
        AudioError: not readable as sound.
    """
    with open_blocks(path) as blocks:
        total = max(1, round(duration_s * blocks.rate_hz))
        found = np.zeros((columns, 2), dtype=np.float32)
        seen = np.zeros(columns, dtype=bool)
        mixer, at = Mixer(blocks.name, channel), 0
        for block in blocks:
            samples = mixer(block)
            column = np.minimum((at + np.arange(samples.size)) * columns // total, columns - 1)
            first = np.flatnonzero(np.diff(column, prepend=-1))  # of each stretch in this block
            place = column[first]
            low, high = np.minimum.reduceat(samples, first), np.maximum.reduceat(samples, first)
            found[place, 0] = np.where(seen[place], np.minimum(found[place, 0], low), low)
            found[place, 1] = np.where(seen[place], np.maximum(found[place, 1], high), high)
            seen[place] = True
            at += samples.size
    return found
