"""LAPACK's eigenvalue-only routines for tridiagonal matrices, called without the interpreter lock.

SciPy publishes the pointers of its LAPACK in ``scipy.linalg.cython_lapack``. Called through ``ctypes`` they run a batch
on all cores; SciPy's own wrappers, with one matrix per call and the lock held, cannot.
"""

import ctypes
import functools
import importlib
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

_PREFIX = {np.dtype(np.float32): "s", np.dtype(np.float64): "d"}
_POINTER = ctypes.c_void_p
_WORK_PER_THREAD = 200_000  # entries times rows, about 3 ms: below it a thread costs more than it saves
_ROWS_FOR_THREADS = 32  # smaller matrices are solved faster than threads can pass the lock


@functools.cache
def _routine(name: str, num_arguments: int) -> Callable[..., None]:
    capsule = importlib.import_module("scipy.linalg.cython_lapack").__pyx_capi__[name]
    get_name = ctypes.pythonapi.PyCapsule_GetName
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype, get_pointer.argtypes = _POINTER, [ctypes.py_object, ctypes.c_char_p]
    return ctypes.CFUNCTYPE(None, *[_POINTER] * num_arguments)(get_pointer(capsule, get_name(capsule)))


def batched_tridiagonal(diagonal: np.ndarray, off_diagonal: np.ndarray) -> np.ndarray:
    """Ascending eigenvalues of symmetric tridiagonal matrices (xSTERF: QL), (..., n) and (..., n−1)."""
    routine = _routine(_PREFIX[diagonal.dtype] + "sterf", 4)
    return _batched(lambda size, d, e, _, info: routine(size, d, e, info), diagonal, off_diagonal)


def batched_bidiagonal(diagonal: np.ndarray, off_diagonal: np.ndarray) -> np.ndarray:
    """Ascending singular values of bidiagonal matrices to high relative accuracy (xLASQ1: dqds)."""
    routine = _routine(_PREFIX[diagonal.dtype] + "lasq1", 5)
    padded = np.concatenate([off_diagonal, np.zeros_like(diagonal[..., :1])], axis=-1)
    return _batched(routine, diagonal, padded)[..., ::-1]


@functools.cache
def _cores() -> int:
    return os.cpu_count() or 1


def _batched(solve: Callable[..., None], diagonal: np.ndarray, off_diagonal: np.ndarray) -> np.ndarray:
    """``solve(size, diagonal, off_diagonal, work, info)``, all pointers, for every row, on all cores."""
    n = diagonal.shape[-1]
    values = np.array(diagonal, order="C").reshape(-1, n)
    off = np.array(off_diagonal, order="C").reshape(len(values), -1)
    bad = ~(np.isfinite(values).all(-1) & np.isfinite(off).all(-1))
    values[bad], off[bad] = 0, 0  # LAPACK may not return from a NaN
    useful = 1 + values.size * n // _WORK_PER_THREAD if n >= _ROWS_FOR_THREADS else 1
    num_threads = max(1, min(_cores(), useful, len(values)))
    edges = np.linspace(0, len(values), num_threads + 1).astype(int).tolist()
    chunks = [(values[a:b], off[a:b]) for a, b in itertools.pairwise(edges)]
    if num_threads == 1:
        failed = [_solve_rows(solve, *chunks[0])]
    else:
        with ThreadPoolExecutor(num_threads) as pool:
            failed = list(pool.map(lambda chunk: _solve_rows(solve, *chunk), chunks))
    values[bad | np.concatenate(failed)] = np.nan  # passed on as NaN, never as a number
    return values.reshape(diagonal.shape)


def _solve_rows(solve: Callable[..., None], values: np.ndarray, off: np.ndarray) -> np.ndarray:
    """Replace each row by its eigenvalues with a LAPACK routine, in place; returns which rows failed."""
    size, info = ctypes.c_int(values.shape[-1]), ctypes.c_int(0)
    work = np.empty(4 * values.shape[-1], values.dtype)
    size_at, info_at, work_at = ctypes.addressof(size), ctypes.addressof(info), work.ctypes.data
    values_at, off_at = values.ctypes.data, off.ctypes.data
    failed = np.zeros(len(values), bool)
    for row in range(len(values)):
        solve(size_at, values_at, off_at, work_at, info_at)
        failed[row] = info.value != 0
        values_at, off_at = values_at + values.strides[0], off_at + off.strides[0]
    return failed
