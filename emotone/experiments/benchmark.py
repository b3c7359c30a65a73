"""Benchmark: recipes x corpora x protocols in one table. Finished cells are not run again, interrupted ones go on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emotone.data import corpora as shelf
from emotone.data.progress import Progress, no_progress
from emotone.errors import CorpusError, EmotoneError, RecipeError, RunError
from emotone.experiments.benchmark_cells import Cell
from emotone.experiments.benchmark_cells import Plan as Plan
from emotone.experiments.train import Interrupted, Step, train
from emotone.reports import markdown as tables
from emotone.reports import wording
from emotone.reports.comparison_page import write_comparison
from emotone.runs import cross_corpus, inputs
from emotone.runs import recipe as recipes
from emotone.runs.dataset import Dataset, read_data
from emotone.runs.recipe import Recipe
from emotone.runs.run import Run, environment

_ROW = ("key", "made_from", "recipe", "title", "corpus", "protocol", "uar", "commit", "hardware", "seconds", "run")
"""What every row of a table has, among others."""


@dataclass(frozen=True)
class Benchmark:
    """The table, and the cells that failed.

    Attributes:
        rows: JSON-ready, one per finished cell.
        failures: recipe, claim, corpora and reason of each other cell.
        matrices: the cross-corpus matrices in the rows (`cross_corpus.matrices`).
    """

    rows: list[dict[str, Any]]
    failures: list[dict[str, str]]
    matrices: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Options:
    """How a benchmark runs.

    Attributes:
        keep_models: False leaves out the model that each run would train on all clips.
        finished_only: train nothing: the table of the finished runs, the others listed as not measured yet.
        plumbing: if pretrained weights are missing, run the system on random ones, for one epoch of one fold; the table
            shows it apart, as not a result.
        tables: the .json of other tables, whose rows are shown too, each with the changes it was made with.
    """

    keep_models: bool = True
    finished_only: bool = False
    plumbing: bool = False
    tables: Sequence[str | os.PathLike[str]] = ()


def benchmark(
    plan: Plan,
    *,
    data: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] = "runs/benchmark",
    options: Options = Options(),
    progress: Progress = no_progress,
    on_cell: Callable[[Cell, int], Callable[[Step], None] | None] = lambda cell, seed: None,
) -> Benchmark:
    """Run every cell of a plan: a run folder per cell in `out`, and next to it the table as .json, .md and .html.

    A cell without run folder whose row, with the same settings and clips, is in the .json is not run again: a table can
    be measured in parts, on several machines.

    Args:
        plan: what to run.
        data: folder with one folder per corpus; None is `$EMOTONE_DATA`, or the current folder.
        out: the folder.
        options: how to run it.
        progress: called while features are extracted.
        on_cell: called with a cell and the number of the seed before each run; returns the `on_step` of its training.

    Raises:
        RecipeError: a recipe that cannot be read; before anything runs.
        Interrupted: Ctrl-C.
    """
    folder, data_folder = Path(out), shelf.data_folder(data)
    rows: list[dict[str, Any]] = []
    failures: list[dict[str, str]] = []
    earlier, others = _earlier_rows(folder), [_table(path) for path in options.tables]
    not_reached = dict(earlier)  # kept in the table until they are reached, so that an interruption loses no row

    def measure(cell: Cell) -> dict[str, Any]:
        cell, dataset = _with_found_corpora(cell, data_folder, plan.instead)
        made_from = [_made_from(recipe, dataset) for recipe in cell.seeded()]
        row = earlier.get(cell.key)
        same = row is not None and all(map(_same, row["made_from"], made_from))
        if row is not None and same and not any(Run(place).begun for place in cell.folders):
            return row
        if options.finished_only and not all(Run(place).finished for place in cell.folders):
            raise RunError(f"not measured yet under {cell.recipe.data.protocol}")
        runs, keep_model = [], options.keep_models and cell.cross is None
        for seed, (recipe, place) in enumerate(zip(cell.seeded(), cell.folders, strict=True)):
            on_step = on_cell(cell, seed)
            run = train(recipe, data=data, out=place, keep_model=keep_model, progress=progress, on_step=on_step)
            runs.append(run)
        return _row(cell, runs, made_from, data_folder)

    for cell in plan.cells(folder, data_folder):
        for tried in (cell, *_untrained(cell, options)):
            try:
                row = measure(tried)
            except Interrupted:
                raise
            except EmotoneError as problem:
                failures += [failure for failure in [_failure(tried, problem, data_folder)] if failure not in failures]
                continue
            rows.append(row)
            not_reached.pop(tuple(row["key"]), None)
            _write(folder, [*rows, *not_reached.values()], failures)
            break
    rows += [row for other in others for row in other["rows"]]
    failures += [failure for other in others for failure in other["failures"]]
    _write(folder, rows, failures)
    return Benchmark(rows, failures, cross_corpus.matrices(rows))


def _untrained(cell: Cell, options: Options) -> list[Cell]:
    """What to run if a cell fails."""
    return cell.untrained() if options.plumbing and cell.recipe.data.protocol != "random" else []


def _failure(cell: Cell, problem: EmotoneError, data: Path) -> dict[str, str]:
    source = cell.recipe.source
    return {
        "recipe": wording.marked(cell.name, {"varied": cell.varied}),
        "claimed": wording.claim_of({"claimed": source.claimed, "claimed_on": source.claimed_on}) if source else "",
        "corpora": cell.corpora,
        "reason": _without_folder(str(problem), data),
    }


def _without_folder(text: str, data: Path) -> str:
    """A text for a table that is published: the folder of the corpora on this machine is written as `D`."""
    return text.replace(str(data), "D") if data.is_absolute() else text


def _with_found_corpora(cell: Cell, data: Path, instead: Sequence[str]) -> tuple[Cell, Dataset]:
    """The cell and its clips; on the corpora `instead` if none of its own is found."""
    try:
        return cell, read_data(cell.recipe.data, data)
    except CorpusError:
        if not instead:
            raise
        cell = cell.on_others(instead)
        return cell, read_data(cell.recipe.data, data)


def _made_from(recipe: Recipe, dataset: Dataset) -> dict[str, Any]:
    """What decides the result of a run."""
    return {"recipe": recipe.model_dump(mode="json"), **inputs.identity(recipe, dataset)}


def _same(row: Mapping[str, Any], made_from: Mapping[str, Any]) -> bool:
    """Whether a row was made from these settings (title, source and missing defaults do not count) and clips."""
    try:
        first, second = (recipes.parse(made["recipe"]).fingerprint() for made in (row, made_from))
    except RecipeError:  # a setting that this version does not have
        return False
    return first == second and {**row, "recipe": None} == {**made_from, "recipe": None}


def _earlier_rows(folder: Path) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    """The rows of an earlier table, by the key of their cell."""
    table = folder.parent / f"{folder.name}.json"
    if not table.exists() or not table.stat().st_size:  # empty: `--json > table.json` of the shell
        return {}
    return {tuple(row["key"]): row for row in _table(table)["rows"]}


def _table(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The .json of a table."""
    try:
        content: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        if missing := [name for row in content["rows"] for name in _ROW if name not in dict(row)]:
            raise ValueError(f"a row without {missing[0]}")
        list(content["failures"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as problem:
        raise RunError(
            f"{path}: not the .json of a benchmark ({type(problem).__name__}: {problem}); delete it, and run the "
            "benchmark again"
        ) from problem
    return content


def _row(cell: Cell, runs: Sequence[Run], made_from: list[dict[str, Any]], data: Path) -> dict[str, Any]:
    scores = [run.scores for run in runs]
    made = [run.read_json("environment.json") for run in runs]
    first, source = scores[0], cell.recipe.source
    row = {
        "key": list(cell.key),
        "made_from": made_from,
        "title": first["title"],
        "recipe": cell.name,
        "id": source.id if source else "",
        "varied": dict(cell.varied),
        "changes": list(cell.changes),
        "corpus": "+".join(first["corpora"]),
        "instead_of": list(cell.instead_of),
        "protocol": first["protocol"],
        "folds": first["folds"],
        "folds_made": first["folds_made"],
        "speaker_independent": first["speaker_independent"],
        "caveats": first["caveats"],
        "claimed": first["claimed"],
        "claimed_on": first["claimed_on"],
        "classes": len(first["classes"]),
        "labels_note": first["labels_note"],
        "dropped": first["dropped"],
        "cross": cell.cross.facts() if cell.cross else None,
        "clips": first["clips"],
        "speakers": first["speakers"],
        "missing": {corpus: _without_folder(reason, data) for corpus, reason in first["missing"].items()},
        "failures": first["failures"],
        "seeds": [score["seed"] for score in scores],
        "parameters": first["parameters"],
        "train_seconds": float(np.mean([score["train_seconds"] for score in scores])),
        "seconds": float(np.mean([facts["seconds"] for facts in made])),
        "commit": made[0]["commit"],
        "hardware": made[0]["hardware"],
        "run": str(runs[0].folder),
        "per_corpus": {
            corpus: {
                **{name: part["scores"][name] for name in tables.SCORES},
                "clips": part["clips"],
                "speakers": part["speakers"],
                "most_confused": part["most_confused"],
            }
            for corpus, part in first["per_corpus"].items()
        },
    }
    for name in tables.SCORES:
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
    matrices = cross_corpus.matrices(rows)
    content = {"rows": rows, "failures": failures, **({"matrices": matrices} if matrices else {}), "environment": made}
    parent = Run(folder.parent)
    parent.write_text(f"{folder.name}.json", json.dumps(content, indent=1) + "\n")
    parent.write_text(f"{folder.name}.md", tables.as_markdown(rows, failures, made))
    write_comparison(rows, folder.with_name(f"{folder.name}.html"), matrices)


def as_dict(result: Benchmark) -> dict[str, Any]:
    """JSON-ready."""
    return asdict(result)
