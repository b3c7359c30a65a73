"""The cells of a benchmark: every recipe on every corpus in every way, across corpora in parts, with their folders."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from emotone.errors import CorpusError
from emotone.runs import cross_corpus, recipe_files
from emotone.runs import recipe as recipes
from emotone.runs.cross_corpus import Part
from emotone.runs.leak_simulation import STEPS
from emotone.runs.recipe import Item, Recipe


@dataclass(frozen=True)
class Cell:
    """One recipe on one set of corpora under one protocol: a row of the table, with a run per seed.

    Attributes:
        recipe: what is trained.
        name: of the recipe, for the table.
        folders: one per seed.
        varied: settings that are varied within the table.
        changes: settings that were changed for the whole table.
        instead_of: the corpora of the recipe, where others stand in for them.
        cross: its place in a matrix of corpora, if it is a part of one.
    """

    recipe: Recipe
    name: str
    folders: tuple[Path, ...]
    varied: Mapping[str, Any]
    changes: tuple[str, ...] = ()
    instead_of: tuple[str, ...] = ()
    cross: Part | None = None

    @property
    def corpora(self) -> str:
        """The corpora asked for, joined."""
        across = self.cross is not None and self.cross.kind != "within"
        return f"{self.cross.train_on} → {self.cross.test_on}" if self.cross and across else _joined(self.recipe)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells it from the other cells of a table."""
        varied = {**self.varied, **({"labels": self.cross.labels} if self.cross else {})}
        return self.name, self.corpora, self.recipe.data.protocol, json.dumps(varied, sort_keys=True)

    def seeded(self) -> list[Recipe]:
        """The recipe of each seed."""
        return [self.recipe.model_copy(update={"seed": self.recipe.seed + n}) for n in range(len(self.folders))]

    def on_others(self, instead: Sequence[str]) -> Cell:
        """The cell with other corpora, which stand in for its own."""
        names = tuple(item.name for item in self.recipe.data.corpora)
        chosen = self.recipe.data.model_copy(update={"corpora": tuple(Item(name=name) for name in instead)})
        recipe = self.recipe.model_copy(update={"data": chosen})
        old = _joined(self.recipe)
        folders = tuple(
            place.parent.with_name(place.parent.name.replace(old, _joined(recipe), 1)) / place.name
            for place in self.folders
        )
        return replace(self, recipe=recipe, folders=folders, instead_of=names)

    def untrained(self) -> list[Cell]:
        """The cell with random weights where it wants pretrained ones, in one short run; none where it wants none.

        It is no part of a matrix: its score is no result.
        """
        parts = {"feature": self.recipe.make_feature().untrained, "model": self.recipe.make_model().untrained}
        settings = self.recipe.model_dump(mode="json")
        if not any(parts.values()):
            return []
        for part, values in parts.items():
            settings[part] |= values
        settings["training"] |= {"epochs": 1}
        settings["data"] |= {"run_folds": 1}
        folders = tuple(place.with_name(f"{place.name}-untrained") for place in self.folders)
        return [replace(self, recipe=recipes.parse(settings), folders=folders, cross=None)]


def ways(protocols: Sequence[str], vary: Mapping[str, Sequence[Any]], leaks: bool) -> list[tuple[str, dict[str, Any]]]:
    """(protocol, settings) to try in turn; an empty protocol is the recipe's."""
    if leaks:
        return [(protocol, {"data.leak": leak or "null"}) for protocol, leak in STEPS]
    varied = [dict(zip(vary, values, strict=True)) for values in product(*vary.values())]
    return [(protocol, settings) for settings in varied for protocol in protocols or [""]]


def listed(
    paths: Iterable[str | os.PathLike[str]],
    corpora: Sequence[str],
    ways: Sequence[tuple[str, dict[str, Any]]],
    changes: Sequence[str],
    seeds: int,
    folder: Path,
) -> list[Cell]:
    """Each recipe on each corpus in each way.

    Raises:
        RecipeError: a recipe that cannot be read.
    """
    found = []
    for path in recipe_files.listed(paths):
        plain = recipes.load(path, changes)
        claims = ["random"] if plain.source and plain.source.claimed else []
        own = list(dict.fromkeys([*claims, plain.data.protocol]))
        for corpus, (asked, varied) in product(corpora or [""], ways):
            for protocol in [asked] if asked else own:
                more = [f"data.corpora=[{', '.join(corpus.split('+'))}]"] if corpus else []
                more += [f"data.protocol={protocol}", *(f"{key}={value}" for key, value in varied.items())]
                recipe = recipes.load(path, [*changes, *more])
                name = f"{path.parent.name}/{path.stem}"
                where = "-".join([_joined(recipe), recipe.data.protocol, *map(str, varied.values())])
                place = folder / path.parent.name / path.stem / where
                folders = tuple(place / f"seed-{recipe.seed + seed}" for seed in range(seeds))
                found.append(Cell(recipe, name, folders, varied, tuple(changes)))
    return found


def parted(whole: Iterable[Cell], data: Path, instead: Sequence[str]) -> Iterator[Cell]:
    """The cells, each that goes across corpora in its parts; one of too few corpora stays whole, to fail by name."""
    for cell in whole:
        if cell.recipe.data.protocol != "cross-corpus" or cell.recipe.data.test_on:
            yield cell
            continue
        for tried in [cell, *([cell.on_others(instead)] if instead else [])]:
            try:
                made = cross_corpus.parts(tried.recipe, data)
            except CorpusError:
                continue
            for part in made:
                folders = tuple(place.parent / part.name / place.name for place in tried.folders)
                yield replace(tried, recipe=part.recipe, folders=folders, cross=part)
            break
        else:
            yield cell


def _joined(recipe: Recipe) -> str:
    return "+".join(Path(item.name).stem for item in recipe.data.corpora)
