"""Small dense linear algebra with the matrix axes leading and any replica axes trailing."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

_UNROLL_UP_TO = 64  # beyond it the backend's batched matrix product is as fast and compiles faster
_BLOCK = 16  # terms, or columns, unrolled into one operation
_PANEL = 32  # columns of a large matrix that are factorised one by one
_FUSE_UP_TO = 4  # below it computing an entry twice costs less than storing it


def matmul(a: Array, b: Array) -> Array:
    """Σ_k a_ik b_kj for each replica: (i, k, *r), (k, j, *r) → (i, j, *r).

    Up to a size the sum is unrolled over whole replica vectors.
    """
    inner = a.shape[1]
    if max(a.ndim, b.ndim) == 2:
        return a @ b
    if inner > _UNROLL_UP_TO:
        return jnp.einsum("ik...,kj...->ij...", a, b)
    total = a[:, 0, None] * b[None, 0]
    for k in range(1, inner):
        total = total if k % _BLOCK else materialise(total)
        total = total + a[:, k, None] * b[None, k]
    return total if inner <= _FUSE_UP_TO else materialise(total)


def materialise(x: Array, own_axes: int = 2) -> Array:
    """x itself, computed once and stored; without a replica axis behind its own ``own_axes``, x is returned unchanged.

    XLA fuses unrolled arithmetic into all its readers and so recomputes a factor for every entry that reads it, and on
    the CPU it drops optimisation barriers before fusing. It does not fuse across a conditional both of whose branches
    return x; should a compiler see through this, only speed is lost.
    """
    return _alone(x) if x.ndim <= own_axes else _stored(x)


def _stored(x: Array) -> Array:
    def once(x: Array) -> Array:
        some = lax.index_in_dim(x.reshape(-1), 0, keepdims=False)
        return lax.cond(some != 0, lambda x: x, lax.optimization_barrier, x)

    return lax.platform_dependent(x, cpu=once, default=lax.optimization_barrier)


@jax.custom_batching.custom_vmap
def _alone(x: Array) -> Array:
    return x


@_alone.def_vmap
def _in_company(size: int, batched: list[bool], x: Array) -> tuple[Array, bool]:
    """Under ``vmap`` all replicas are stored together."""
    del size
    return (_stored(x), True) if batched[0] else (x, False)


def transpose(a: Array) -> Array:
    """(i, j, *r) → (j, i, *r)."""
    return jnp.swapaxes(a, 0, 1)


def identity_like(a: Array) -> Array:
    """The identity with the shape of one replica's (i, i, *r), ready to broadcast: (i, i, 1, …)."""
    eye = jnp.eye(a.shape[0], dtype=a.dtype)
    return eye.reshape(*eye.shape, *(1,) * (a.ndim - 2))


def cholesky(a: Array) -> Array:
    """Lower triangular L with L Lᵀ = a, shape (i, i, *r); NaN where a is not positive definite.

    In plain arithmetic, panel by panel: LAPACK calls inside a loop of updates would queue for the thread pool that runs
    them, and on two cores two of them can deadlock.
    """
    size = a.shape[0]
    if size > _UNROLL_UP_TO or a.ndim == 2:  # a single replica is not worth the time to compile it unrolled
        return _cholesky_loop(a)
    rest = ((0, 0),) * (a.ndim - 2)
    return jnp.stack([jnp.pad(column, ((j, 0), *rest)) for j, column in enumerate(_cholesky_columns(a))], axis=1)


