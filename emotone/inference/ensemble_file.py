"""Model list of an ensemble (`model/ensemble.json`): the ONNX files of its members and their weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotone.errors import ModelError
from emotone.files import atomic_write

NAME = "ensemble.json"
Weight = float | Mapping[str, float]


@dataclass(frozen=True)
class ListedModel:
    """A model of an ensemble.

    Attributes:
        file: the ONNX file.
        weight: of its log-probabilities; or corpus -> weight.
        run: folder of the run it was trained in.
        centre: corpus -> (classes,) mean scores, for centring the scores of enrolled speakers; None: not.
    """

    file: Path
    weight: Weight
    run: str
    centre: Mapping[str, Sequence[float]] | None = None


@dataclass(frozen=True)
class EnsembleFile:
    """The content of the file."""

    title: str
    models: tuple[ListedModel, ...]

    def write(self, path: Path) -> None:
        """Write it; the ONNX files are stated relative to its folder."""
        members: list[dict[str, Any]] = []
        for model in self.models:
            row = {"file": model.file.relative_to(path.parent).as_posix(), "weight": model.weight, "run": model.run}
            members.append(row | ({} if model.centre is None else {"centre": model.centre}))
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
            ListedModel(
                path.parent / str(member["file"]), _weight(member["weight"]), str(member["run"]), _centre(member)
            )
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


def _weight(value: Any) -> Weight:
    return {str(corpus): float(weight) for corpus, weight in value.items()} if isinstance(value, dict) else float(value)


def _centre(member: dict[str, Any]) -> dict[str, list[float]] | None:
    if member.get("centre") is None:
        return None
    return {str(corpus): [float(score) for score in scores] for corpus, scores in member["centre"].items()}
