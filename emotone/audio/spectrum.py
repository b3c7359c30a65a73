"""Short-time spectra: framing, Hann window, Fourier transform."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from emotone.audio.fourier import rfft

Array = NDArray[np.float32]
_FRAMES_AT_ONCE = 64  # small arrays stay in the cache; large ones may be allocated by the system every time


def frames(
    samples: Array, length: int, hop: int, *, first: int = 0, centre: bool = True, pad: str = "constant"
) -> Array:
    """(frames, length) read-only view of a padded clip, one frame every `hop` samples.

    Args:
        samples: (samples,) one or more.
        length: samples per frame.
        hop: samples from one frame's start to the next.
        first: the sample at which frame 0 is placed.
        centre: frame t is centred on sample first + t * hop, the clip padded by half a frame at both ends; if False,
            it starts there. A clip shorter than one frame has zeros added to its end.
        pad: content of the padding, as in `numpy.pad`: zeros (`constant`) or the outermost sample (`edge`).

    >>> frames(np.arange(1, 6, dtype=np.float32), 4, 2).tolist()
    [[0.0, 0.0, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 0.0]]
    """
    before = length // 2 if centre else 0
    size = max(samples.size + 2 * before, length)
    if size > samples.size:  # numpy's `pad` takes three times as long
        padded = np.zeros(size, dtype=samples.dtype)
        padded[before : before + samples.size] = samples
        if pad == "edge" and before:
            padded[:before], padded[before + samples.size : samples.size + 2 * before] = samples[0], samples[-1]
        samples = padded
    samples = np.ascontiguousarray(samples)[first:]
    step = samples.itemsize
    count = max(0, (samples.size - length) // hop + 1)
    # As numpy's `as_strided` gives it, in a tenth of the time.
    framed: Array = np.ndarray((count, length), samples.dtype, samples, 0, (hop * step, step))
    framed.flags.writeable = False
    return framed


@lru_cache(maxsize=32)
def hann(length: int) -> Array:
    """(length,) periodic Hann window."""
    window: Array = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)
    window.flags.writeable = False
    return window


def power_spectrum(framed: Array, n_fft: int) -> Array:
    """(frames, n_fft // 2 + 1) squared magnitudes under a Hann window as long as the frames.

    Frames shorter than `n_fft` are padded with zeros at the end, which does not change the power.
    """
    length = framed.shape[1]
    power = np.empty((len(framed), n_fft // 2 + 1), dtype=np.float32)
    windowed = np.zeros((min(len(framed), _FRAMES_AT_ONCE), n_fft), dtype=np.float32)
    for start in range(0, len(framed), _FRAMES_AT_ONCE):
        some = framed[start : start + _FRAMES_AT_ONCE]
        np.multiply(some, hann(length), out=windowed[: len(some), :length])
        parts = rfft(windowed[: len(some)]).view(np.float32)  # real, imaginary, real, ...
        np.square(parts, out=parts)
        np.add(parts[:, ::2], parts[:, 1::2], out=power[start : start + len(some)])
    return power
