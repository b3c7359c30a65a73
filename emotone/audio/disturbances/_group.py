"""A disturbance, and the group of those that are judged alike."""

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
    """One change, drawn anew for every clip.

    Attributes:
        name: what people call it.
        about: what it does, in a sentence.
        change: ((samples,), rate_hz, its own source of chance) -> (samples,), perhaps of another length.
    """

    name: str
    about: str
    change: Change

    def __call__(self, samples: Samples, rate_hz: int, rng: np.random.Generator) -> Samples:
        """(samples,) float32: a changed copy; what came is left as it is.

        >>> from emotone.audio.disturbances.small_changes import group
        >>> group.get("zeros after")(np.ones(2, dtype=np.float32), 16000, np.random.default_rng(0)).shape
        (1002,)
        """
        return np.asarray(self.change(samples.astype(np.float64), rate_hz, rng), dtype=np.float32)


class Group:
    """Disturbances of one kind, and what each of them must leave.

    Attributes:
        name: what people call it.
        about: what it tries, in a sentence.
        least_unchanged: share of clips of which the same is heard as before, 0 .. 1.
        least_uar_change: UAR under the disturbance minus UAR without; None where that is not judged.
        disturbances: in the order in which they are written.
    """

    def __init__(self, name: str, about: str, *, least_unchanged: float, least_uar_change: float | None = None) -> None:
        self.name, self.about = name, about
        self.least_unchanged, self.least_uar_change = least_unchanged, least_uar_change
        self.disturbances: list[Disturbance] = []

    def disturbance(self, change: Change) -> Change:
        """Put a function into the group: its name is the disturbance's name, its docstring says what it does."""
        about = " ".join((change.__doc__ or "").split("\n\n")[0].split())
        self.disturbances.append(Disturbance(change.__name__.replace("_", " "), about, change))
        return change

    def get(self, name: str) -> Disturbance:
        """The disturbance of this name."""
        return next(one for one in self.disturbances if one.name == name)
