"""Delta features: derivatives over time from a polynomial fitted to the neighbourhood of each frame."""

from __future__ import annotations

from typing import Literal

import numpy as np

from emotone.features import Values


def delta(values: Values, width: int = 9, order: Literal[1, 2] | int = 1) -> Values:
    """(frames, dims) first or second derivative per frame, of the polynomial of that order fitted to `width` frames.

    Frames near an end share the fit of the nearest complete neighbourhood. A clip of fewer than `width` frames is
    first extended by repeating its outermost frames.

    Source: Savitzky & Golay, Analytical Chemistry 36(8), 1964; as librosa's `delta`.

    >>> delta(np.arange(12, dtype=np.float32)[:, None])[:, 0].round(5).tolist() == [1.0] * 12
    True
    """
    half = width // 2
    place = np.arange(-half, half + 1, dtype=np.float64)
    if order == 1:
        kernel = place / np.sum(place**2)
    else:
        centred = place**2 - np.mean(place**2)
        kernel = 2 * centred / np.sum(centred**2)
    missing = max(0, width - len(values))
    before = missing // 2
    longer = np.pad(values, ((before, missing - before), (0, 0)), mode="edge")
    whole = len(longer) - width + 1
    slopes = sum(np.float32(weight) * longer[shift : shift + whole] for shift, weight in enumerate(kernel))
    if missing:
        return np.repeat(np.asarray(slopes), len(values), axis=0)
    return np.pad(np.asarray(slopes), ((half, half), (0, 0)), mode="edge")
