"""Reference page of every command, recipe setting and shelf item, written from the code.

python -m scripts.pages.reference    # docs/reference.md; tests/test_documents.py compares it
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
import typer.core
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from emotone import augment, features, models
from emotone.audio import disturbances
from emotone.cli import app
from emotone.data import corpora
from emotone.files import atomic_write
from emotone.runs import recipe_files
from emotone.runs.recipe import Recipe, load

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "reference.md"
_HEAD = """# Reference

Every command, recipe setting and shelf item with its settings and defaults. Written from the code by
`python -m scripts.pages.reference`; do not edit it by hand.

[Commands](#commands) · [Recipe settings](#recipe-settings) · [Features](#features) · [Models](#models) ·
[Augmentations](#augmentations) · [Disturbances](#disturbances) · [Corpora](#corpora) · [Recipes](#recipes)
"""


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join(
        [_HEAD, *_commands(), *_recipe_settings(), *_shelves(), *_disturbances(), *_corpora(), *_recipes()]
    )


def _commands() -> Iterator[str]:
    yield "## Commands\n"
    for name, command in _flat(typer.main.get_command(app)):
        yield f"### emotone {name}\n"
        yield f"{_one_line(command.help)}\n"
        rows = [_parameter(parameter) for parameter in command.params if parameter.name != "help"]
        if rows:
            yield _table(("argument or option", "default", "meaning"), rows)


def _flat(command: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every command below this one by its full name, as typed."""
    for name, below in command.commands.items():
        if getattr(below, "commands", None):
            if below.invoke_without_command:
                yield prefix + name, below
            yield from _flat(below, f"{prefix}{name} ")
        else:
            yield prefix + name, below


def _parameter(parameter: Any) -> tuple[str, str, str]:
    argument = isinstance(parameter, typer.core.TyperArgument)
    names = [str(parameter.name)] if argument else [*parameter.opts, *parameter.secondary_opts]
    if parameter.required:
        default = "required"
    elif getattr(parameter, "is_flag", False):
        default = "on" if parameter.default else "off"
    else:
        default = _value(parameter.default)
    if parameter.envvar:
        default = f"`${parameter.envvar}`"
    return ", ".join(f"`{name}`" for name in names), default, _one_line(parameter.help)


def _recipe_settings() -> Iterator[str]:
    yield "## Recipe settings\n"
    yield (
        "A recipe is a YAML file with these keys. `--set data.folds=5` overrides one of them. `feature`, `model` and "
        "the lists under `augment` name an item of a shelf below, alone or with its settings: "
        "`{name: log_mel, mels: 64}`.\n"
    )
    yield from _settings_of(Recipe, "")


def _settings_of(settings: type[BaseModel], prefix: str) -> Iterator[str]:
    """A table of the plain settings, then one for every part that has settings of its own."""
    parts = {key: part for key, field in settings.model_fields.items() if (part := _part(field)) is not None}
    plain = {key: field for key, field in settings.model_fields.items() if key not in parts}
    yield _settings(plain, prefix)
    for key, part in parts.items():
        yield f"### {prefix}{key}\n"
        yield from _settings_of(part, f"{prefix}{key}.")


def _part(field: FieldInfo) -> type[BaseModel] | None:
    """The class of a setting that is itself a group of fixed settings."""
    options = [field.annotation, *getattr(field.annotation, "__args__", ())]
    found = [kind for kind in options if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return found[0] if found and found[0].model_config.get("extra") == "forbid" else None


def _shelves() -> Iterator[str]:
    shelves = (
        ("Features", features.shelf, lambda item: f"gives {_kind(item)}"),
        ("Models", models.shelf, lambda item: f"takes {' or '.join(item.takes)}"),
        ("Augmentations", augment.shelf, lambda item: f"works on {', '.join(item.domains)}"),
    )
    for title, shelf, fact in shelves:
        yield f"## {title}\n"
        for name in shelf.names():
            item = shelf.get(name)
            yield f"### {name}\n"
            yield f"{_summary(item)} *({fact(item)})*\n"
            if item.model_fields:
                yield _settings(item.model_fields)


def _kind(feature: Any) -> str:
    return feature.kind if isinstance(feature.kind, str) else "what its settings ask for"


def _disturbances() -> Iterator[str]:
    yield "## Disturbances\n"
    yield "`emotone stress` applies each of them. See [stress.md](stress.md).\n"
    rows = [
        (group.name, disturbance.name, disturbance.about)
        for group in disturbances.GROUPS
        for disturbance in group.disturbances
    ]
    yield _table(("group", "disturbance", "what it does"), rows)


def _corpora() -> Iterator[str]:
    yield "## Corpora\n"
    rows = []
    for name in corpora.published_names():
        corpus = corpora.published(name)
        counts = ", ".join(f"{emotion} {clips}" for emotion, clips in corpus.classes.items())
        rows.append((name, corpus.title, corpus.language, corpus.clips, corpus.speakers, counts, corpus.licence))
    yield _table(("name", "title", "language", "clips", "speakers", "clips per emotion", "licence"), rows)


def _recipes() -> Iterator[str]:
    yield "## Recipes\n"
    rows = []
    for path in recipe_files.listed([REPOSITORY / "recipes"]):
        recipe = load(path)
        claimed = recipe.source.claimed if recipe.source else {}
        names = ", ".join(item.name for item in recipe.data.corpora)
        scores = ", ".join(f"{score} {value:g}" for score, value in claimed.items())
        rows.append((f"`{path.relative_to(REPOSITORY).as_posix()}`", recipe.title, names, scores))
    yield _table(("recipe", "title", "corpora", "claimed"), rows)


def _settings(fields: Mapping[str, FieldInfo], prefix: str = "") -> str:
    rows = [
        (
            f"`{prefix}{key}`",
            "required" if field.is_required() else _value(field.get_default(call_default_factory=True)),
            _one_line(field.description) or "an item of its shelf, below",
        )
        for key, field in fields.items()
    ]
    return _table(("setting", "default", "meaning"), rows)


def _value(value: Any) -> str:
    """A default as it is typed in a recipe."""
    if value is None or value == "":
        return "none" if value is None else '""'
    if isinstance(value, BaseModel):
        return ", ".join(f"{key}: {getattr(value, key)}" for key in sorted(value.model_fields_set)) or "its defaults"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_value(below)}" for key, below in value.items()) + "}"
    return str(value)


def _summary(item: Any) -> str:
    return _one_line(item.__doc__.split("\n\n")[0])


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [columns, ["---"] * len(columns), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def main() -> None:
    with atomic_write(PAGE) as temporary:
        temporary.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
