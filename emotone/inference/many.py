"""Several recordings taken through a step: what failed on the way stays the reason why, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from emotone.errors import AudioError, EmotoneError, MissingExtra


def each(step: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """What a step makes of each; of a recording that it cannot use, why.

    >>> each(len, ["sound", AudioError("empty")])
    [5, AudioError('empty')]
    """
    done = []
    for item in items:
        if not isinstance(item, EmotoneError):
            try:
                item = step(item)
            except (AudioError, MissingExtra) as problem:
                item = problem
        done.append(item)
    return done


def at_once(step: Callable[[list[Any]], Sequence[Any]], items: Sequence[Any]) -> list[Any]:
    """What a step makes of all that have not failed, given to it together; it is not asked where there is none.

    >>> at_once(lambda given: [len(given)] * len(given), ["a", AudioError("empty"), "b"])
    [2, AudioError('empty'), 2]
    """
    given = [item for item in items if not isinstance(item, EmotoneError)]
    made = iter(step(given) if given else [])
    return [item if isinstance(item, EmotoneError) else next(made) for item in items]
