"""Cross-corpus matrix: the recipes that fill it, and the matrix from the rows of their runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from emotone.data.labels import changes_within, shared_label_map
from emotone.errors import CorpusError, EmotoneError
from emotone.runs.dataset import FoundCorpus, find_corpora
from emotone.runs.recipe import Item, Recipe

Kind = Literal["pair", "rest", "within"]
REST = "all others"


@dataclass(frozen=True)
class Part:
    """One run of a matrix.

    Attributes:
        recipe: of the run.
        kind: `pair`, one corpus to another; `rest`, all others to one; `within`, unseen speakers of the same corpus
            with the labels of a pair, to show what the change of corpus costs.
        train_on, test_on: corpora, joined by `+`.
        labels: those that both sides have; empty where they are too few, which is an error in training.
        corpora: of the whole matrix.
        missing: corpora of the recipe that were not found.
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
        """Of its folder: `emodb-to-ravdess`, or `ravdess-within-angry+sad`."""
        if self.kind == "within":
            return f"{self.test_on}-within-{'+'.join(self.labels)}"
        return f"{self.train_on}-to-{self.test_on}"

    def facts(self) -> dict[str, Any]:
        """Its place in the matrix, JSON-ready."""
        return {name: value for name, value in asdict(self).items() if name != "recipe"}


def parts(recipe: Recipe, folder: Path) -> list[Part]:
    """The runs of a recipe's matrix: every pair of corpora, all others to each, and each within itself.

    Raises:
        CorpusError: fewer than two corpora are in the folder.
    """
    found, missing = find_corpora(recipe.data.corpora, folder)
    if len(found) < 2:
        listing = ", ".join(corpus.name for corpus in found) or "none"
        raise CorpusError("; ".join([f"a matrix needs two corpora or more, found: {listing}", *missing.values()]))
    names, made = tuple(corpus.name for corpus in found), []
    for tested in found:
        others = [corpus for corpus in found if corpus is not tested]
        for sources in [[corpus] for corpus in others] + ([others] if len(others) > 1 else []):
            labels = _shared_labels(recipe, sources, tested)
            across = {"corpora": _items([*sources, tested]), "test_on": tuple(tested.table.corpora()), "folds": None}
            kind: Kind = "pair" if len(sources) == 1 else "rest"
            source = "+".join(corpus.name for corpus in sources)
            made.append(Part(_with(recipe, **across), kind, source, tested.name, labels, names, missing))
        for labels in dict.fromkeys(part.labels for part in made if part.test_on == tested.name and part.labels):
            alone: dict[str, Any] = {"corpora": _items([tested]), "protocol": "speakers", "labels": labels}
            alone["changes"] = changes_within(recipe.data.changes, labels)
            made.append(Part(_with(recipe, **alone), "within", tested.name, tested.name, labels, names, missing))
    return made


def _with(recipe: Recipe, **changes: Any) -> Recipe:
    return recipe.model_copy(update={"data": recipe.data.model_copy(update=changes)})


def _items(found: Iterable[FoundCorpus]) -> tuple[Item, ...]:
    return tuple(corpus.item for corpus in found)


def _shared_labels(recipe: Recipe, sources: Sequence[FoundCorpus], tested: FoundCorpus) -> tuple[str, ...]:
    groups = [[row.emotion for corpus in group for row in corpus.table] for group in (sources, [tested])]
    try:
        return shared_label_map(recipe.data.labels, groups, recipe.data.changes).classes
    except EmotoneError:
        return ()


def matrices(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The cross-corpus matrices in the rows of a benchmark: one per recipe and set of corpora.

    Returns:
        Each with recipe, title, changes, varied, caveats, corpora, missing, commits, seconds, and lines: train_on (the
        last is all others), and a cell per corpus. A cell has the row's scores; kind; chance; labels, labels_note and
        dropped; and `within`, the UAR of a system of the test corpus on the same labels. It is None where none was
        measured.
        The diagonal has the system of the corpus itself, on the most labels that it shares with another corpus.
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
    """A cell of the matrix, with the UAR of a system of the test corpus on the same labels."""
    kind: Kind = "within" if source == tested else "rest" if source == REST else "pair"
    same_test = [row for row in rows if row["cross"]["test_on"] == tested]
    found = [
        row
        for row in same_test
        if row["cross"]["kind"] == kind and (kind != "pair" or row["cross"]["train_on"] == source)
    ]
    if not found:
        return None
    row = max(found, key=lambda other: len(other["cross"]["labels"]))
    labels = row["cross"]["labels"]
    within = [other for other in same_test if other["cross"]["kind"] == "within" and other["cross"]["labels"] == labels]
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
        "within": within[0]["uar"] if within else None,
    }
