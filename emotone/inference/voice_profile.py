"""Voice profile of an enrolled speaker: means of features or embeddings, a few kB, no audio."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.inference.profile_files import Arrays, ProfileFiles, as_text, from_text, of_model

FILES = ProfileFiles("voice", "speaker", "emotone enrol NAME FILES...", "EMOTONE_VOICES", form=4)
folder, path_of = FILES.folder, FILES.path_of


@dataclass(frozen=True)
class Voice:
    """What a model knows about an enrolled speaker.

    Attributes:
        model: identity of the model that computed the means.
        seconds: of speech.
        means: `NUMBER/embedding` of each model of an ensemble that can be adapted -> (dims,) mean over the clips.
        emotions: (classes,) mean probabilities of the speech.
    """

    model: str
    seconds: float
    means: Arrays
    emotions: NDArray[np.float32]

    def of_model(self, number: int) -> Voice:
        """The profile for one model of an ensemble: `means` without its number in their names."""
        return replace(self, means=of_model(self.means, number))

    def joined(self, other: Voice) -> Voice:
        """The profile from the speech of both, of the same speaker and model; each counts by its length."""
        seconds = self.seconds + other.seconds
        own = self.seconds / seconds if seconds else 0.5
        means = {name: own * mean + (1 - own) * other.means[name] for name, mean in self.means.items()}
        return replace(self, seconds=seconds, means=means, emotions=own * self.emotions + (1 - own) * other.emotions)

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write the profile for `from_json`."""
        content = {
            "model": self.model,
            "seconds": round(self.seconds, 2),
            "emotions": self.emotions.tolist(),
            "means": as_text(self.means),
        }
        FILES.write(path, content)

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> Voice:
        """The profile that `to_json` wrote.

        Raises:
            ModelError: no such file, or it holds no voice profile.
        """
        return FILES.read(path, cls._parsed)

    @classmethod
    def _parsed(cls, content: dict[str, Any]) -> Voice:
        emotions, seconds = np.array(content["emotions"], np.float32), float(content["seconds"])
        return cls(str(content["model"]), seconds, from_text(content["means"]), emotions)
