"""The eigenproblem of one weight matrix: Gram matrix in blocks, all levels, and the singular vectors of some.

The Gram matrix G of the shorter side (N) is summed in float64 over blocks of rows, one triangle of it. Householder
reflections make it tridiagonal in place, T = Qᵀ G Q, which is nearly all of the work; the levels are those of T, and
the vector of a level costs N² more: the vector of T, by inverse iteration, multiplied by Q.
"""

import functools
import importlib.metadata
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import blas as scipy_blas
from scipy.linalg import eigh_tridiagonal
from scipy.linalg import lapack as scipy_lapack

from coulombgas._checks import InputError, check_choice
from coulombgas.laws import mp_edges, mp_quantile

_blas: Any = scipy_blas  # a compiled module without annotations
_lapack: Any = scipy_lapack
CHUNK = 1 << 22
"""Entries converted to float64 at a time."""
DEVICES = ("auto", "cpu", "jax")
LARGE = 0.7
"""Entries beyond this fraction of σ(MN)^{1/4} move single levels and are left out of the kurtosis."""
_LARGEST = 1e30  # entries whose eighth powers can be summed
SMALLEST = 1e-30
"""A matrix whose entries are all smaller is as good as zero: their powers cannot be computed."""
_CACHED = 1 << 15  # entries whose powers are summed while they are in the cache
_MAX_CUTS = 6  # passes that leave out ever smaller outliers among the entries
_MOST_VECTORS = 256  # N² operations each; more levels beyond the edge are a heavy tail, not spikes


class Eigensystem(NamedTuple):
    """Levels, ascending, and the vectors of the largest ones."""

    levels: np.ndarray
    vectors: np.ndarray | None
    """Vectors of the shorter side in columns, those of the last levels; None if not requested."""


