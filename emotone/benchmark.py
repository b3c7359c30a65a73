"""Recipes x corpora -> one table. Finished cells are not run again; interrupted ones go on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from emotone import recipe as recipes
from emotone import recipe_files, report
from emotone.errors import EmotoneError
from emotone.experiment import Interrupted, Step, train
from emotone.recipe import Recipe
from emotone.runs import Run, environment

SCORES = ("uar", "accuracy", "macro_f1")


@dataclass(frozen=True)
class Cell:
    """One recipe on one set of corpora: a row of the table, with a run per seed."""

    recipe: Recipe
    name: str
    folders: tuple[Path, ...]

    @property
    def corpora(self) -> str:
        """The corpora asked for, joined."""
        return "+".join(Path(item.name).stem for item in self.recipe.data.corpora)


@dataclass(frozen=True)
class Benchmark:
    """The table, and the cells that could not be filled.

    Attributes:
        rows: JSON-ready, one per finished cell.
        failures: recipe, corpora and reason of each other cell.
    """

    rows: list[dict[str, Any]]
    failures: list[dict[str, str]]


def benchmark(
    paths: Iterable[str | os.PathLike[str]],
    *,
    corpora: Sequence[str] = (),
    protocols: Sequence[str] = (),
    data: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] = "runs/benchmark",
    changes: Sequence[str] = (),
    seeds: int = 1,
    keep_models: bool = True,
    progress: bool = False,
    on_cell: Callable[[Cell, int], Callable[[Step], None] | None] = lambda cell, seed: None,
) -> Benchmark:
    """Every recipe on every corpus: a run folder per cell in `out`, and beside it the table as .json, .md and .html.

    Args:
        paths: recipe files, and folders of them.
        corpora: each alone; empty means the corpora that a recipe names, together.
        protocols: each in turn, so that a table shows them side by side; empty means the one a recipe names.
        changes: overrides for every recipe (`training.epochs=5`).
        seeds: runs per cell; scores are their means, `spread` their standard deviation.
        keep_models: False leaves out the model that each run would train on all clips.
        on_cell: called before each cell; gives the `on_step` of its training.

    Raises:
        RecipeError: a recipe that cannot be read; before anything runs.
        Interrupted: Ctrl-C.
    """
    folder = Path(out)
    rows, failures = [], []
    for cell in _cells(paths, corpora, protocols, changes, seeds, folder):
        try:
            runs = []
            for seed, place in enumerate(cell.folders):
                recipe = cell.recipe.model_copy(update={"seed": cell.recipe.seed + seed})
                on_step = on_cell(cell, seed)
                runs.append(
                    train(recipe, data=data, out=place, keep_model=keep_models, progress=progress, on_step=on_step)
                )
        except Interrupted:
            raise
        except EmotoneError as problem:
            failures.append({"recipe": cell.name, "corpora": cell.corpora, "reason": str(problem)})
            continue
        rows.append(_row(cell, runs))
        _write(folder, rows, failures)
    _write(folder, rows, failures)
    return Benchmark(rows, failures)


def as_markdown(
    rows: Sequence[dict[str, Any]], failures: Sequence[dict[str, str]] = (), made: Mapping[str, Any] | None = None
) -> str:
    """The table for a document; scores in percent with their 95 % interval over speakers, and how they were made."""
    lines = ["| recipe | corpus | protocol | UAR | accuracy | macro-F1 | claimed | parameters | seconds | commit |"]
    lines += ["|---|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        claimed = ", ".join(f"{name} {value:g}" for name, value in (row["claimed"] or {}).items())
        claimed += f" on {row['claimed_on']}" if row["claimed_on"] else ""
        cells = [
            marked(row["recipe"], row),
            row["corpus"],
            protocol_of(row),
            *(percent(row[score]) for score in SCORES),
        ]
        cells += [claimed, f"{row['parameters']:,}", f"{row['seconds']:.0f}", row["commit"] or "-"]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [f"\n{failure['recipe']} on {failure['corpora']}: {failure['reason']}" for failure in failures]
    if made is not None:
        seeds = sorted({seed for row in rows for seed in row["seeds"]})
        lines.append(
            f"\nMade by `{made['command']}`, seeds {', '.join(map(str, seeds))}, on {made['hardware']}; torch "
            f"{made.get('torch', '-')}. Scores in percent with 95 % intervals over speakers. Seconds are those of a "
            "whole run: features, every fold, and the model trained on all clips."
        )
    return "\n".join(lines) + "\n"


def protocol_of(row: Mapping[str, Any]) -> str:
    """The protocol for a table; one that tests voices heard in training says so.

    >>> protocol_of({"protocol": "random", "speaker_independent": False})
    'random (NOT speaker-independent)'
    """
    return str(row["protocol"]) + ("" if row["speaker_independent"] else " (NOT speaker-independent)")


def marked(name: str, row: Mapping[str, Any]) -> str:
    """A name for a table, with what speaks against its scores.

    >>> marked("utbm/vgg19", {"caveats": ["untrained plumbing, not a result"]})
    'utbm/vgg19 (! untrained plumbing, not a result)'
    """
    return " ".join([name, *(f"(! {caveat})" for caveat in row.get("caveats", []))])


def percent(interval: dict[str, float | None]) -> str:
    """A score with its interval, in percent.

    >>> percent({"value": 0.627, "low": 0.571, "high": 0.68})
    '62.7 [57.1, 68.0]'
    """
    value, low, high = interval["value"], interval["low"], interval["high"]
    if value is None:
        return "-"
    bounds = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{100 * value:.1f}{bounds}"


def _cells(
    paths: Iterable[str | os.PathLike[str]],
    corpora: Sequence[str],
    protocols: Sequence[str],
    changes: Sequence[str],
    seeds: int,
    folder: Path,
) -> list[Cell]:
    cells = []
    for path in recipe_files.listed(paths):
        for corpus, protocol in product(corpora or [""], protocols or [""]):
            more = [f"data.corpora=[{corpus}]"] if corpus else []
            more += [f"data.protocol={protocol}"] if protocol else []
            recipe = recipes.load(path, [*changes, *more])
            name = f"{path.parent.name}/{path.stem}"
            where = "+".join(Path(item.name).stem for item in recipe.data.corpora)
            place = folder / path.parent.name / path.stem / f"{where}-{recipe.data.protocol}"
            cells.append(Cell(recipe, name, tuple(place / f"seed-{recipe.seed + seed}" for seed in range(seeds))))
    return cells


def _row(cell: Cell, runs: Sequence[Run]) -> dict[str, Any]:
    scores = [run.scores for run in runs]
    made = [run.read_json("environment.json") for run in runs]
    first = scores[0]
    row = {
        "title": first["title"],
        "recipe": cell.name,
        "corpus": "+".join(first["corpora"]),
        "protocol": first["protocol"],
        "speaker_independent": first["speaker_independent"],
        "caveats": first.get("caveats", []),
        "claimed": first["claimed"],
        "claimed_on": first["claimed_on"],
        "classes": len(first["classes"]),
        "clips": first["clips"],
        "speakers": first["speakers"],
        "missing": first["missing"],
        "failures": first["failures"],
        "seeds": [score["seed"] for score in scores],
        "parameters": first["parameters"],
        "train_seconds": float(np.mean([score["train_seconds"] for score in scores])),
        "seconds": float(np.mean([one["seconds"] for one in made])),
        "commit": made[0]["commit"],
        "run": str(runs[0].folder),
    }
    for name in SCORES:
        intervals = [score["scores"][name] for score in scores]
        row[name] = {key: _mean([interval[key] for interval in intervals]) for key in ("value", "low", "high")}
        if len(scores) > 1:
            row[name]["spread"] = float(np.std([interval["value"] for interval in intervals], ddof=1))
    return row


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _write(folder: Path, rows: list[dict[str, Any]], failures: list[dict[str, str]]) -> None:
    made = environment(sum(row["seconds"] for row in rows))
    content = {"rows": rows, "failures": failures, "environment": made}
    beside = Run(folder.parent)
    beside.write_text(f"{folder.name}.json", json.dumps(content, indent=1) + "\n")
    beside.write_text(f"{folder.name}.md", as_markdown(rows, failures, made))
    report.write_comparison(rows, folder.with_name(f"{folder.name}.html"))


def as_dict(result: Benchmark) -> dict[str, Any]:
    """JSON-ready."""
    return asdict(result)
