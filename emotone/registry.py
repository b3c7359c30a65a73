"""A Shelf: a folder whose file names are the names users type."""

from __future__ import annotations

import pkgutil
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from emotone.errors import UnknownName


class Shelf:
    """The items of one folder, looked up by file name and imported on first use.

    `features/log_mel.py` holds the class `LogMel`, whose name is `log_mel`. Files that begin with an underscore are
    not items. Other packages add items through an entry point of the group `emotone.<folder>`: its name is the item's
    name, its value the class.

    >>> Shelf("emotone.features", "feature").get("log_mel").__name__
    'LogMel'
    """

    def __init__(self, package: str, noun: str) -> None:
        self.package = package
        self.noun = noun

    @cached_property
    def _folder_names(self) -> list[str]:
        folder = Path(str(import_module(self.package).__file__)).parent
        return [
            item.name
            for item in pkgutil.iter_modules([str(folder)])
            if not item.ispkg and not item.name.startswith("_")
        ]

    @cached_property
    def _entry_points(self) -> dict[str, Any]:
        return {entry.name: entry for entry in entry_points(group=f"emotone.{self.package.rpartition('.')[2]}")}

    def names(self) -> list[str]:
        """Every name on the shelf, sorted; nothing is imported."""
        return sorted({*self._folder_names, *self._entry_points})

    def get(self, name: str) -> Any:
        """The class of this name.

        Raises:
            UnknownName: no such item; the text offers the nearest name.
        """
        if name in self._folder_names:
            return getattr(import_module(f"{self.package}.{name}"), class_name(name))
        if name in self._entry_points:
            return self._entry_points[name].load()
        raise UnknownName(self.noun, name, self.names())


def class_name(file_name: str) -> str:
    """The class that a file of a shelf must hold.

    >>> class_name("zero_crossing_rate")
    'ZeroCrossingRate'
    """
    return "".join(part.capitalize() for part in file_name.split("_"))
