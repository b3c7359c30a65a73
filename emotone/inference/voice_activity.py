"""Probability of speech over time, by silero's voice activity detector (MIT), block by block."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from emotone.audio.read import RATE_HZ, Samples
from emotone.inference.onnx_file import open_session

WINDOW = 512
"""Samples of a window at 16 kHz: 32 ms."""
WINDOW_S = WINDOW / RATE_HZ
_CONTEXT = 64  # samples before a window that the detector sees, too
_FILE = Path(__file__).parent / "weights" / "silero_vad_16k_sequence.onnx"


class VoiceActivity:
    """The detector on one stream at 16 kHz. Blocks of any size give the same probabilities.

    >>> detector = VoiceActivity()
    >>> noise = np.random.default_rng(0).normal(scale=0.1, size=16_000).astype(np.float32)
    >>> detector.feed(noise).size, detector.finish().size
    (31, 1)
    """

    def __init__(self) -> None:
        self._rest = np.zeros(_CONTEXT, dtype=np.float32)
        self._state = [np.zeros((1, 1, 128), dtype=np.float32)] * 2

    def feed(self, samples: Samples) -> NDArray[np.float32]:
        """(windows,) probabilities, 0 .. 1, of the windows that are complete by now; each window once."""
        self._rest = np.concatenate([self._rest, samples])
        count = (self._rest.size - _CONTEXT) // WINDOW
        if not count:
            return np.zeros(0, dtype=np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(self._rest, _CONTEXT + WINDOW)[: count * WINDOW : WINDOW]
        feed = {"input": np.ascontiguousarray(windows), "h": self._state[0], "c": self._state[1]}
        found, *self._state = _session().run(["speech_probs", "hn", "cn"], feed)
        self._rest = self._rest[count * WINDOW :]
        return np.asarray(found)

    def finish(self) -> NDArray[np.float32]:
        """(1,) probability of the last window, filled with zeros; (0,) if no sample is left."""
        left = self._rest.size - _CONTEXT
        return self.feed(np.zeros(WINDOW - left, dtype=np.float32)) if left else np.zeros(0, dtype=np.float32)


@lru_cache(maxsize=1)
def _session() -> onnxruntime.InferenceSession:
    return open_session(_FILE, threads=1)
