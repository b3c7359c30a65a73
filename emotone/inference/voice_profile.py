"""Voice profile of an enrolled speaker: means of features, a few kB, no audio."""

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
    """What a model knows about an enrolled speaker.

    Attributes:
        model: identity of the model that computed the features.
        seconds: of speech.
        means: for each adapted input of the model, (dims,) the mean of its features; for each part whose scores are
            centred, (classes,) their mean.
        emotions: (classes,) mean probabilities of the speech.
        variety: how much they differ from clip to clip, see `speaker_shift.variety`.
        domains: (corpora,) mean probability that the speech belongs to each corpus.
    """

    model: str
    seconds: float
    means: dict[str, NDArray[np.float32]]
    emotions: NDArray[np.float32]
    variety: float
    domains: NDArray[np.float32]

    def of_model(self, number: int) -> Voice:
        """The profile for one model of an ensemble: `means` under the names of its inputs."""
        prefix = f"{number}/"
        means = {name.removeprefix(prefix): mean for name, mean in self.means.items() if name.startswith(prefix)}
        return replace(self, means=means)

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write the profile for `from_json`."""
        content = {
            "form": _FORM,
            "model": self.model,
            "seconds": round(self.seconds, 2),
            "emotions": self.emotions.tolist(),
            "variety": round(self.variety, 4),
            "sides": self.domains.tolist(),
            "means": {
                name: base64.b64encode(mean.astype("<f4").tobytes()).decode("ascii")
                for name, mean in self.means.items()
            },
        }
        with atomic_write(Path(path)) as temporary:
            temporary.write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> Voice:
        """The profile that `to_json` wrote.

        Raises:
            ModelError: no such file, or it holds no voice profile.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            if content["form"] != _FORM:
                raise ModelError(
                    f"{path}: a voice profile of format {content['form']}, this emotone reads {_FORM}; enrol again"
                )
            means = {
                name: np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4").astype(np.float32)
                for name, text in content["means"].items()
            }
            emotions, domains = (np.array(content[name], np.float32) for name in ("emotions", "sides"))
            seconds, variety = float(content["seconds"]), float(content["variety"])
            return cls(str(content["model"]), seconds, means, emotions, variety, domains)
        except FileNotFoundError as problem:
            raise ModelError(f"no voice profile at {path}; `emotone enrol NAME FILES...` makes one") from problem
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
            raise ModelError(
                f"{path}: not a voice profile of emotone ({problem}); enrol the speaker again"
            ) from problem


def folder() -> Path:
    """The folder of the voice profiles: `$EMOTONE_VOICES`, or `emotone/voices` in the data folder of the user.

    The data folder is `$XDG_DATA_HOME`, or `~/.local/share`.

    Raises:
        EmotoneError: none of the variables is set, and the home folder is unknown.
    """
    if given := os.environ.get("EMOTONE_VOICES"):
        return Path(given)
    if data := os.environ.get("XDG_DATA_HOME"):
        return Path(data) / "emotone" / "voices"
    try:
        return Path.home() / ".local" / "share" / "emotone" / "voices"
    except RuntimeError as problem:
        raise EmotoneError("no folder for voice profiles: HOME is not set; set EMOTONE_VOICES to a folder") from problem


def path_of(name: str) -> Path:
    """The file of an enrolled speaker.

    Raises:
        EmotoneError: the name could lead out of the folder.
    """
    if not _NAME.fullmatch(name) or ".." in name:
        raise EmotoneError(f"{name!r} cannot be the name of a voice; use letters, digits, spaces and . @ + - _")
    return folder() / f"{name}.json"


def names() -> list[str]:
    """The names of all enrolled speakers."""
    return sorted(path.stem for path in folder().glob("*.json"))
