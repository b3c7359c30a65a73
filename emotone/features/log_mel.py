"""Log-mel spectrogram: the energy of each mel band over time."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from emotone.features import Values
from emotone.features._mel import MelFeature


class LogMel(MelFeature):
    """(frames, mels) logarithmic mel spectrogram; equal to librosa's within 1e-4.

    >>> import numpy as np
    >>> LogMel(mels=40, hop=160).extract(np.ones(1600, dtype=np.float32), 16000).shape
    (11, 40)
    """

    kind = "sequence"

    average: int = Field(1, ge=1, description="Number of frames averaged into one, after the logarithm.")

    def extract(self, samples: Values, rate_hz: int) -> Values:
        values = self.log_mel_spectrogram(samples, rate_hz)
        return self.normalised(values if self.average == 1 else averaged(values, self.average))

    @property
    def names(self) -> list[str]:
        return [f"mel_{band}" for band in range(self.mels)]


def averaged(values: Values, count: int) -> Values:
    """(frames / count, dims) means of neighbouring frames; a remainder at the end is averaged into one more.

    >>> averaged(np.array([[1.0], [3.0], [4.0]], dtype=np.float32), 2).tolist()
    [[2.0], [4.0]]
    """
    whole = len(values) // count * count
    means = values[:whole].reshape(-1, count, values.shape[1]).mean(axis=1)
    return means if whole == len(values) else np.vstack([means, values[whole:].mean(axis=0)])
