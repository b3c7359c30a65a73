"""BLAS threads are limited inside the context, and restored after it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from emotone.audio.blas import one_thread


def threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_contexts_may_be_nested() -> None:
    before = threads()
    with one_thread():
        with one_thread():
            assert threads() <= {1}
        assert threads() <= {1}
    assert threads() == before


def test_an_error_inside_restores_the_threads() -> None:
    before = threads()
    with pytest.raises(ZeroDivisionError), one_thread():
        raise ZeroDivisionError
    assert threads() == before


def test_contexts_of_several_threads_end_in_any_order() -> None:
    before = threads()

    def product(size: int) -> bool:
        with one_thread():
            values = np.ones((size, size))
            return bool((values @ values)[0, 0] == size)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(product, range(1, 200)))
    assert threads() == before
    with one_thread():
        assert threads() <= {1}
