"""Everything emotone raises on purpose: one tree, so that `except EmotoneError` catches all of it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class EmotoneError(Exception):
    """The root. Its text says what came, what would be right, and what to do."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its text, for a subclass that makes the text itself would make it twice."""
        return self.__class__.__new__, (self.__class__, *self.args)


class UnknownName(EmotoneError):
    """A name that is not on a list; the text offers the nearest one and the whole list."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(name.lower(), names, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        super().__init__(f"no {what} {name!r}{hint} There are: {', '.join(names) or 'none'}")


class AudioError(EmotoneError):
    """Sound that cannot be used: not readable, empty, not finite, of a shape that says nothing."""


class MissingExtra(EmotoneError):
    """An optional package is needed and absent."""

    def __init__(self, need: str, extra: str) -> None:
        super().__init__(f"{need} needs an optional part; pip install 'emotone[{extra}]'")


class CorpusError(EmotoneError):
    """A corpus folder that is absent, empty, incomplete or not laid out as expected."""


class TableError(EmotoneError):
    """A table of clips with missing, doubled or contradictory columns."""


class SplitError(EmotoneError):
    """Folds that cannot be made from these clips."""


class LengthMismatch(EmotoneError):
    """Two sequences that belong together differ in length."""

    def __init__(self, first: str, first_len: int, second: str, second_len: int) -> None:
        super().__init__(f"{first} has {first_len} items, {second} has {second_len}; both need one per clip")


class RecipeError(EmotoneError):
    """A recipe that cannot be read, or asks for what does not fit together."""


class RunError(EmotoneError):
    """A run folder that is absent, unfinished, or made from something else."""


class ModelError(EmotoneError):
    """A model that cannot be built, loaded or exported."""


class DownloadError(EmotoneError):
    """A corpus that could not be fetched; the text says where it is to be had."""
