"""Windows of a fixed length from a clip, so that clips of any length fit in one batch."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from emotone.features import Values


class ClipWindows(BaseModel):
    """Windows of one length, evenly spaced from the start of a clip to its end; a single window is its middle.

    A clip that is shorter than a window is placed at the same relative positions, with padding around it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int = Field(ge=1, description="Windows of a clip.")
    frames: int = Field(ge=1, description="Length of a window.")
    usual: tuple[float, ...] = Field(description="(dims,) padding: the values that the network scales to 0.")

    def of(self, values: Values) -> Values:
        """(count * frames, dims), window after window. Applied to its own result, it gives the same result.

        Args:
            values: (frames, dims) feature of the clip.

        >>> windows = ClipWindows(count=2, frames=3, usual=(9.0,))
        >>> windows.of(np.float32([[0], [1], [2], [3]])).ravel().tolist()
        [0.0, 1.0, 2.0, 1.0, 2.0, 3.0]
        >>> windows.of(np.float32([[0]])).ravel().tolist()
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
