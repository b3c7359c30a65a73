"""Log-mel spectrogram: how much energy each mel band holds over time."""

from __future__ import annotations

from emotone.features import Values
from emotone.features._mel import MelFeature


class LogMel(MelFeature):
    """(frames, mels) logarithmic mel spectrogram; equal to librosa's within 1e-4.

    >>> import numpy as np
    >>> LogMel(mels=40, hop=160).extract(np.ones(1600, dtype=np.float32), 16000).shape
    (11, 40)
    """

    kind = "sequence"

    def extract(self, samples: Values, rate_hz: int) -> Values:
        return self.normalised(self.log_mel_spectrogram(samples, rate_hz))

    @property
    def names(self) -> list[str]:
        return [f"mel_{band}" for band in range(self.mels)]