def _cholesky_columns(a: Array) -> list[Array]:
    """The columns of L from the diagonal on: a panel of them, then those of the remaining matrix."""
    size = a.shape[0]
    columns = _cholesky_panel(a, size if size <= _BLOCK else _BLOCK // 2)
    width = len(columns)
    if width == size:
        return columns
    below = jnp.stack([column[width - j :] for j, column in enumerate(columns)], axis=1)
    left = materialise(a[width:, width:] - matmul(below, transpose(below)))
    return columns + _cholesky_columns(left)


def _cholesky_panel(a: Array, width: int) -> list[Array]:
    """The first columns of L from the diagonal on, each from the earlier ones."""
    columns: list[Array] = []
    for j in range(width):
        column = a[j:, j]
        for k, earlier in enumerate(columns):
            column = column - earlier[j - k :] * earlier[j - k]
        columns.append(materialise(column * lax.rsqrt(column[0])))
    return columns


def _cholesky_loop(a: Array) -> Array:
    """Panel by panel of columns, each subtracted from all that follow in one matrix product."""
    size, width = a.shape[0], _PANEL
    if a.ndim > 2:
        return jnp.moveaxis(jax.vmap(_cholesky_loop)(jnp.moveaxis(a, -1, 0)), 0, -1)
    if size <= width:
        return _cholesky_by_columns(a)
    panels = -(-size // width)
    padding = panels * width - size
    whole = jnp.pad(a, ((0, padding), (0, padding))) + np.diag(np.repeat([0.0, 1.0], [size, padding])).astype(a.dtype)
    rows = np.arange(panels * width)[:, None]

    def panel(number: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        left, factor = carry
        first = number * width
        columns = lax.dynamic_slice_in_dim(left, first, width, axis=1)
        corner = _cholesky_by_columns(lax.dynamic_slice_in_dim(columns, first, width, axis=0))
        below = jnp.where(rows >= first + width, columns @ _lower_inverse(corner).T, 0)
        done = lax.dynamic_update_slice_in_dim(below, corner, first, axis=0)
        return left - below @ below.T, lax.dynamic_update_slice_in_dim(factor, done, first, axis=1)

    return lax.fori_loop(0, panels, panel, (whole, jnp.zeros_like(whole)))[1][:size, :size]


def _cholesky_by_columns(a: Array) -> Array:
    rows = np.arange(a.shape[0])

    def column(j: Array, factor: Array) -> Array:
        rest = lax.dynamic_index_in_dim(a, j, 1, keepdims=False) - factor @ factor[j]
        scaled = rest * lax.rsqrt(lax.dynamic_index_in_dim(rest, j, 0))
        return lax.dynamic_update_index_in_dim(factor, jnp.where(rows >= j, scaled, 0), j, 1)

    return lax.fori_loop(0, a.shape[0], column, jnp.zeros_like(a))


def _lower_inverse(factor: Array) -> Array:
    """L⁻¹ row by row, by forward substitution for the unit vectors."""
    rows = np.arange(factor.shape[0])

    def row(j: Array, inverse: Array) -> Array:
        own = lax.dynamic_index_in_dim(factor, j, 0, keepdims=False)
        solved = (jnp.where(rows == j, 1, 0) - own @ inverse) / lax.dynamic_index_in_dim(own, j, 0)
        return lax.dynamic_update_index_in_dim(inverse, solved, j, 0)

    return lax.fori_loop(0, factor.shape[0], row, jnp.zeros_like(factor))


def orthonormal_rows(a: Array) -> Array:
    """The rows of (i, j), i ≤ j, made orthonormal one after another (Gram-Schmidt, with each row orthogonalised twice).

    In plain arithmetic, for the reason given at :func:`cholesky`.
    """

    def row(i: Array, done: Array) -> Array:
        rest = lax.dynamic_index_in_dim(a, i, 0, keepdims=False)
        for _ in range(2):  # a single pass leaves rounding errors proportional to the condition number
            rest = rest - (done @ rest) @ done
        return lax.dynamic_update_index_in_dim(done, rest * lax.rsqrt((rest**2).sum()), i, 0)

    return lax.fori_loop(0, a.shape[0], row, jnp.zeros_like(a))


def positive_definite(a: Array) -> Array:
    """Whether each symmetric (i, i, *r) is positive definite, shape (*r); NaN is not."""
    # a pivot that is not positive makes everything after it NaN
    return jnp.isfinite(cholesky(a)[-1, -1])


def symmetric_eigenvalues(a: Array) -> Array:
    """Eigenvalues of symmetric (i, i, *r), ascending, shape (i, *r)."""
    levels = jnp.linalg.eigvalsh(jnp.moveaxis(a, (0, 1), (-2, -1)))
    return jnp.moveaxis(levels, -1, 0)


def singular_values(a: Array) -> Array:
    """Singular values of (i, j, *r), ascending, shape (min(i, j), *r)."""
    values = jnp.linalg.svd(jnp.moveaxis(a, (0, 1), (-2, -1)), compute_uv=False)
    return jnp.moveaxis(values[..., ::-1], -1, 0)


def trailing_ones(constant: np.ndarray, like: Array) -> Array:
    """A NumPy constant in the precision of ``like``, with axes of length one appended to broadcast over replicas.

    ``like`` has as many own axes as ``constant``.
    """
    return jnp.asarray(constant.reshape(*constant.shape, *(1,) * (like.ndim - constant.ndim)), like.dtype)


def pair_index(size: int) -> np.ndarray:
    """For each element of a symmetric matrix, its index among the N(N+1)/2 independent numbers."""
    index = np.zeros((size, size), dtype=int)
    index[np.tril_indices(size)] = np.arange(size * (size + 1) // 2)
    return np.maximum(index, index.T)
