"""Recipe files: the files in a folder, and the content of each, merged with the file it extends."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from emotone.errors import RecipeError

EXTENDS = "extends"
_MAX_BYTES = 1_000_000
_MAX_DEPTH = 30


def read(path: Path) -> dict[str, Any]:
    """The content of a recipe file, merged over the file that it `extends` (relative to the file).

    Raises:
        RecipeError: not readable, not a mapping, or files that extend each other in a circle.
    """
    chain: list[Path] = []
    layers: list[dict[str, Any]] = []
    place: Path | None = path
    while place is not None:
        layer = _content(place, asked_by=path)
        if place.resolve() in chain:
            files = " -> ".join(file.name for file in [*chain, place])
            raise RecipeError(f"{path}: `{EXTENDS}` makes a circle ({files}); one of them must extend nothing")
        chain.append(place.resolve())
        layers.append(layer)
        place = _extended(place, layer)
    content: dict[str, Any] = {}
    for layer in reversed(layers):
        content = merged(content, layer)
    return content


def listed(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Recipe files and those in folders, in a fixed order, none twice.

    Raises:
        RecipeError: a folder without any.
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        inside = sorted(path.rglob("*.yaml")) if path.is_dir() else [path]
        if not inside:
            raise RecipeError(f"no recipe (*.yaml) in {path}")
        found.update(dict.fromkeys(inside))
    return list(found)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """One mapping over another: nested mappings are merged, everything else is replaced, lists as a whole.

    A feature or model of another name replaces the one below, because its settings are different; so does `claimed`,
    because a claim is about one system.

    >>> merged({"model": {"name": "cnn", "dropout": 0.3}, "seed": 1}, {"model": {"dropout": 0}})
    {'model': {'name': 'cnn', 'dropout': 0}, 'seed': 1}
    """
    result = dict(below)
    for key, value in above.items():
        old: Any = result.get(key)
        if isinstance(old, str) and key in ("feature", "model"):  # `model: lda` is short for `{name: lda}`
            old = {"name": old}
        both = isinstance(old, Mapping) and isinstance(value, Mapping) and key != "claimed"
        result[key] = merged(old, value) if both and value.get("name", old.get("name")) == old.get("name") else value
    return result


def from_yaml(text: str) -> Any:
    """The content of a YAML text.

    Raises:
        YAMLError: not YAML; a key twice in a mapping; an alias, which a recipe does not need and which can stand for
            gigabytes; or too deep nesting.
    """
    try:
        return yaml.load(text, _Loader)
    except (ValueError, TypeError, RecursionError) as problem:  # a number of thousands of digits, a key that is a list
        raise yaml.YAMLError(str(problem)) from problem


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses duplicate keys, aliases and deep nesting."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.YAMLError(f"an alias in line {mark.line + 1}; write the value out, or use `{EXTENDS}`")
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise yaml.YAMLError(f"more than {_MAX_DEPTH} levels of nesting")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                line = node.value[place][0].start_mark.line + 1
                raise yaml.YAMLError(f"{key!r:.50} is set twice, again in line {line}")
        return super().construct_mapping(node, deep)


def _extended(file: Path, content: dict[str, Any]) -> Path | None:
    """The file named by `extends`, which is removed from the content."""
    name = content.pop(EXTENDS, None)
    if name is None:
        return None
    if not isinstance(name, str) or not name or "\0" in name:
        raise RecipeError(f"{file}: {EXTENDS} is {name!r:.50}; name one recipe file, relative to this one")
    return file.parent / name


def _content(file: Path, *, asked_by: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as handle:
            encoded = handle.read(_MAX_BYTES + 1)
        if len(encoded) > _MAX_BYTES:
            raise RecipeError(f"{file}: more than {_MAX_BYTES // 1000} kB; is it a recipe?")
        content = from_yaml(encoded.decode("utf-8-sig"))
    except FileNotFoundError:
        hint = "`emotone recipes` lists the recipes" if file == asked_by else f"{asked_by} extends it"
        raise RecipeError(f"no recipe {file}; {hint}") from None
    except (OSError, ValueError, yaml.YAMLError) as problem:
        raise RecipeError(f"{file}: not readable as YAML ({' '.join(str(problem).split())[:300]})") from problem
    if not isinstance(content, dict):
        raise RecipeError(f"{file}: a recipe is a mapping (title, data, feature, model ...)")
    return content
