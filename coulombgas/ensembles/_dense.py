"""Dense random matrices in the normalisation of the tridiagonal samplers, for comparison and where eigenvectors
matter."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact, PRNGKeyArray, Shaped

from coulombgas._checks import check_count, fail

from ._batch import Width, batched

_INDICES = (1, 2, 4)


def gaussian_matrix(
    *, key: Shaped[PRNGKeyArray, ""], n: int, beta: int = 1, width: Width = 1.0, shape: tuple[int, ...] = ()
) -> Inexact[Array, "*shape k k"]:
    r"""GOE (β = 1), GUE (2) or GSE (4) matrix with weight :math:`e^{-\mathrm{tr} X^2 / (2 s^2)}`, s = ``width``.

    X = (Q + Q†)/2 with Q's real components of variance s²: the diagonal has variance s², each real component of an
    off-diagonal entry s²/2 (GOE: diagonal variance twice the off-diagonal). The GSE is the 2n×2n complex image of a
    quaternion matrix, in which each of the n levels appears twice; :func:`matrix_levels` returns each once.
    For β = 1, 2 ``width`` may be a symmetric n×n array s_ij: variance s_ij²(1 + δ_ij)/2 per real component.

    Raises:
        InputError: if ``beta`` is not 1, 2 or 4 (use :func:`hermite_eigenvalues` for others).
    """
    n, beta = check_count("n", n), _dyson_index(beta)
    if beta == 4 and jnp.ndim(width) != 0:
        fail("width", "must be one number for beta=4", f"shape {jnp.shape(width)}")
    return _gaussian(key, jnp.asarray(width, jnp.result_type(float)), n=n, beta=beta, shape=tuple(shape))


@functools.partial(jax.jit, static_argnames=("n", "beta", "shape"))
def _gaussian(key: Array, width: Array, *, n: int, beta: int, shape: tuple[int, ...]) -> Array:
    def draw(key: Array) -> Array:
        q = _ginibre(key, n, n, beta)
        return (q + q.conj().T) / 2

    return batched(draw, key=key, shape=shape) * width


def wishart_matrix(
    *,
    key: Shaped[PRNGKeyArray, ""],
    m: int,
    n: int,
    beta: int = 1,
    width: Width = 1.0,
    shape: tuple[int, ...] = (),
) -> Inexact[Array, "*shape k k"]:
    r"""X = W†W for an m×n matrix W of real (β = 1), complex (2) or quaternion (4) normals.

    Every real component of W has variance s², s = ``width``: the eigenvalues are those of :func:`laguerre_eigenvalues`
    (and zeros when m < n). The quaternion case is 2n×2n with doubled levels, as in :func:`gaussian_matrix`.
    """
    m, n, beta = check_count("m", m), check_count("n", n), _dyson_index(beta)
    return _wishart(key, jnp.asarray(width, jnp.result_type(float)), m=m, n=n, beta=beta, shape=tuple(shape))


@functools.partial(jax.jit, static_argnames=("m", "n", "beta", "shape"))
def _wishart(key: Array, width: Array, *, m: int, n: int, beta: int, shape: tuple[int, ...]) -> Array:
    def draw(key: Array) -> Array:
        w = _ginibre(key, m, n, beta) * width
        return w.conj().T @ w

    return batched(draw, key=key, shape=shape)


def unitary_matrix(
    *, key: Shaped[PRNGKeyArray, ""], n: int, shape: tuple[int, ...] = ()
) -> Inexact[Array, "*shape n n"]:
    """CUE: a unitary matrix of the Haar measure.

    QR of a complex normal matrix, the columns then multiplied by the phases of R's diagonal: without that step LAPACK's
    sign convention would show in the eigenphases (Mezzadri, Notices AMS 54, 2007).
    """
    return _unitary(key, n=check_count("n", n), shape=tuple(shape))


@functools.partial(jax.jit, static_argnames=("n", "shape"))
def _unitary(key: Array, *, n: int, shape: tuple[int, ...]) -> Array:
    q, r = jnp.linalg.qr(batched(lambda key: _ginibre(key, n, n, 2), key=key, shape=shape))
    diagonal = jnp.diagonal(r, axis1=-2, axis2=-1)
    return q * (diagonal / jnp.abs(diagonal))[..., None, :]


def matrix_levels(matrix: Inexact[Array, "*shape k k"], *, beta: int = 1) -> Float[Array, "*shape n"]:
    """Ascending eigenvalues of Hermitian matrices; for ``beta=4`` each doubled level once (the mean of its two)."""
    levels = jnp.linalg.eigvalsh(matrix)
    if _dyson_index(beta) == 4:
        levels = levels.reshape(*levels.shape[:-1], -1, 2).mean(-1)
    return levels


def source_eigenvalues(
    source: Float[Array, " n"] | Float[np.ndarray, " n"] | Sequence[float],
    *,
    key: Shaped[PRNGKeyArray, ""],
    width: Width = 1.0,
    beta: int = 1,
    shape: tuple[int, ...] = (),
) -> Float[Array, "*shape n"]:
    r"""Eigenvalues of X = diag(``source``) + Gaussian matrix: stationary SGD around a teacher with fixed eigenvectors.

    ``width`` is a number or the symmetric n×n array s_ij of :func:`gaussian_matrix`; relaxation rates that depend on
    the modes give :math:`s_{ij}^2 = (s_i^2 + s_j^2)/2`. For n = 2, β = 1 the spacing is Rice distributed.
    The matrix Ornstein-Uhlenbeck law; derived here, see derivations/matrix_ou.
    """
    if beta == 4:
        fail("beta", "must be 1 or 2 for an ensemble with source", beta)
    levels = jnp.asarray(source, jnp.result_type(float))
    noise = gaussian_matrix(key=key, n=levels.shape[-1], beta=beta, width=width, shape=shape)
    return jnp.linalg.eigvalsh(noise + jnp.diag(levels))


def _ginibre(key: Array, m: int, n: int, beta: int) -> Array:
    """m×n matrix of unit-variance real components: real, complex, or quaternion as its 2m×2n complex image."""
    parts = jax.random.normal(key, (beta, m, n), jnp.result_type(float))
    if beta == 1:
        return parts[0]
    a = jax.lax.complex(parts[0], parts[1])
    if beta == 2:
        return a
    b = jax.lax.complex(parts[2], parts[3])
    return jnp.block([[a, b], [-b.conj(), a.conj()]])


def _dyson_index(beta: int) -> int:
    if beta not in _INDICES:
        fail("beta", "must be 1, 2 or 4 for a dense matrix; the tridiagonal samplers take any", beta)
    return int(beta)
