"""Domain profile: mean embedding of the recordings of one kind (a room, a telephone line, a corpus), no audio."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.inference.profile_files import Arrays, ProfileFiles, as_text, from_text, of_model

MIN_RECORDINGS = 5
"""Fewer recordings are not accepted: their mean would depend on their speakers and emotions more than on the domain."""
FILES = ProfileFiles("domain", "domain", "emotone enrol --domain NAME FILES...", "EMOTONE_DOMAINS", form=2)
folder, path_of = FILES.folder, FILES.path_of


@dataclass(frozen=True)
class Domain:
    """What a model knows about a kind of recordings, of several speakers.

    Attributes:
        model: identity of the model that computed the embeddings.
        recordings: how many.
        means: `NUMBER/embedding` of each model of an ensemble that has one -> (dims,) mean over the recordings.
        deviations: the same, standard deviation.
        emotions: (classes,) mean probabilities of the recordings.
    """

    model: str
    recordings: int
    means: Arrays
    deviations: Arrays
    emotions: NDArray[np.float32]

    def of_model(self, number: int) -> Domain:
        """The profile for one model of an ensemble: arrays without its number in their names."""
        return replace(self, means=of_model(self.means, number), deviations=of_model(self.deviations, number))

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write the profile for `from_json`."""
        content = {
            "model": self.model,
            "recordings": self.recordings,
            "emotions": self.emotions.tolist(),
            "means": as_text(self.means),
            "deviations": as_text(self.deviations),
        }
        FILES.write(path, content)

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> Domain:
        """The profile that `to_json` wrote.

        Raises:
            ModelError: no such file, or it holds no domain profile.
        """
        return FILES.read(path, cls._parsed)

    @classmethod
    def _parsed(cls, content: dict[str, Any]) -> Domain:
        return cls(
            str(content["model"]),
            int(content["recordings"]),
            from_text(content["means"]),
            from_text(content["deviations"]),
            np.array(content["emotions"], np.float32),
        )
