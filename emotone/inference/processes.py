"""A function applied to many items in several processes; the results come in order."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

from emotone.errors import EmotoneError

Item = TypeVar("Item")
Result = TypeVar("Result")

_START = "import sys; sys.path[:] = {!r}; from emotone.inference.processes import _serve; _serve()"
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def map_in_processes(call: Callable[[Item], Result], items: Sequence[Item], processes: int) -> Iterator[Result]:
    """`call(item)` for each item, in order.

    Each process receives the call once, pickled, and uses one thread. Unlike the processes of `multiprocessing`, it
    does not import the main program, so that a script needs no `if __name__ == "__main__"`, and it is not forked from a
    process with running threads. All processes end with the iteration, also if it is not exhausted.

    Raises:
        EmotoneError: a process ended unexpectedly.
        Exception: raised by a call.

    >>> list(map_in_processes(abs, [-1, 2, -3], processes=2))
    [1, 2, 3]
    """
    started: list[_Process] = []
    free: SimpleQueue[_Process] = SimpleQueue()
    pool = ThreadPoolExecutor(processes)

    def result_of(item: Item) -> Any:
        process = free.get()
        try:
            return process.result(item)
        finally:
            free.put(process)

    try:
        pickled = pickle.dumps(call)
        for _ in range(min(processes, len(items))):
            started.append(_Process(pickled))
            free.put(started[-1])
        yield from pool.map(result_of, items)
    finally:
        for process in started:
            process.end()
        pool.shutdown(cancel_futures=True)


class _Process:
    """A process that runs `_serve`."""

    def __init__(self, call: bytes) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START.format(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | _ONE_THREAD,
        )
        self._unsent = call

    def result(self, item: Any) -> Any:
        """The result of the call for an item; raises what it raises."""
        unsent, self._unsent = self._unsent, b""
        try:
            self._process.stdin.write(unsent + pickle.dumps(item))  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
            result, problem = pickle.load(self._process.stdout)  # type: ignore[arg-type]
        except (OSError, EOFError, pickle.UnpicklingError) as broken:
            status = self._process.wait()
            raise EmotoneError(
                f"a process ended with status {status} at {str(item)[:200]}; is there enough memory?"
            ) from broken
        if problem is not None:
            raise problem
        return result

    def end(self) -> None:
        """Kill it; unfinished work is lost."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # unwritten data remained
                pipe.close()  # type: ignore[union-attr]


def _serve() -> None:
    """Read a call, then items until the input ends; write the result of each, or the exception."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # after Ctrl-C the parent process ends this one
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of libraries must not mix with the results
    call = pickle.load(incoming)
    while True:
        try:
            item = pickle.load(incoming)
        except EOFError:
            return
        try:
            reply: tuple[Any, Exception | None] = call(item), None
        except Exception as problem:
            reply = None, problem
        pickle.dump(reply, outgoing)
        outgoing.flush()
