"""`Disturbance`, and `Group`: disturbances that share their thresholds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotone.audio.read import Samples

Sound = NDArray[np.float64]
Change = Callable[[Sound, int, np.random.Generator], Sound]


@dataclass(frozen=True)
class Disturbance:
    """One change, with random parameters for every clip.

    Attributes:
        name: as the stress test lists it.
        about: what it does, in a sentence.
        change: ((samples,), rate_hz, random generator) -> (samples,), possibly of another length.
    """

    name: str
    about: str
    change: Change

    def __call__(self, samples: Samples, rate_hz: int, rng: np.random.Generator) -> Samples:
        """(samples,) float32: a changed copy; the argument stays unchanged.

        >>> from emotone.audio.disturbances.small_changes import group
        >>> group.get("zeros after")(np.ones(2, dtype=np.float32), 16000, np.random.default_rng(0)).shape
        (1002,)
        """
        return np.asarray(self.change(samples.astype(np.float64), rate_hz, rng), dtype=np.float32)


class Group:
    """Disturbances of one kind, with the robustness that the stress test requires of each.

    Attributes:
        name: as the stress test lists it.
        about: what it tests, in a sentence.
        least_unchanged: smallest share of clips whose predicted emotion must stay the same, 0 .. 1.
        least_uar_change: smallest UAR under the disturbance minus UAR without; None if there is no such threshold.
        disturbances: in the order of their definition.
    """

    def __init__(self, name: str, about: str, *, least_unchanged: float, least_uar_change: float | None = None) -> None:
        self.name, self.about = name, about
        self.least_unchanged, self.least_uar_change = least_unchanged, least_uar_change
        self.disturbances: list[Disturbance] = []

    def disturbance(self, change: Change) -> Change:
        """Add a function to the group: its name becomes the disturbance's name, its docstring the description."""
        about = " ".join((change.__doc__ or "").split("\n\n")[0].split())
        self.disturbances.append(Disturbance(change.__name__.replace("_", " "), about, change))
        return change

    def get(self, name: str) -> Disturbance:
        """The disturbance of this name."""
        return next(entry for entry in self.disturbances if entry.name == name)
