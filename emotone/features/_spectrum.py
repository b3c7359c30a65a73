"""Short-time spectra: a clip cut into frames, windowed, transformed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[np.float32]


def frames(
    samples: Array, length: int, hop: int, *, first: int = 0, centre: bool = True, pad: str = "constant"
) -> Array:
    """(frames, length) read-only view of a padded clip, one frame every `hop` samples.

    Args:
        samples: (samples,) one or more.
        length: samples per frame.
        hop: samples from one frame's start to the next.
        first: the sample at which frame 0 is.
        centre: frame t is centred on sample first + t * hop, the clip padded by half a frame at both ends; otherwise
            it starts there. A clip shorter than one frame has zeros added to its end.
        pad: what half a frame of padding holds, as in `numpy.pad`: zeros (`constant`) or the outermost sample (`edge`).

    >>> frames(np.arange(1, 6, dtype=np.float32), 4, 2).tolist()
    [[0.0, 0.0, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 0.0]]
    """
    if centre:
        samples = np.pad(samples, length // 2, mode=pad)  # type: ignore[call-overload]
    if samples.size < length:
        samples = np.pad(samples, (0, length - samples.size))
    return sliding_window_view(samples, length)[first::hop]


@lru_cache(maxsize=32)
def hann(length: int) -> Array:
    """(length,) periodic Hann window."""
    window: Array = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)
    window.flags.writeable = False
    return window


def power_spectrum(framed: Array, n_fft: int) -> Array:
    """(frames, n_fft // 2 + 1) squared magnitudes under a Hann window as long as the frames.

    Frames shorter than `n_fft` are transformed with zeros after them: a delay, which the power does not see.
    """
    spectrum = scipy.fft.rfft(framed * hann(framed.shape[1]), n=n_fft)
    power: Array = spectrum.real**2 + spectrum.imag**2
    return power
