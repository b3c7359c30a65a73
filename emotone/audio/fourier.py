"""scipy's Fourier transforms of real sequences, without the 125 ms that importing `scipy.fft` takes."""

from __future__ import annotations

from functools import lru_cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray


def rfft(values: NDArray[np.float32], n: int | None = None) -> NDArray[np.complex64]:
    """(..., n // 2 + 1) transform of (..., n) along the last axis; shorter input is padded with zeros.

    >>> rfft(np.ones((1, 3), dtype=np.float32), 4).round(3).tolist()
    [[(3+0j), -1j, (1+0j)]]
    """
    if _pocketfft is None:
        import scipy.fft

        return np.asarray(scipy.fft.rfft(values, n))
    found: NDArray[np.complex64] = _pocketfft.r2c(_zero_padded(values, n), (values.ndim - 1,), True, 0, None, 1)
    return found


def irfft(spectra: NDArray[Any], n: int) -> NDArray[np.float32]:
    """(..., n) inverse of `rfft` for (..., n // 2 + 1) complex or real values; shorter input is padded with zeros."""
    if _pocketfft is None:
        import scipy.fft

        return np.asarray(scipy.fft.irfft(spectra, n))
    whole = _zero_padded(spectra, n // 2 + 1) + 0j
    found: NDArray[np.float32] = _pocketfft.c2r(whole, (whole.ndim - 1,), n, False, 2, None, 1)
    return found


def next_fast_len(length: int) -> int:
    """The smallest length >= `length` whose transform is fast.

    >>> next_fast_len(797)
    800
    """
    if _pocketfft is None:
        import scipy.fft

        return int(scipy.fft.next_fast_len(length, real=True))
    return int(_pocketfft.good_size(length, True))


@lru_cache(maxsize=16)
def cosines(size: int, count: int) -> NDArray[np.float64]:
    """(count, size) matrix of the first orthonormal DCT-II coefficients of `size` values; read-only.

    >>> (cosines(3, 2) @ [1, 1, 1]).round(3).tolist()
    [1.732, 0.0]
    """
    places = (np.arange(size) + 0.5) * np.pi / size
    rows: NDArray[np.float64] = np.cos(np.arange(count)[:, None] * places) * np.sqrt(2 / size)
    rows[:1] *= np.sqrt(0.5)
    rows.flags.writeable = False
    return rows


def _zero_padded(values: NDArray[Any], n: int | None) -> NDArray[Any]:
    if n is None or n == values.shape[-1]:
        return values
    longer = np.zeros((*values.shape[:-1], n), dtype=values.dtype)
    longer[..., : values.shape[-1]] = values
    return longer


def _compiled() -> ModuleType | None:
    """scipy's compiled module, loaded without the packages around it; None if scipy keeps it elsewhere."""
    name, scipy = "scipy.fft._pocketfft.pypocketfft", find_spec("scipy")
    if scipy is None or not scipy.submodule_search_locations:
        return None
    spec = PathFinder.find_spec(name, [f"{scipy.submodule_search_locations[0]}/fft/_pocketfft"])
    if spec is None or spec.loader is None:
        return None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_pocketfft = _compiled()
