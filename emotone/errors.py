"""Exceptions of emotone: one tree, so that `except EmotoneError` catches all of them."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class EmotoneError(Exception):
    """The root. The text states what was given, what is right, and what to do."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the text, because the constructor of a subclass may compose it."""
        return self.__class__.__new__, (self.__class__, *self.args)


class UnknownName(EmotoneError):
    """A name that is not in a list; the text offers the nearest one and the whole list."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(name.lower(), names, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        super().__init__(f"no {what} {name!r}{hint} There are: {', '.join(names) or 'none'}")


class AudioError(EmotoneError):
    """Audio that cannot be used: not readable, empty, not finite, or an array of the wrong shape."""


class MissingExtra(EmotoneError):
    """An optional package is needed and not installed."""

    def __init__(self, need: str, extra: str) -> None:
        super().__init__(f"{need} needs optional packages; pip install 'emotone[{extra}]'")


class CorpusError(EmotoneError):
    """A corpus folder that is missing, empty, incomplete or not laid out as expected."""


class TableError(EmotoneError):
    """A table of clips with missing, duplicate or contradictory columns or rows."""


class SplitError(EmotoneError):
    """Folds that cannot be made from these clips."""


class LengthMismatch(EmotoneError):
    """Two sequences that belong together have different lengths."""

    def __init__(self, first: str, first_len: int, second: str, second_len: int) -> None:
        super().__init__(f"{first} has {first_len} items, {second} has {second_len}; both need one per clip")


class RecipeError(EmotoneError):
    """A recipe that cannot be read, or whose settings do not fit together."""


class RunError(EmotoneError):
    """A run folder that is missing, unfinished, damaged, or made from something else."""


class ModelError(EmotoneError):
    """A model that cannot be built, loaded or exported."""


class DownloadError(EmotoneError):
    """A corpus that could not be downloaded; the text says where to get it."""
