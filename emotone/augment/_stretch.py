"""Speed and pitch changed independently, by a phase vocoder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stretch(
    samples: NDArray[np.float32], rate_hz: int, *, speed: float = 1.0, semitones: float = 0.0
) -> NDArray[np.float32]:
    """(samples / speed,) the clip at this speed, shifted by this many semitones."""
    import python_stretch

    vocoder = python_stretch.Signalsmith.Stretch()
    vocoder.preset(1, rate_hz)
    vocoder.setTimeFactor(speed)
    vocoder.setTransposeSemitones(semitones)
    return np.asarray(vocoder.process(samples[np.newaxis])[0], dtype=np.float32)
