"""Which of many recordings are heard together: small files that are neighbours."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress

from emotone.audio.read import Source

_AT_ONCE, _MOST_BYTES = 32, 4_000_000  # files that are heard together, and what they may hold: memory has its limits


def groups(sources: Sequence[Source]) -> Iterator[list[Source]]:
    """Neighbours that are heard together, in order: some small files, or one of something else.

    >>> import io
    >>> [len(group) for group in groups(["a.wav", "b.wav", io.BytesIO()])]
    [1, 1, 1]
    """
    group: list[Source] = []
    held = 0
    for source in sources:
        size = _bytes(source)
        if group and (len(group) == _AT_ONCE or held + size > _MOST_BYTES):
            yield group
            group, held = [], 0
        group.append(source)
        held += size
    if group:
        yield group


def is_file_name(source: Source) -> bool:
    """Whether it is a path, not `-`, an open file or an array."""
    return isinstance(source, str | os.PathLike) and str(source) != "-"


def _bytes(source: Source) -> int:
    """Of a file; what is none is as much as may be heard together."""
    if isinstance(source, str | os.PathLike):
        with suppress(OSError):
            return os.path.getsize(source)
    return _MOST_BYTES
