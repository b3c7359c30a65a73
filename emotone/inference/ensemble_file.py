"""Model list of an ensemble (`model/ensemble.json`): the ONNX files of its members and their weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from emotone.errors import ModelError
from emotone.files import atomic_write

NAME = "ensemble.json"


@dataclass(frozen=True)
class ListedModel:
    """A model of an ensemble.

    Attributes:
        file: the ONNX file.
        weight: of its log-probabilities.
        run: folder of the run it was trained in.
    """

    file: Path
    weight: float
    run: str


@dataclass(frozen=True)
class EnsembleFile:
    """The content of the file."""

    title: str
    models: tuple[ListedModel, ...]

    def write(self, path: Path) -> None:
        """Write it; the ONNX files are stated relative to its folder."""
        members = [
            {"file": model.file.relative_to(path.parent).as_posix(), "weight": model.weight, "run": model.run}
            for model in self.models
        ]
        content = {"title": self.title, "members": members}
        with atomic_write(path) as temporary:
            text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")  # JSON, too


def read(path: Path) -> EnsembleFile:
    """The model list in a file.

    Raises:
        ModelError: the file is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        models = tuple(
            ListedModel(path.parent / str(member["file"]), float(member["weight"]), str(member["run"]))
            for member in content["members"]
        )
        if not models:
            raise ValueError("no members")
        return EnsembleFile(str(content["title"]), models)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        run = path.parent.parent
        raise ModelError(
            f"{path}: not the model list of an ensemble ({type(problem).__name__}: {problem}); make it again: "
            f"delete {run}, then emotone ensemble RUNS --out {run}"
        ) from problem
