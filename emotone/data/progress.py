"""Progress of long work: a callback that receives how many items of how many are done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Progress(Protocol):
    """What long work calls after each item; `print` is one, the command line's draws a bar."""

    def __call__(self, description: str, done: int, total: int, /) -> object: ...


def no_progress(description: str, done: int, total: int, /) -> None:
    """Shows nothing: the default."""


def track(items: Iterable[Item], description: str, total: int, progress: Progress) -> Iterator[Item]:
    """The items, one after the other; `progress` is called once before the first and after each.

    >>> list(track("ab", "letters", 2, print))
    letters 0 2
    letters 1 2
    letters 2 2
    ['a', 'b']
    """
    progress(description, 0, total)
    for done, item in enumerate(items, start=1):
        yield item
        progress(description, done, total)
