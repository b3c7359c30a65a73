"""`emotone features`, `models`, `augmentations`, `recipes`: all items of a shelf, with their settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from emotone.cli.output import Json, print_json, print_table


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to the app."""
    app.command()(features)
    app.command()(models)
    app.command()(augmentations)
    app.command()(recipes)


def features(json: Json = False) -> None:
    """List the features and their settings."""
    from emotone.features import shelf

    _print(shelf, json, lambda item: {"gives": item.kind if isinstance(item.kind, str) else "as set"})


def models(json: Json = False) -> None:
    """List the models and their settings."""
    from emotone.models import shelf

    _print(shelf, json, lambda item: {"takes": " or ".join(item.takes)})


def augmentations(json: Json = False) -> None:
    """List the augmentations and their settings."""
    from emotone.augment import shelf

    _print(shelf, json, lambda item: {"works on": ", ".join(item.domains)})


def recipes(
    folder: Annotated[Path, typer.Argument(help="Folder of recipes.")] = Path("recipes"), json: Json = False
) -> None:
    """List the recipes in a folder, with the scores that their sources claim."""
    from emotone.runs import recipe_files
    from emotone.runs.recipe import load

    rows: list[dict[str, Any]] = []
    for path in recipe_files.listed([folder]):
        recipe = load(path)
        claimed = recipe.source.claimed if recipe.source else {}
        rows.append(
            {
                "recipe": str(path),
                "title": recipe.title,
                "corpora": [item.name for item in recipe.data.corpora],
                "labels": recipe.data.labels,
                "claimed": claimed,
            }
        )
    if json:
        print_json(rows)
    else:
        cells = [
            (
                row["recipe"],
                row["title"],
                " ".join(row["corpora"]),
                " ".join(f"{k} {v:g}" for k, v in row["claimed"].items()),
            )
            for row in rows
        ]
        print_table(("recipe", "title", "corpora", "claimed"), cells)


def _print(shelf: Any, json: bool, facts: Any) -> None:
    items = []
    for name in shelf.names():
        item = shelf.get(name)
        settings = {
            key: {
                "default": "(needed)" if field.is_required() else _plain(field.get_default(call_default_factory=True)),
                "description": field.description,
            }
            for key, field in item.model_fields.items()
        }
        items.append({"name": name, "about": item.__doc__.splitlines()[0], **facts(item), "settings": settings})
    if json:
        print_json(items)
        return
    fact = next(iter(facts(shelf.get(shelf.names()[0]))))
    rows = [
        (item["name"], item[fact], item["about"], " ".join(f"{k}={v['default']}" for k, v in item["settings"].items()))
        for item in items
    ]
    print_table(("name", fact, "description", "settings"), rows)


def _plain(default: Any) -> Any:
    """A default value in types that JSON knows; it may be a feature with settings of its own."""
    return default.model_dump(mode="json") if hasattr(default, "model_dump") else default
