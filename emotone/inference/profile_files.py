"""Files of profiles: where those of speakers and of domains are kept, their names, and their JSON."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from emotone.errors import EmotoneError, ModelError
from emotone.files import atomic_write

Arrays = dict[str, NDArray[np.float32]]
Profile = TypeVar("Profile")
_NAME = re.compile(r"[\w][\w .@+-]{0,80}")


@dataclass(frozen=True)
class ProfileFiles:
    """The profiles of one kind: a JSON file each, in one folder.

    Attributes:
        kind: `voice` or `domain`.
        of: what it is the profile of, for messages.
        command: makes a profile, for messages.
        variable: the environment variable for the folder.
        form: version of the content.
    """

    kind: str
    of: str
    command: str
    variable: str
    form: int

    def folder(self) -> Path:
        """The folder: that of `variable`, or `emotone/voices` or `emotone/domains` in the data folder of the user.

        The data folder is `$XDG_DATA_HOME`, or `~/.local/share`.

        Raises:
            EmotoneError: none of the variables is set, and the home folder is unknown.
        """
        if given := os.environ.get(self.variable):
            return Path(given)
        name = f"{self.kind}s"
        if data := os.environ.get("XDG_DATA_HOME"):
            return Path(data) / "emotone" / name
        try:
            return Path.home() / ".local" / "share" / "emotone" / name
        except RuntimeError as problem:
            raise EmotoneError(
                f"no folder for {self.kind} profiles: HOME is not set; set {self.variable} to a folder"
            ) from problem

    def path_of(self, name: str) -> Path:
        """The file of the profile of this name.

        Raises:
            EmotoneError: the name could lead out of the folder.
        """
        if not _NAME.fullmatch(name) or ".." in name:
            raise EmotoneError(
                f"{name!r} cannot be the name of a {self.kind}; use letters, digits, spaces and . @ + - _"
            )
        return self.folder() / f"{name}.json"

    def write(self, path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
        """Write a profile for `read`."""
        with atomic_write(Path(path)) as temporary:
            temporary.write_text(json.dumps({"form": self.form, **content}), encoding="utf-8")

    def read(self, path: str | os.PathLike[str], parse: Callable[[dict[str, Any]], Profile]) -> Profile:
        """The profile that `parse` makes of the content of a file.

        Raises:
            ModelError: no such file, or it holds no profile of this kind.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            if content["form"] != self.form:
                raise ModelError(
                    f"{path}: a {self.kind} profile of format {content['form']}, this emotone reads {self.form}; "
                    "enrol again"
                )
            return parse(content)
        except FileNotFoundError as problem:
            raise ModelError(f"no {self.kind} profile at {path}; `{self.command}` makes one") from problem
        except (
            OSError,
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            IndexError,
            OverflowError,
            RecursionError,
        ) as problem:
            raise ModelError(
                f"{path}: not a {self.kind} profile of emotone ({problem}); enrol the {self.of} again"
            ) from problem


def as_text(arrays: Mapping[str, NDArray[Any]]) -> dict[str, str]:
    """Arrays of one dimension as base64 of their float32 numbers.

    >>> as_text({"a": np.array([1.0])})
    {'a': 'AACAPw=='}
    """
    return {name: base64.b64encode(array.astype("<f4").tobytes()).decode("ascii") for name, array in arrays.items()}


def from_text(texts: Mapping[str, str]) -> Arrays:
    """The arrays that `as_text` encoded.

    >>> from_text({"a": "AACAPw=="})["a"].tolist()
    [1.0]
    """
    return {
        name: np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4").astype(np.float32)
        for name, text in texts.items()
    }


def of_model(arrays: Arrays, number: int) -> Arrays:
    """The arrays of one model of an ensemble: those whose name begins with its number, without it.

    >>> list(of_model({"0/embedding": np.zeros(1), "1/embedding": np.ones(1)}, 1).items())
    [('embedding', array([1.]))]
    """
    prefix = f"{number}/"
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
