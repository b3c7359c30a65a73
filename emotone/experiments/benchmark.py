"""Recipes x corpora x protocols -> one table. Finished cells are not run again; interrupted ones go on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emotone.data import corpora as shelf
from emotone.data.progress import Progress, no_progress
from emotone.errors import CorpusError, EmotoneError, RecipeError, RunError
from emotone.experiments import benchmark_cells as cells
from emotone.experiments.benchmark_cells import Cell
from emotone.experiments.train import Interrupted, Step, train
from emotone.reports import markdown as tables
from emotone.reports import wording
from emotone.reports.comparison_page import write_comparison
from emotone.runs import cross_corpus, inputs
from emotone.runs import recipe as recipes
from emotone.runs.dataset import Dataset, read_data
from emotone.runs.recipe import Recipe
from emotone.runs.run import Run, environment


@dataclass(frozen=True)
class Benchmark:
    """The table, and the cells that could not be filled.

    Attributes:
        rows: JSON-ready, one per finished cell.
        failures: recipe, claim, corpora and reason of each other cell.
        matrices: the rows of a protocol across corpora put together (`cross_corpus.matrices`).
    """

    rows: list[dict[str, Any]]
    failures: list[dict[str, str]]
    matrices: list[dict[str, Any]] = field(default_factory=list)


def benchmark(
    paths: Iterable[str | os.PathLike[str]],
    *,
    corpora: Sequence[str] = (),
    instead: Sequence[str] = (),
    protocols: Sequence[str] = (),
    vary: Mapping[str, Sequence[Any]] | None = None,
    leaks: bool = False,
    data: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] = "runs/benchmark",
    changes: Sequence[str] = (),
    seeds: int = 1,
    keep_models: bool = True,
    finished_only: bool = False,
    plumbing: bool = False,
    beside: Sequence[str | os.PathLike[str]] = (),
    progress: Progress = no_progress,
    on_cell: Callable[[Cell, int], Callable[[Step], None] | None] = lambda cell, seed: None,
) -> Benchmark:
    """Every recipe on every corpus: a run folder per cell in `out`, and beside it the table as .json, .md and .html.

    A cell whose run is not there, but whose row stands in the .json of the same settings and clips, is not run again
    either: a table can be measured in parts, on several machines.

    Args:
        paths: recipe files, and folders of them.
        corpora: each alone, or several joined by `+`; empty means the corpora that a recipe names, together.
        instead: corpora to use where none that a recipe names is here; the table says so.
        protocols: each in turn, so that a table shows them side by side; empty means the one a recipe names, and
            for recipes with a claim also `random`, under which such claims are made.
        vary: setting -> values to try in turn.
        leaks: each recipe without a mistake and with each of those of `leak_simulation.STEPS` planted.
        changes: overrides for every recipe (`training.epochs=5`).
        seeds: runs per cell; scores are their means, `spread` their standard deviation.
        keep_models: False leaves out the model that each run would train on all clips.
        finished_only: train nothing; the table of what is there, the rest named as not measured yet.
        plumbing: where pretrained weights are not here, also run the system on random ones, for one epoch of one fold;
            the table shows that apart, as no result.
        beside: the .json of other tables, whose rows are shown too, each with what was changed for it.
        on_cell: called before each cell; gives the `on_step` of its training.

    Raises:
        RecipeError: a recipe that cannot be read; before anything runs.
        Interrupted: Ctrl-C.
    """
    folder, place = Path(out), shelf.data_folder(data)
    rows: list[dict[str, Any]] = []
    failures: list[dict[str, str]] = []
    earlier, others = _earlier_rows(folder), [_table(path) for path in beside]
    ahead = dict(earlier)  # stands in the table until it is reached: being stopped loses no row
    other_rows = [row for other in others for row in other["rows"]]
    other_failures = [failure for other in others for failure in other["failures"]]

    def measured(cell: Cell) -> dict[str, Any]:
        cell, dataset = _with_what_is_here(cell, place, instead)
        made_from = [_made_from(recipe, dataset) for recipe in cell.seeded()]
        row = earlier.get(cell.key)
        same = row is not None and all(map(_same, row["made_from"], made_from))
        if row is not None and same and not any(Run(one).begun for one in cell.folders):
            return row
        if finished_only and not all(Run(one).finished for one in cell.folders):
            raise RunError(f"not measured yet under {cell.recipe.data.protocol}")
        runs, keep = [], keep_models and cell.cross is None
        for seed, (recipe, out) in enumerate(zip(cell.seeded(), cell.folders, strict=True)):
            on_step = on_cell(cell, seed)
            run = train(recipe, data=data, out=out, keep_model=keep, progress=progress, on_step=on_step)
            runs.append(run)
        return _row(cell, runs, made_from, place)

    whole = cells.listed(paths, corpora, cells.ways(protocols, vary or {}, leaks), changes, seeds, folder)
    for cell in cells.parted(whole, place, instead):
        for one in (cell, *(cell.untrained() if plumbing and cell.recipe.data.protocol != "random" else ())):
            try:
                row = measured(one)
            except Interrupted:
                raise
            except EmotoneError as problem:
                failures += [failure for failure in [_failure(one, problem, place)] if failure not in failures]
                continue
            rows.append(row)
            ahead.pop(tuple(row["key"]), None)
            _write(folder, [*rows, *ahead.values()], failures)
            break
    rows, failures = [*rows, *other_rows], [*failures, *other_failures]
    _write(folder, rows, failures)
    return Benchmark(rows, failures, cross_corpus.matrices(rows))


def _failure(cell: Cell, problem: EmotoneError, data: Path) -> dict[str, str]:
    source = cell.recipe.source
    return {
        "recipe": wording.marked(cell.name, {"varied": cell.varied}),
        "claimed": wording.claim_of({"claimed": source.claimed, "claimed_on": source.claimed_on}) if source else "",
        "corpora": cell.corpora,
        "reason": _shared(str(problem), data),
    }


def _shared(text: str, data: Path) -> str:
    """A text for a table that others will read: where the corpora lie on this machine is `D` there."""
    return text.replace(str(data), "D") if data.is_absolute() else text


def _with_what_is_here(cell: Cell, data: Path, instead: Sequence[str]) -> tuple[Cell, Dataset]:
    """The cell and its clips; on other corpora where none of its own is here and others may stand in."""
    try:
        return cell, read_data(cell.recipe.data, data)
    except CorpusError:
        if not instead:
            raise
        cell = cell.on_others(instead)
        return cell, read_data(cell.recipe.data, data)


def _made_from(recipe: Recipe, dataset: Dataset) -> dict[str, Any]:
    """What decides a run's result."""
    return {"recipe": recipe.model_dump(mode="json"), **inputs.identity(recipe, dataset)}


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two runs were made from the same; a setting that is newer than one of them has its default there."""
    try:
        first, second = (recipes.parse(made_from["recipe"]).fingerprint() for made_from in (one, other))
    except RecipeError:  # a setting of that time is gone
        return False
    return first == second and {**one, "recipe": None} == {**other, "recipe": None}


def _earlier_rows(folder: Path) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    """The rows of the table that is there, by the key of their cell."""
    table = folder.parent / f"{folder.name}.json"
    if not table.exists():
        return {}
    return {tuple(row["key"]): row for row in _table(table)["rows"]}


def _table(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The .json of a table."""
    try:
        content: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise RunError(f"{path}: not the .json of a benchmark ({problem})") from problem
    if not isinstance(content, dict) or not {"rows", "failures"} <= set(content):
        raise RunError(f"{path}: not the .json of a benchmark; it has rows and failures")
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
        "missing": {corpus: _shared(reason, data) for corpus, reason in first["missing"].items()},
        "failures": first["failures"],
        "seeds": [score["seed"] for score in scores],
        "parameters": first["parameters"],
        "train_seconds": float(np.mean([score["train_seconds"] for score in scores])),
        "seconds": float(np.mean([one["seconds"] for one in made])),
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
    beside = Run(folder.parent)
    beside.write_text(f"{folder.name}.json", json.dumps(content, indent=1) + "\n")
    beside.write_text(f"{folder.name}.md", tables.as_markdown(rows, failures, made))
    write_comparison(rows, folder.with_name(f"{folder.name}.html"), matrices)


def as_dict(result: Benchmark) -> dict[str, Any]:
    """JSON-ready."""
    return asdict(result)
