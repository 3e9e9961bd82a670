"""Spectra of tridiagonal and bidiagonal matrices, inside and outside JAX programs."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ._lapack import batched_bidiagonal, batched_tridiagonal

HostSolver = Callable[[np.ndarray, np.ndarray], np.ndarray]


def tridiagonal_eigenvalues(
    diagonal: Float[Array, "*batch n"], off_diagonal: Float[Array, "*batch n-1"]
) -> Float[Array, "*batch n"]:
    r"""Eigenvalues, ascending, of symmetric tridiagonal matrices :math:`T_{ii} = d_i`, :math:`T_{i,i+1} = e_i`.

    On the CPU LAPACK's xSTERF, a batch on all cores; elsewhere bisection. May be jitted and vmapped, not
    differentiated. Absolute error of order n·eps·‖T‖ in the precision of the input; NaN where an entry is not finite.
    """
    n = diagonal.shape[-1]
    if n == 1:
        return diagonal
    if n == 2:
        centre, half = diagonal.mean(-1), (diagonal[..., 0] - diagonal[..., 1]) / 2
        radius = jnp.hypot(half, off_diagonal[..., 0])
        return jnp.stack([centre - radius, centre + radius], axis=-1)
    return _solve(batched_tridiagonal, _bisection, diagonal, off_diagonal)


def bidiagonal_singular_values(
    diagonal: Float[Array, "*batch n"], off_diagonal: Float[Array, "*batch n-1"]
) -> Float[Array, "*batch n"]:
    r"""Singular values, ascending, of bidiagonal matrices :math:`B_{ii} = a_i`, :math:`B_{i,i+1} = b_i`.

    The small ones keep their relative accuracy (xLASQ1), which squaring into :math:`B^T B` would lose.
    """
    if diagonal.shape[-1] == 1:
        return jnp.abs(diagonal)
    return _solve(batched_bidiagonal, _golub_kahan, diagonal, off_diagonal)


def _solve(host: HostSolver, device: Callable[[Array, Array], Array], diagonal: Array, off_diagonal: Array) -> Array:
    traced = isinstance(diagonal, Tracer) or isinstance(off_diagonal, Tracer)
    if not traced and all(place.platform == "cpu" for place in diagonal.devices()):
        return jnp.asarray(host(np.asarray(diagonal), np.asarray(off_diagonal)))
    return jax.lax.platform_dependent(diagonal, off_diagonal, cpu=_callback(host), default=device)


def _callback(host: HostSolver) -> Callable[[Array, Array], Array]:
    """A solver on the host as a function of traced diagonals."""

    def call(diagonal: Array, off_diagonal: Array) -> Array:
        dtype, n = diagonal.dtype, diagonal.shape[-1]

        # JAX passes arguments to a callback with x64 off, which would cut float64 to float32: pass them as raw words.
        def on_host(words: Any) -> np.ndarray:
            rows = np.ascontiguousarray(np.asarray(words)).view(dtype)
            return np.ascontiguousarray(host(rows[..., :n], rows[..., n:])).view(np.uint32)

        words = _to_words(jnp.concatenate([diagonal, off_diagonal], axis=-1))
        shape = jax.ShapeDtypeStruct((*diagonal.shape[:-1], n * dtype.itemsize // 4), jnp.uint32)
        return _from_words(jax.pure_callback(on_host, shape, words, vmap_method="broadcast_all"), dtype)

    return call


def _to_words(values: Array) -> Array:
    words = jax.lax.bitcast_convert_type(values, jnp.uint32)
    return words if words.ndim == values.ndim else words.reshape(*values.shape[:-1], -1)


def _from_words(words: Array, dtype: np.dtype) -> Array:
    if dtype.itemsize == 8:
        words = words.reshape(*words.shape[:-1], -1, 2)
    return jax.lax.bitcast_convert_type(words, dtype)


def _bisection(diagonal: Array, off_diagonal: Array) -> Array:
    def one(d: Array, e: Array) -> Array:
        return jax.scipy.linalg.eigh_tridiagonal(d, e, eigvals_only=True)

    return jnp.vectorize(one, signature="(n),(m)->(n)")(diagonal, off_diagonal)


def _golub_kahan(diagonal: Array, off_diagonal: Array) -> Array:
    # ±σ are the eigenvalues of the tridiagonal matrix with zero diagonal and a_1, b_1, a_2, b_2, ..., a_n off the
    # diagonal
    n = diagonal.shape[-1]
    beside = jnp.zeros((*diagonal.shape[:-1], 2 * n - 1), diagonal.dtype)
    beside = beside.at[..., ::2].set(diagonal).at[..., 1::2].set(off_diagonal)
    return _bisection(jnp.zeros((*diagonal.shape[:-1], 2 * n), diagonal.dtype), beside)[..., n:]
