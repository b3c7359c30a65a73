"""Many recordings in parallel: in processes if they are hundreds of files, else in threads."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TypeVar

from emotone.audio.read import Source
from emotone.audio.source import is_path
from emotone.inference.batching import groups
from emotone.inference.processes import map_in_processes

Result = TypeVar("Result")
_FILES_PER_PROCESS = 100  # about as many are classified while a process starts


def map_sources(
    call: Callable[[Sequence[Source]], list[Result]], sources: Sequence[Source], workers: int, processes: int
) -> Generator[Result]:
    """The results for each source, in order.

    Args:
        call: takes several sources; one result for each.
        workers: number of threads, or of processes.
        processes: the largest number of processes.

    >>> list(map_sources(lambda some: [f"{one}.txt" for one in some], ["a", "b", "c"], workers=2, processes=1))
    ['a.txt', 'b.txt', 'c.txt']
    """
    processes = min(workers, processes, len(sources) // _FILES_PER_PROCESS)
    if workers == 1 or len(sources) == 1:
        yield from chain.from_iterable(map(call, groups(sources)))
    elif processes > 1 and all(map(is_path, sources)):
        yield from chain.from_iterable(map_in_processes(call, list(groups(sources)), processes))
    else:
        pool = ThreadPoolExecutor(workers)
        try:
            yield from chain.from_iterable(pool.map(call, ([source] for source in sources)))
        finally:
            pool.shutdown(cancel_futures=True)
