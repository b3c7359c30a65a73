"""A call of many items, shared out to processes; what it gives comes in order."""

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
    """`call` of each item, in order.

    Each process is given the call once, pickled, and has one thread. Unlike those of `multiprocessing` it neither
    imports the program that asks, so that a script needs no guard, nor is it forked beneath running threads. When no
    more results are asked for, whatever the reason, all of them end.

    Raises:
        EmotoneError: a process ended that should not have.
        Exception: what a call raises.

    >>> list(map_in_processes(abs, [-1, 2, -3], processes=2))
    [1, 2, 3]
    """
    started: list[_Process] = []
    free: SimpleQueue[_Process] = SimpleQueue()
    pool = ThreadPoolExecutor(processes)

    def done(item: Item) -> Any:
        process = free.get()
        try:
            return process.result(item)
        finally:
            free.put(process)

    try:
        given = pickle.dumps(call)
        for _ in range(min(processes, len(items))):
            started.append(_Process(given))
            free.put(started[-1])
        yield from pool.map(done, items)
    finally:
        for process in started:
            process.end()
        pool.shutdown(cancel_futures=True)


class _Process:
    """One that runs `_serve`, as seen from here."""

    def __init__(self, given: bytes) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START.format(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | _ONE_THREAD,
        )
        self._given = given

    def result(self, item: Any) -> Any:
        """What the call gives for an item, or raises."""
        given, self._given = self._given, b""
        try:
            self._process.stdin.write(given + pickle.dumps(item))  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
            result, problem = pickle.load(self._process.stdout)  # type: ignore[arg-type]
        except (OSError, EOFError, pickle.UnpicklingError) as broken:
            status = self._process.wait()
            raise EmotoneError(
                f"a process ended with status {status} at {str(item)[:200]}; is there memory enough? workers=1 does "
                "without processes"
            ) from broken
        if problem is not None:
            raise problem
        return result

    def end(self) -> None:
        """Nothing that it has or does is wanted any more."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # something was still to be written
                pipe.close()  # type: ignore[union-attr]


def _serve() -> None:
    """Take a call, then items until there are no more; give for each the result, or what was raised."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # after Ctrl-C it is for the process that asks to end this one
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between
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
