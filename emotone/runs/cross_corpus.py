"""Trained on one corpus, tested on another: the recipes that fill such a matrix, and their rows put together as one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from emotone.data.labels import changes_within, shared_label_map
from emotone.errors import CorpusError, EmotoneError
from emotone.runs.dataset import Here, corpora_here
from emotone.runs.recipe import Item, Recipe

Kind = Literal["pair", "rest", "within"]
REST = "all others"


@dataclass(frozen=True)
class Part:
    """One run of a matrix.

    Attributes:
        recipe: what is trained.
        kind: `pair`, one corpus for another; `rest`, all others for one; `within`, new speakers of the corpus itself,
            with the labels of a pair, so that what the change of corpus costs can be seen.
        train_on, test_on: corpora, joined by `+`.
        labels: those shared; empty where there are too few, which training will say.
        corpora: of the whole matrix.
        missing: corpora that the recipe names and that are not here.
    """

    recipe: Recipe
    kind: Kind
    train_on: str
    test_on: str
    labels: tuple[str, ...]
    corpora: tuple[str, ...]
    missing: Mapping[str, str]

    @property
    def name(self) -> str:
        """For its folder: `emodb-to-ravdess`, or `ravdess-within-angry+sad`."""
        if self.kind == "within":
            return f"{self.test_on}-within-{'+'.join(self.labels)}"
        return f"{self.train_on}-to-{self.test_on}"

    def facts(self) -> dict[str, Any]:
        """What a row says of its place in the matrix, JSON-ready."""
        return {name: value for name, value in asdict(self).items() if name != "recipe"}


def parts(recipe: Recipe, data: Path) -> list[Part]:
    """The runs of a recipe's matrix, of the corpora that are here: pairs, each against the rest, each by itself.

    Raises:
        CorpusError: fewer than two corpora are here.
    """
    here, missing = corpora_here(recipe, data)
    if len(here) < 2:
        found = ", ".join(one.name for one in here) or "none"
        raise CorpusError("; ".join([f"a matrix of corpora needs two or more, here: {found}", *missing.values()]))
    names, made = tuple(one.name for one in here), []
    for tested in here:
        others = [one for one in here if one is not tested]
        for sources in [[one] for one in others] + ([others] if len(others) > 1 else []):
            labels = _shared(recipe, sources, tested)
            across = {"corpora": _items([*sources, tested]), "test_on": tuple(tested.table.corpora()), "folds": None}
            kind: Kind = "pair" if len(sources) == 1 else "rest"
            source = "+".join(one.name for one in sources)
            made.append(Part(_with(recipe, **across), kind, source, tested.name, labels, names, missing))
        for labels in dict.fromkeys(part.labels for part in made if part.test_on == tested.name and part.labels):
            alone: dict[str, Any] = {"corpora": _items([tested]), "protocol": "speakers", "labels": labels}
            alone["changes"] = changes_within(recipe.data.changes, labels)
            made.append(Part(_with(recipe, **alone), "within", tested.name, tested.name, labels, names, missing))
    return made


def _with(recipe: Recipe, **changes: Any) -> Recipe:
    return recipe.model_copy(update={"data": recipe.data.model_copy(update=changes)})


def _items(here: Iterable[Here]) -> tuple[Item, ...]:
    return tuple(one.item for one in here)


def _shared(recipe: Recipe, sources: Sequence[Here], tested: Here) -> tuple[str, ...]:
    sides = [[row.emotion for one in side for row in one.table] for side in (sources, [tested])]
    try:
        return shared_label_map(recipe.data.labels, sides, recipe.data.changes).classes
    except EmotoneError:
        return ()


def matrices(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a benchmark that are parts of a matrix, put together: one per recipe and set of corpora.

    Returns:
        Each with recipe, title, changes, varied, caveats, corpora, missing, commits, seconds, and lines: train_on (the
        last is all others), and a cell per corpus. A cell has the row's scores; kind; chance; labels, labels_note and
        dropped; and `within`, the UAR of the tested corpus's own system on the same labels. It is None where none was
        measured.
        On the diagonal stands the own system on the most labels that it shares with another corpus.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row.get("cross"):
            key = [row["recipe"], row["varied"], row["cross"]["corpora"], row.get("instead_of")]
            groups.setdefault(json.dumps(key), []).append(row)
    return [_matrix(group) for group in groups.values()]


def _matrix(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first, corpora = rows[0], list(rows[0]["cross"]["corpora"])
    lines = [
        {"train_on": source, "cells": [_cell(rows, source, tested) for tested in corpora]}
        for source in [*corpora, *([REST] if len(corpora) > 2 else [])]
    ]
    return {
        **{name: first[name] for name in ("recipe", "title", "changes", "varied", "caveats", "instead_of")},
        "corpora": corpora,
        "missing": first["cross"]["missing"],
        "commits": list(dict.fromkeys(row["commit"] or "-" for row in rows)),
        "seconds": sum(row["seconds"] for row in rows),
        "lines": lines,
    }


def _cell(rows: Sequence[Mapping[str, Any]], source: str, tested: str) -> dict[str, Any] | None:
    """The cell of a matrix, with what the tested corpus's own system has on the same labels."""
    kind: Kind = "within" if source == tested else "rest" if source == REST else "pair"
    on_it = [row for row in rows if row["cross"]["test_on"] == tested]
    found = [
        row for row in on_it if row["cross"]["kind"] == kind and (kind != "pair" or row["cross"]["train_on"] == source)
    ]
    if not found:
        return None
    row = max(found, key=lambda one: len(one["cross"]["labels"]))
    labels = row["cross"]["labels"]
    same = [one for one in on_it if one["cross"]["kind"] == "within" and one["cross"]["labels"] == labels]
    return {
        **{
            name: row[name]
            for name in ("uar", "accuracy", "macro_f1", "clips", "speakers", "run", "labels_note", "dropped")
        },
        "kind": kind,
        "train_on": row["cross"]["train_on"],
        "test_on": tested,
        "labels": list(labels),
        "chance": 1 / len(labels),
        "within": same[0]["uar"] if same else None,
    }
