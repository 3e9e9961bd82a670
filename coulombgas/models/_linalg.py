"""Small dense linear algebra with the matrix axes leading and any replica axes trailing."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

_UNROLL_UP_TO = 16  # beyond it a batched matrix product of the backend is faster


def matmul(a: Array, b: Array) -> Array:
    """Σ_k a_ik b_kj for each replica: (i, k, *r), (k, j, *r) → (i, j, *r)."""
    inner = a.shape[1]
    if max(a.ndim, b.ndim) == 2:
        return a @ b
    if inner > _UNROLL_UP_TO:
        return jnp.einsum("ik...,kj...->ij...", a, b)
    total = a[:, 0, None] * b[None, 0]
    for k in range(1, inner):
        total = total + a[:, k, None] * b[None, k]
    return total


def transpose(a: Array) -> Array:
    """(i, j, *r) → (j, i, *r)."""
    return jnp.swapaxes(a, 0, 1)


def identity_like(a: Array) -> Array:
    """The identity with the shape of one replica's (i, i, *r), ready to broadcast: (i, i, 1, …)."""
    eye = jnp.eye(a.shape[0], dtype=a.dtype)
    return eye.reshape(*eye.shape, *(1,) * (a.ndim - 2))


def cholesky(a: Array) -> Array:
    """Lower triangular L with L Lᵀ = a, shape (i, i, *r); NaN where a is not positive definite."""
    size = a.shape[0]
    if a.ndim == 2 or size > _UNROLL_UP_TO:
        return jnp.moveaxis(jnp.linalg.cholesky(jnp.moveaxis(a, (0, 1), (-2, -1))), (-2, -1), (0, 1))
    columns = []
    rest = a
    for j in range(size):
        column = rest[:, 0] * lax.rsqrt(rest[0, 0])
        columns.append(jnp.concatenate([jnp.zeros((j, *column.shape[1:]), a.dtype), column]))
        rest = rest[1:, 1:] - column[1:, None] * column[None, 1:]
    return jnp.stack(columns, axis=1)


def positive_definite(a: Array) -> Array:
    """Whether each symmetric (i, i, *r) is positive definite, shape (*r): all pivots of the elimination positive."""
    size = a.shape[0]
    if a.ndim == 2 or size > _UNROLL_UP_TO:
        return jnp.isfinite(cholesky(a)).all(axis=(0, 1))
    rest, good = a, None
    for _ in range(size):
        pivot = rest[0, 0]
        good = pivot > 0 if good is None else good & (pivot > 0)
        rest = rest[1:, 1:] - rest[1:, 0, None] * (rest[None, 0, 1:] / pivot)
    assert good is not None
    return good


def symmetric_eigenvalues(a: Array) -> Array:
    """Eigenvalues of symmetric (i, i, *r), ascending, shape (i, *r)."""
    levels = jnp.linalg.eigvalsh(jnp.moveaxis(a, (0, 1), (-2, -1)))
    return jnp.moveaxis(levels, -1, 0)
