"""Spectrogram pictures: the input of image networks."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emotone.features import Values
from emotone.features._colours import ColourMap, colour_table
from emotone.features._mel import MelFeature

Pixels = NDArray[np.uint8]


class SpectrogramImage(MelFeature):
    """(3, size, size) coloured dB mel spectrogram, 0 .. 1: time to the right, low frequencies at the bottom.

    Decibels are scaled to 0 .. 1 between the clip's softest and loudest value, resized with a triangle filter, rounded
    to 256 levels and coloured. All numbers are multiples of 1 / 255, so that a file holds them exactly.

    >>> picture = SpectrogramImage(size=32).extract(np.ones(4000, dtype=np.float32), 16000)
    >>> picture.shape, float(picture.min()) >= 0, float(picture.max()) <= 1
    ((3, 32, 32), True, True)
    """

    kind = "image"

    ref: Literal["one", "max"] = Field("max", description="Reference of 0 dB; both give the same picture.")
    size: int = Field(128, ge=8, description="Width and height in pixels.")
    colours: ColourMap = Field("magma", description="Colour of each level, soft to loud.")

    def extract(self, samples: Values, rate_hz: int) -> Values:
        return from_pixels(self.pixels(samples, rate_hz))

    def pixels(self, samples: Values, rate_hz: int) -> Pixels:
        """(size, size, 3) red, green and blue, 0 .. 255, as in a picture file."""
        loudness = self.normalised(self.log_mel_spectrogram(samples, rate_hz)).T[::-1].astype(np.float64)
        low, high = loudness.min(), loudness.max()
        scaled = (loudness - low) / (high - low) if high > low else np.zeros_like(loudness)
        sized = _resizing(scaled.shape[0], self.size) @ scaled @ _resizing(scaled.shape[1], self.size).T
        levels = np.rint(255 * sized.clip(0, 1)).astype(np.uint8)
        return np.asarray(colour_table(self.colours)[levels])


def from_pixels(pixels: Pixels) -> Values:
    """(3, height, width) 0 .. 1 of (height, width, 3) bytes.

    >>> from_pixels(np.full((1, 1, 3), 255, dtype=np.uint8)).tolist()
    [[[1.0]], [[1.0]], [[1.0]]]
    """
    return np.asarray(np.ascontiguousarray(pixels.transpose(2, 0, 1)) / np.float32(255), dtype=np.float32)


def to_pixels(image: Values) -> Pixels:
    """(height, width, 3) bytes of (3, height, width) 0 .. 1; `from_pixels` is its exact inverse."""
    return np.asarray(np.rint(255 * image.transpose(1, 2, 0)), dtype=np.uint8)


@lru_cache(maxsize=256)
def _resizing(before: int, after: int) -> NDArray[np.float64]:
    """(after, before) weights of a triangle filter, as wide as a pixel of the coarser side; each row sums to one.

    When enlarging, this is linear interpolation; when shrinking, every old pixel contributes to the new ones.
    """
    scale = before / after
    centres = (np.arange(after) + 0.5) * scale
    distance = np.abs(centres[:, None] - (np.arange(before) + 0.5))
    weights = np.maximum(0.0, 1 - distance / max(scale, 1.0))
    resizing: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    resizing.flags.writeable = False
    return resizing
