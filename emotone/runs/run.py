"""Run folder: settings, clips, predictions, scores, models and pages of one run, in open formats."""

from __future__ import annotations

import csv
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import ValidationError

from emotone.data.utterance import Table
from emotone.errors import EmotoneError, RunError
from emotone.evaluation.scores import Predictions
from emotone.files import atomic_write, writable_folder
from emotone.runs import recipe as recipes
from emotone.runs import run_contents
from emotone.runs.recipe import Recipe
from emotone.training.examples import Epoch

_PACKAGES = (
    "emotone",
    "numpy",
    "scipy",
    "soundfile",
    "soxr",
    "onnxruntime",
    "scikit-learn",
    "torch",
    "torchvision",
    "accelerate",
    "transformers",
    "peft",
)
_CURVE_COLUMNS = ("epoch", "train_loss", "development_loss", "development_uar", "learning_rate", "seconds")
SCORES_ALONE = "trained for its scores alone"


_UNREADABLE = (
    *(EmotoneError, OSError, ValueError, TypeError, KeyError, IndexError, AttributeError),
    *(EOFError, RecursionError, MemoryError, csv.Error, yaml.YAMLError),
)
"""What reading a damaged file raises, as far as its content decides."""


class Run:
    """The folder of one run.

    recipe.yaml         every setting, the defaults too      environment.json  versions, commit, command, hardware
    utterances.csv      the clips that could be read          predictions.csv   one row per tested clip
    scores.json         scores with intervals                 curves.csv        one row per fold and epoch
    folds/<name>/       files of each fold                    model/            the model trained on all clips
    report.html         the page                              README.md         the model card for the Hugging Face Hub
    audit.json          findings of the audit                 map.json, .csv    embedding map of a network

    A fold has predictions.csv (test clips), development.csv (development clips, predicted before the model was trained
    on them), curve.csv, fitted.json and, for a network, embeddings.npy: (clips of utterances.csv, dims) float16, the
    input of its last linear layer. An ensemble has ensemble.yaml in place of recipe.yaml, no clips and no embeddings;
    its model/ holds the models of its members.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    @classmethod
    def begin(cls, folder: str | os.PathLike[str], recipe: Recipe | None, inputs: dict[str, Any]) -> Run:
        """A new run, or the same one to be continued.

        Args:
            recipe: of the run; None for an ensemble, which `inputs` describes.
            inputs: what decides the result besides the recipe (corpora found, fingerprint of the clips).

        Raises:
            RunError: the folder holds another run, or something else; or it cannot be written to.
        """
        run = cls(folder)
        if not run.finished:
            writable_folder(run.folder)
        if run.begun:
            if not run._made_from(recipe, inputs):
                other = "another recipe, other clips or older features" if recipe else "a recipe or of other members"
                raise RunError(f"{run.folder} holds a run of {other}; choose another folder, or delete it")
            return run
        if run.folder.exists() and any(run.folder.iterdir()):
            raise RunError(f"{run.folder} is not empty and holds no run; choose another folder")
        run.folder.mkdir(parents=True, exist_ok=True)
        if recipe is not None:
            run.write_text("recipe.yaml", recipe.to_yaml())
        run.write_json("started.json", {"inputs": inputs, "at": _now()})
        return run

    def _made_from(self, recipe: Recipe | None, inputs: dict[str, Any]) -> bool:
        if recipe is not None and (
            not (self.folder / "recipe.yaml").exists() or self.recipe.fingerprint() != recipe.fingerprint()
        ):
            return False
        return bool(self.read_json("started.json")["inputs"] == inputs)

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Run:
        """A finished run.

        Raises:
            RunError: there is none.
        """
        run = cls(folder)
        if not run.folder.is_dir():
            what = "is a file, not a run folder" if run.folder.exists() else "is not a folder"
            raise RunError(f"{run.folder} {what}; `emotone train` makes a run")
        if not run.finished:
            hint = (
                "is not finished; run the same command again"
                if run.begun
                else "holds no run; `emotone train` makes one"
            )
            raise RunError(f"{run.folder} {hint}")
        return run

    @property
    def begun(self) -> bool:
        """True as soon as the folder is made."""
        return (self.folder / "started.json").exists()

    @property
    def finished(self) -> bool:
        """True when scores.json is written, which is the last step."""
        return (self.folder / "scores.json").exists()

    @property
    def has_model(self) -> bool:
        """False for an unfinished run, and for one that was made for its scores alone."""
        return self.finished and self.scores["not_exported"] != SCORES_ALONE

    @property
    def is_ensemble(self) -> bool:
        """Whether it was made from other runs."""
        return (self.folder / "ensemble.yaml").exists()

    @property
    def members(self) -> list[Path]:
        """The folders of the runs that an ensemble was made from."""
        with self.reading("ensemble.yaml") as file:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            return [Path(member) for member in run_contents.check(file.name, content)["members"]]

    @property
    def recipe(self) -> Recipe:
        """The recipe with every setting; an ensemble has none."""
        with self.reading("recipe.yaml") as file:
            return recipes.load(file)

    @property
    def scores(self) -> dict[str, Any]:
        """scores.json: the scores of `evaluation.evaluate`, and facts about the run."""
        return self.read_json("scores.json")

    @property
    def predictions(self) -> Predictions:
        """One row per test clip."""
        with self.reading("predictions.csv") as file:
            predictions = Predictions.from_csv(file)
            if self.finished and len(predictions) != self.scores["clips"]:
                raise ValueError(f"{len(predictions)} clips; scores.json has {self.scores['clips']}")
            return predictions

    @property
    def utterances(self) -> Table | None:
        """The clips that could be read, in the order of the embeddings; None in ensembles."""
        if not (self.folder / "utterances.csv").is_file():
            return None
        with self.reading("utterances.csv") as file:
            table = Table.from_csv(file)
            if not len(table):
                raise ValueError("no clips")
            return table

    def fold(self, name: str) -> Path:
        """The folder of one fold."""
        return self.folder / "folds" / name

    def fold_predictions(self, name: str) -> Predictions:
        """One row per test clip of a fold."""
        with self.reading(f"folds/{name}/predictions.csv") as file:
            return Predictions.from_csv(file)

    def development(self, name: str) -> Predictions | None:
        """One row per development clip of a fold; None in ensembles whose members share none."""
        if not (self.fold(name) / "development.csv").is_file():
            return None
        with self.reading(f"folds/{name}/development.csv") as file:
            return Predictions.from_csv(file)

    def embeddings(self, name: str) -> NDArray[np.float32] | None:
        """(clips, dims) input of the last linear layer of a fold's network; None where there is none."""
        if not (self.fold(name) / "embeddings.npy").is_file():
            return None
        with self.reading(f"folds/{name}/embeddings.npy") as file:
            values = np.load(file).astype(np.float32)
            if values.ndim != 2:
                raise ValueError(f"{values.ndim} axes")
            return np.asarray(values)

    def read_json(self, name: str) -> dict[str, Any]:
        """The content of a JSON file of the run.

        Raises:
            RunError: the file is damaged or of another version.
        """
        with self.reading(name) as file:
            return run_contents.check(file.name, json.loads(file.read_text(encoding="utf-8")))

    @contextmanager
    def reading(self, name: str) -> Iterator[Path]:
        """The path of a file of the run; whatever reading it raises becomes one RunError with a remedy."""
        file = self.folder / name
        try:
            yield file
        except FileNotFoundError:
            raise RunError(f"{file} is missing; {self._remedy(file)}") from None
        except ValidationError as problem:
            error = problem.errors()[0]
            reason = f"{'.'.join(map(str, error['loc'])) or 'content'}: {error['msg']}"
            raise RunError(f"{file}: damaged or of another version ({reason}); {self._remedy(file)}") from problem
        except _UNREADABLE as problem:
            reason = " ".join(str(problem).replace(f"{file}: ", "").split())[:200]
            raise RunError(f"{file}: damaged or of another version ({reason}); {self._remedy(file)}") from problem

    def _remedy(self, file: Path) -> str:
        """How to make a file of the run again."""
        folder = shlex.quote(str(self.folder))
        if self.is_ensemble:
            return f"make it again: delete {folder}, then emotone ensemble RUNS --out {folder}"
        if file.name in ("recipe.yaml", "started.json"):
            return f"make it again: delete {folder}, then emotone train RECIPE --out {folder}"
        files = " and ".join(dict.fromkeys(shlex.quote(str(path)) for path in (file, self.folder / "scores.json")))
        return f"make it again: delete {files}, then emotone train {folder}/recipe.yaml --out {folder}"

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file atomically."""
        self.write_text(name, json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write a text file atomically; bytes of file names that are not UTF-8 are escaped."""
        with atomic_write(self.folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")

    def write_utterances(self, table: Table) -> None:
        """Write utterances.csv, with absolute paths."""
        with atomic_write(self.folder / "utterances.csv") as temporary:
            Table(replace(row, file=row.file.absolute()) for row in table).to_csv(temporary)

    def write_embeddings(self, name: str, values: NDArray[np.float16]) -> None:
        """Write embeddings.npy of a fold."""
        with atomic_write(self.fold(name) / "embeddings.npy") as temporary, temporary.open("wb") as handle:
            np.save(handle, values)

    def write_curve(self, name: str, curve: Iterable[Epoch]) -> None:
        """Write curve.csv, the learning curve of a fold."""
        lines = [",".join(_CURVE_COLUMNS)]
        lines += [",".join(format(value, ".6g") for value in asdict(epoch).values()) for epoch in curve]
        self.write_text(f"folds/{name}/curve.csv", "\n".join(lines) + "\n")

    def gather_curves(self, names: Iterable[str]) -> None:
        """Write curves.csv from the curves of the folds; not for models without epochs."""
        lines = [",".join(("fold", *_CURVE_COLUMNS))]
        for name in names:
            with self.reading(f"folds/{name}/curve.csv") as file, file.open(encoding="utf-8", newline="") as handle:
                lines += [",".join([name, *row]) for row in list(csv.reader(handle))[1:]]
        if len(lines) > 1:
            self.write_text("curves.csv", "\n".join(lines) + "\n")


def environment(seconds: float, **more: Any) -> dict[str, Any]:
    """How a run was made: versions, commit, command, hardware, time."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        **versions,
        "python": platform.python_version(),
        "commit": _commit(),
        "command": _command(),
        "hardware": f"{_processor()}, {os.cpu_count()} cores",
        "ended": _now(),
        "seconds": round(seconds, 1),
        **more,
    }


def _command() -> str:
    """The command line, so that it can be repeated; `python -m emotone` is `emotone`."""
    name = Path(sys.argv[0]).name
    return shlex.join(["emotone" if name == "__main__.py" else name, *sys.argv[1:]])


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _commit() -> str | None:
    """The commit of the code, with `+` if the package has changed since; None outside a checkout."""
    try:
        _git("ls-files", "--error-unmatch", "__init__.py")  # no commit if installed in another checkout
        commit = _git("describe", "--always", "--abbrev=12", "--exclude=*")
        changed = _git("status", "--porcelain", "--", ".")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changed else "")


def _git(*arguments: str) -> str:
    """The output of git in the folder of the package."""
    found = subprocess.run(
        ["git", *arguments], cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=5, check=True
    )
    return found.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
