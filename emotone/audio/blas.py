"""One BLAS thread during small matrix products, which wait for each other on a busy machine."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

_LIMITED = threading.Lock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit the BLAS libraries of this process to one thread inside the context.

    The products of feature extraction and of the speech gate are too small for several threads: OpenBLAS then waits at
    each product until the second core is free, which takes several times as long on a busy machine and is hardly
    faster on an idle one. Wrap whole recordings or blocks of them, not single products.

    The limit holds for the whole process, so only the first of several contexts, nested or in other threads, sets and
    removes it; the others do nothing.

    >>> from threadpoolctl import threadpool_info
    >>> with one_thread():
    ...     {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"} <= {1}
    True
    """
    if not _LIMITED.acquire(blocking=False):
        yield
        return
    try:
        with _libraries("scipy.linalg" in sys.modules).limit(limits=1, user_api="blas"):
            yield
    finally:
        _LIMITED.release()


@lru_cache(maxsize=2)
def _libraries(scipy_is_loaded: bool) -> Any:
    """The BLAS libraries that are loaded; scipy brings one of its own."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