def blocks(tall: np.ndarray) -> Iterator[np.ndarray]:
    """Rows of a matrix in float64, in blocks."""
    rows = max(1, CHUNK // tall.shape[1])
    for start in range(0, tall.shape[0], rows):
        yield np.ascontiguousarray(tall[start : start + rows], dtype=np.float64)


def use_jax(device: str) -> bool:
    """Whether JAX solves the eigenproblem: if requested, or if JAX has an accelerator.

    Raises:
        InputError: for an unknown device.
    """
    check_choice("device", device, DEVICES)
    return device == "jax" if device != "auto" else _accelerated()


@functools.cache
def _accelerated() -> bool:
    """Looked up once: the list of installed packages takes longer to read than a small matrix to solve."""
    if not importlib.metadata.entry_points(group="jax_plugins"):  # none of its accelerators is installed
        return False
    import jax

    return jax.default_backend() != "cpu"


def gram_matrix(name: str, tall: np.ndarray, *, on_jax: bool) -> tuple[Any, float]:
    """Gram matrix of the columns (one triangle of it, or a JAX array), and the excess kurtosis of the entries.

    Raises:
        InputError: for NaN, infinities, and entries too large to square.
    """
    size, largest = tall.shape[1], 0.0
    gram: Any = np.zeros((size, size), order="F")
    if on_jax:
        gram, trace, largest = _gram_on_jax(tall)
    else:
        with np.errstate(over="ignore", invalid="ignore"):  # checked below
            for block in blocks(tall):
                gram = _blas.dsyrk(1.0, block.T, beta=1.0, c=gram, trans=0, lower=1, overwrite_c=1)
                largest = max(largest, float(block.max()), -float(block.min()))
        trace = float(np.trace(gram))
    if not np.isfinite(trace):
        bad = sum(int(block.size - np.count_nonzero(np.isfinite(block))) for block in blocks(tall))
        what = f"{bad} of {tall.size} entries are NaN or infinite" if bad else "entries too large to square"
        raise InputError(f"{name}: {what}.")
    if largest > _LARGEST:
        raise InputError(f"{name}: entries up to {largest:.3g} in size, more than {_LARGEST:g}: too large to square.")
    return gram, _kurtosis(tall, largest, trace / tall.size)


def eigensystem(gram: Any, rows: int, vectors: str) -> Eigensystem:
    """Levels and vectors of a Gram matrix, which is overwritten.

    Args:
        gram: from :func:`gram_matrix`.
        rows: number of rows of the matrix that it belongs to.
        vectors: "none", "spikes" (levels beyond the noise edge inferred from the median level) or "all".
    """
    if not isinstance(gram, np.ndarray):
        return _on_jax(gram, rows, vectors)
    if vectors == "all" or gram.shape[0] < 3:
        levels, right = np.linalg.eigh(gram, UPLO="L")
        return Eigensystem(np.maximum(levels, 0.0), right if vectors != "none" else None)
    size = gram.shape[0]
    work = int(_lapack.dsytrd_lwork(size, lower=1)[0])
    reflectors, diagonal, beside, factors, info = _lapack.dsytrd(gram, lower=1, lwork=work, overwrite_a=1)
    if info:
        raise InputError(f"its eigenvalues cannot be computed (dsytrd: {info}).")
    # LAPACK itself: SciPy's checks take as long as the levels of a 64×64 matrix
    levels, info = _lapack.dsterf(diagonal, beside)
    if info:
        raise InputError(f"its eigenvalues cannot be computed (dsterf: {info}).")
    levels = np.maximum(levels, 0.0)
    count = num_outliers(levels, rows) if vectors == "spikes" else 0
    if not count:
        return Eigensystem(levels, None)
    _, right = eigh_tridiagonal(diagonal, beside, select="i", select_range=(size - count, size - 1))
    turned = np.asfortranarray(right)
    turned[1:] = _turn(reflectors[1:, :-1], factors, turned[1:])
    return Eigensystem(levels, turned)


def _turn(reflectors: np.ndarray, factors: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Q times vectors."""
    vectors = np.asfortranarray(vectors)
    _, work, _ = _lapack.dormqr("L", "N", reflectors, factors, vectors, lwork=-1)
    found, _, _ = _lapack.dormqr("L", "N", reflectors, factors, vectors, lwork=int(work[0]), overwrite_c=1)
    return found


def num_outliers(levels: np.ndarray, rows: int) -> int:
    """Number of levels beyond the edge of the Marchenko-Pastur law with the same median, at most 256."""
    columns = levels.size
    median = float(np.median(levels))
    if median <= 0 or columns < 3:
        return 0
    variance = median / float(mp_quantile(0.5, 1.0, rows, columns))
    return min(int(np.count_nonzero(levels > mp_edges(variance, rows, columns)[1])), _MOST_VECTORS, columns)


def _gram_on_jax(tall: np.ndarray) -> tuple[Any, float, float]:
    """WᵀW, its trace and the largest entry, summed over blocks of rows on the accelerator."""
    import jax
    import jax.numpy as jnp

    from coulombgas._precision import x64

    with x64():
        gram = jnp.zeros((tall.shape[1], tall.shape[1]))
        largest = jnp.zeros(())
        for block in blocks(tall):
            part = jax.device_put(block)
            gram, largest = gram + part.T @ part, jnp.maximum(largest, jnp.abs(part).max())
        return gram, float(jnp.trace(gram)), float(largest)


def _on_jax(gram: Any, rows: int, vectors: str) -> Eigensystem:
    """Levels, and vectors of the largest if wanted, computed on the accelerator."""
    import jax.numpy as jnp

    from coulombgas._precision import x64

    with x64():
        levels = np.maximum(np.asarray(jnp.linalg.eigvalsh(gram)), 0.0)
        count = {"none": 0, "all": levels.size}.get(vectors, num_outliers(levels, rows))
        if not count:
            return Eigensystem(levels, None)
        return Eigensystem(levels, np.asarray(jnp.linalg.eigh(gram)[1][:, levels.size - count :]))


def _kurtosis(tall: np.ndarray, largest: float, mean_square: float) -> float:
    """Excess kurtosis of the entries that do not produce a spike of their own."""
    if largest < SMALLEST:
        return 0.0
    cut, variance, kurtosis = largest, mean_square, 0.0
    for index in range(_MAX_CUTS):
        previous, cut = cut, min(cut, LARGE * float(np.sqrt(variance)) * tall.size**0.25)
        if index and cut == previous:
            break
        moments, num = _moments(tall, cut, everything=cut >= largest)
        if tall.size - num > tall.shape[1] // 2 or moments[1] == 0:  # no outliers: the matrix is sparse
            break
        m1, m2, m3, m4 = moments / num
        central = m2 - m1**2
        fourth = m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
        kurtosis = fourth / central**2 - 3 if central > 1e-12 * m2 and central > 0 else 0.0
        variance = m2 * cut**2
    return float(max(kurtosis, -2.0))


def _moments(tall: np.ndarray, cut: float, *, everything: bool) -> tuple[np.ndarray, int]:
    """Sums of the first four powers of the entries up to ``cut``, in units of it, and their number."""
    moments, num = np.zeros(4), 0
    rows = max(1, _CACHED // tall.shape[1])
    for start in range(0, tall.shape[0], rows):
        part = np.asarray(tall[start : start + rows], dtype=np.float64)
        kept = (part.ravel() if everything else part[np.abs(part) <= cut]) / cut
        square = kept * kept
        moments += kept.sum(), square.sum(), np.vdot(square, kept), np.vdot(square, square)
        num += kept.size
    return moments, num
