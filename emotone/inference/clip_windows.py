"""The stretches of a clip that a network hears: cut out beforehand, clips of any length are heard together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Values = NDArray[np.float32]


class ClipWindows(BaseModel):
    """Windows of one length, evenly from a clip's beginning to its end; a single one is its middle.

    A shorter clip lies in its window at its beginning to its end, or in its middle, what is usual around it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int = Field(ge=1, description="Windows of a clip.")
    frames: int = Field(ge=1, description="Of each.")
    usual: tuple[float, ...] = Field(description="(dims,) what fills a window that the clip does not: its network's 0.")

    def of(self, values: Values) -> Values:
        """(count * frames, dims), window after window: what the network hears of the clip, and of this array, too.

        Args:
            values: (frames, dims) of the clip.

        >>> heard = ClipWindows(count=2, frames=3, usual=(9.0,))
        >>> heard.of(np.float32([[0], [1], [2], [3]])).ravel().tolist()
        [0.0, 1.0, 2.0, 1.0, 2.0, 3.0]
        >>> heard.of(np.float32([[0]])).ravel().tolist()
        [0.0, 9.0, 9.0, 9.0, 9.0, 0.0]
        """
        length = len(values)
        places = np.linspace(0, 1, self.count) if self.count > 1 else np.array([0.5])
        windows = np.empty((self.count, self.frames, values.shape[1]), dtype=np.float32)
        if length < self.frames:
            windows[:] = self.usual
        for window, start in zip(windows, np.round((length - self.frames) * places).astype(int).tolist(), strict=True):
            first, end = max(start, 0), min(start + self.frames, length)
            window[first - start : end - start] = values[first:end]
        return windows.reshape(-1, values.shape[1])
