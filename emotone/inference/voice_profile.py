"""What is kept of a speaker who was heard before: means of features, a few kB, no sound."""

from __future__ import annotations

import base64
import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotone.errors import EmotoneError, ModelError
from emotone.files import atomic_write

_FORM = 3
_NAME = re.compile(r"[\w][\w .@+-]{0,80}")


@dataclass(frozen=True)
class Voice:
    """A speaker as a model knows him or her.

    Attributes:
        model: by what the model is known whose features these are.
        seconds: of speech that were heard.
        means: for each input of the model that is adapted, (dims,) the mean of its features; for each part whose scores
            are centred, (classes,) their mean.
        emotions: (classes,) mean probabilities of what was heard.
        variety: how much they differed from clip to clip, to see whether it was all of one emotion.
        sides: (corpora,) to what share it sounded of each that the model tells apart.
    """

    model: str
    seconds: float
    means: dict[str, NDArray[np.float32]]
    emotions: NDArray[np.float32]
    variety: float
    sides: NDArray[np.float32]

    def of_model(self, number: int) -> Voice:
        """What one model of an ensemble needs of it: `means` under the names by which it asks."""
        prefix = f"{number}/"
        own = {name.removeprefix(prefix): mean for name, mean in self.means.items() if name.startswith(prefix)}
        return replace(self, means=own)

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write it; readable again by `from_json`."""
        content = {
            "form": _FORM,
            "model": self.model,
            "seconds": round(self.seconds, 2),
            "emotions": self.emotions.tolist(),
            "variety": round(self.variety, 4),
            "sides": self.sides.tolist(),
            "means": {
                name: base64.b64encode(mean.astype("<f4").tobytes()).decode("ascii")
                for name, mean in self.means.items()
            },
        }
        with atomic_write(Path(path)) as temporary:
            temporary.write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> Voice:
        """What `to_json` wrote.

        Raises:
            ModelError: no such file, or no voice in it.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            if content["form"] != _FORM:
                raise ModelError(
                    f"{path}: a voice of form {content['form']}, this emotone reads {_FORM}; enrol it again"
                )
            means = {
                name: np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4").astype(np.float32)
                for name, text in content["means"].items()
            }
            emotions, sides = (np.array(content[name], np.float32) for name in ("emotions", "sides"))
            seconds, varied = float(content["seconds"]), float(content["variety"])
            return cls(str(content["model"]), seconds, means, emotions, varied, sides)
        except FileNotFoundError as problem:
            raise ModelError(f"no voice at {path}; `emotone enrol NAME FILES...` keeps one") from problem
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as problem:
            raise ModelError(f"{path}: not a voice that emotone kept ({problem}); enrol it again") from problem


def folder() -> Path:
    """Where voices are kept: `$EMOTONE_VOICES`, or the user's data folder."""
    if given := os.environ.get("EMOTONE_VOICES"):
        return Path(given)
    return Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share")) / "emotone" / "voices"


def path_of(name: str) -> Path:
    """The file of a kept voice.

    Raises:
        EmotoneError: the name could lead out of the folder.
    """
    if not _NAME.fullmatch(name) or ".." in name:
        raise EmotoneError(f"{name!r} is no name for a voice; take letters, digits, spaces and . @ + - _")
    return folder() / f"{name}.json"


def names() -> list[str]:
    """The voices that are kept."""
    return sorted(path.stem for path in folder().glob("*.json"))
