"""Recordings that are classified together, and steps in which a failed one does not stop the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar

from emotone.audio.read import Source
from emotone.audio.source import is_path
from emotone.errors import AudioError, EmotoneError, MissingExtra

Item = TypeVar("Item")
_MAX_FILES, _MAX_BYTES = 32, 4_000_000  # of a group: what its recordings become must fit in memory


def groups(sources: Sequence[Source]) -> Iterator[list[Source]]:
    """Neighbours that are classified together, in order: several small files, or one of anything else.

    >>> import io
    >>> [len(group) for group in groups(["a.wav", "b.wav", io.BytesIO()])]
    [1, 1, 1]
    """
    group: list[Source] = []
    total = 0
    for source in sources:
        size = _size_bytes(source)
        if group and (len(group) == _MAX_FILES or total + size > _MAX_BYTES):
            yield group
            group, total = [], 0
        group.append(source)
        total += size
    if group:
        yield group


def map_catching(step: Callable[[Any], Any], items: Sequence[Any], names: Sequence[str]) -> list[Any]:
    """The result of a step for each item, or its error; an item that is an error already is returned as it is.

    An error that is about the model or the arguments, not about one recording, is raised.

    Args:
        step: applied to one item.
        items: of the recordings, or `AudioError` and `MissingExtra` from an earlier step.
        names: of the recordings, for the text of unexpected errors.

    >>> map_catching(len, ["sound", AudioError("empty"), 5], ["a.wav", "b.wav", "c.wav"])
    [5, AudioError('empty'), AudioError("c.wav: cannot be used (TypeError: object of type 'int' has no len())")]
    """
    results = []
    for item, name in zip(items, names, strict=True):
        if not isinstance(item, EmotoneError):
            try:
                item = step(item)
            except (AudioError, MissingExtra) as problem:
                item = problem
            except EmotoneError:
                raise
            except Exception as problem:  # whatever a library raises concerns this recording only
                reason = " ".join(str(problem).split())[:300]
                item = AudioError(f"{name}: cannot be used ({type(problem).__name__}: {reason})")
        results.append(item)
    return results


def batch_catching(step: Callable[[list[Any]], Sequence[Any]], items: Sequence[Any], names: Sequence[str]) -> list[Any]:
    """As `map_catching`, for a step that takes all items without an error at once; item by item if it fails.

    >>> batch_catching(lambda batch: [len(batch)] * len(batch), ["a", AudioError("empty"), "b"], ["1", "2", "3"])
    [2, AudioError('empty'), 2]
    """
    batch = [item for item in items if not isinstance(item, EmotoneError)]
    try:
        results = iter(step(batch) if batch else [])
    except EmotoneError:
        raise
    except Exception:
        return map_catching(lambda item: step([item])[0], items, names)
    return [item if isinstance(item, EmotoneError) else next(results) for item in items]


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of this size; the last may be shorter.

    >>> list(batched("abc", 2))
    [['a', 'b'], ['c']]
    """
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


def _size_bytes(source: Source) -> int:
    """The size of a file; anything else fills a group of its own."""
    if is_path(source):
        with suppress(OSError, ValueError):
            return os.path.getsize(source)  # type: ignore[arg-type]
    return _MAX_BYTES
