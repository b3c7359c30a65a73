"""Plan of a benchmark, and its cells: every recipe on every corpus, under every protocol and setting."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
        recipe: of the runs.
        name: of the recipe, for the table.
        folders: one per seed.
        varied: settings that differ between the rows of the table.
        changes: settings that were changed for the whole table.
        instead_of: the corpora of the recipe, if others replace them.
        cross: its place in a cross-corpus matrix, if it is a part of one.
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
        """Its corpora, joined."""
        across = self.cross is not None and self.cross.kind != "within"
        return f"{self.cross.train_on} → {self.cross.test_on}" if self.cross and across else _joined(self.recipe)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What distinguishes it from the other cells of a table."""
        varied = {**self.varied, **({"labels": self.cross.labels} if self.cross else {})}
        return self.name, self.corpora, self.recipe.data.protocol, json.dumps(varied, sort_keys=True)

    def seeded(self) -> list[Recipe]:
        """The recipe of each seed."""
        return [self.recipe.model_copy(update={"seed": self.recipe.seed + n}) for n in range(len(self.folders))]

    def on_others(self, instead: Sequence[str]) -> Cell:
        """The cell with other corpora in place of its own."""
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
        """The cell with random weights in place of pretrained ones, in one short run; none without pretrained weights.

        It is not part of a matrix, because its score is not a result.
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


@dataclass(frozen=True)
class Plan:
    """What a benchmark runs.

    Attributes:
        recipes: recipe files, and folders of them.
        corpora: each alone, or several joined by `+`; empty means the corpora that a recipe names, together.
        instead: corpora for the recipes none of whose corpora is found; the table states it.
        protocols: each in turn; empty means the one that a recipe names, and for recipes with a claim also `random`,
            under which such claims are made.
        vary: setting -> values to try in turn.
        leaks: each recipe without a leak and with each of `leak_simulation.STEPS`.
        changes: overrides for every recipe (`training.epochs=5`).
        seeds: runs per cell; scores are their means, `spread` their standard deviation.
    """

    recipes: Sequence[str | os.PathLike[str]]
    corpora: Sequence[str] = ()
    instead: Sequence[str] = ()
    protocols: Sequence[str] = ()
    vary: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    leaks: bool = False
    changes: Sequence[str] = ()
    seeds: int = 1

    def cells(self, out: Path, data: Path) -> Iterator[Cell]:
        """All cells; a cross-corpus cell as one per pair of corpora, as far as they are in the folder `data`.

        Raises:
            RecipeError: a recipe that cannot be read; before the first cell.
        """
        yield from _by_corpus_pair(self._whole_cells(out), data, self.instead)

    def _whole_cells(self, out: Path) -> list[Cell]:
        found = []
        for path in recipe_files.listed(self.recipes):
            plain = recipes.load(path, self.changes)
            claims = ["random"] if plain.source and plain.source.claimed else []
            default = list(dict.fromkeys([*claims, plain.data.protocol]))
            for corpus, (asked, varied) in product(self.corpora or [""], self._settings()):
                for protocol in [asked] if asked else default:
                    more = [f"data.corpora=[{', '.join(corpus.split('+'))}]"] if corpus else []
                    more += [f"data.protocol={protocol}", *(f"{key}={value}" for key, value in varied.items())]
                    recipe = recipes.load(path, [*self.changes, *more])
                    where = "-".join([_joined(recipe), recipe.data.protocol, *map(str, varied.values())])
                    place = out / path.parent.name / path.stem / where
                    folders = tuple(place / f"seed-{recipe.seed + seed}" for seed in range(self.seeds))
                    name = f"{path.parent.name}/{path.stem}"
                    found.append(Cell(recipe, name, folders, varied, tuple(self.changes)))
        return found

    def _settings(self) -> list[tuple[str, dict[str, Any]]]:
        """(protocol, settings) to try in turn; an empty protocol is the default of the recipe."""
        if self.leaks:
            return [(protocol, {"data.leak": leak or "null"}) for protocol, leak in STEPS]
        varied = [dict(zip(self.vary, values, strict=True)) for values in product(*self.vary.values())]
        return [(protocol, settings) for settings in varied for protocol in self.protocols or [""]]


def _by_corpus_pair(whole: Iterable[Cell], data: Path, instead: Sequence[str]) -> Iterator[Cell]:
    """Each cross-corpus cell in its parts; one with too few corpora stays whole, and fails with a reason."""
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
