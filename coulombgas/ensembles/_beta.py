"""The classical β-ensembles, exact for any β > 0, through their tridiagonal models."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from coulombgas._checks import check_count, check_positive, fail

from ._batch import Number, Width, batched, scaled
from ._chi import beta_variate, chi
from ._tridiagonal import bidiagonal_singular_values, tridiagonal_eigenvalues


def hermite_eigenvalues(
    *, key: Shaped[PRNGKeyArray, ""], n: int, beta: Number = 1.0, width: Width = 1.0, shape: tuple[int, ...] = ()
) -> Float[Array, "*shape n"]:
    r"""β-Hermite (Gaussian) ensemble: n charges in a common quadratic well.

    .. math:: P(x) \propto \prod_{i<j} |x_i - x_j|^\beta \; e^{-\sum_i x_i^2 / (2 s^2)}

    with s = ``width``. For β = 1, 2, 4 it is the law of the levels of :func:`gaussian_matrix` at the same ``width``
    (each GSE level once): diagonal variance s², each real component of an off-diagonal entry s²/2. At β = 1, n = 2 the
    mean spacing is √π s; s = √2 is the GOE of unit off-diagonal variance, <S> = 2.507.

    Model: s·T, diagonal N(0, 1), off-diagonal :math:`\chi_{\beta k}/\sqrt2`, k = n−1, …, 1 (Dumitriu and Edelman,
    J. Math. Phys. 43, 2002). ``beta`` and ``width`` may be traced; an array ``width`` broadcasts over ``shape``.

    Returns:
        Eigenvalues, ascending in the last axis, in the current default float precision.

    Raises:
        InputError: if ``n`` < 1, ``beta`` ≤ 0 or a scalar ``width`` ≤ 0 (a traced one raises at run time).
    """
    n, beta, width = check_count("n", n), _positive("beta", beta), _positive("width", width)
    return tridiagonal_eigenvalues(*_hermite(key, beta, width, n=n, shape=tuple(shape)))


@functools.partial(jax.jit, static_argnames=("n", "shape"))
def _hermite(key: Array, beta: Array, width: Array, *, n: int, shape: tuple[int, ...]) -> tuple[Array, Array]:
    def draw(key: Array) -> tuple[Array, Array]:
        key_diagonal, key_off = jax.random.split(key)
        diagonal = jax.random.normal(key_diagonal, (n,), beta.dtype)
        freedom = beta * jnp.arange(n - 1, 0, -1, dtype=beta.dtype)
        off = chi(key=key_off, degrees_of_freedom=freedom) / jnp.sqrt(2.0).astype(beta.dtype)
        return diagonal, off

    diagonal, off = batched(draw, key=key, shape=shape)
    return scaled(diagonal, width), scaled(off, width)


def laguerre_eigenvalues(
    *,
    key: Shaped[PRNGKeyArray, ""],
    n: int,
    m: Number,
    beta: Number = 1.0,
    width: Width = 1.0,
    shape: tuple[int, ...] = (),
) -> Float[Array, "*shape n"]:
    r"""β-Laguerre (Wishart) ensemble.

    .. math:: P(x) \propto \prod_{i<j} |x_i - x_j|^\beta \prod_i x_i^{\beta(m-n+1)/2-1} e^{-x_i/(2s^2)}, \quad x_i > 0

    with s = ``width``: the eigenvalues of WᵀW for W of m×n real entries of variance s² (β = 1; at β = 2, 4 each real
    component has variance s²: :func:`wishart_matrix`). ``m`` may be any real number above n − 1.

    Model: squared singular values of s·B, bidiagonal, :math:`\chi_{\beta m}, …, \chi_{\beta(m-n+1)}` beside
    :math:`\chi_{\beta(n-1)}, …, \chi_\beta` (Dumitriu and Edelman 2002); small ones keep their relative accuracy.

    Returns:
        Eigenvalues, ascending in the last axis.

    Raises:
        InputError: if ``n`` < 1, ``m`` ≤ n − 1, ``beta`` ≤ 0 or ``width`` ≤ 0.
    """
    n, beta, width = check_count("n", n), _positive("beta", beta), _positive("width", width)
    if not isinstance(m, Tracer) and float(m) <= n - 1:
        fail("m", f"must be above n − 1 = {n - 1}", float(m))
    given = (key, beta, _as_array(m), width)
    if not isinstance(m, Tracer) and m > 1.2 * n + 10:  # lower edge far from 0: plain QL on BᵀB is faster
        return tridiagonal_eigenvalues(*_laguerre(*given, n=n, shape=tuple(shape), square=True))
    return bidiagonal_singular_values(*_laguerre(*given, n=n, shape=tuple(shape), square=False)) ** 2


@functools.partial(jax.jit, static_argnames=("n", "shape", "square"))
def _laguerre(
    key: Array, beta: Array, m: Array, width: Array, *, n: int, shape: tuple[int, ...], square: bool
) -> tuple[Array, Array]:
    """Diagonal and off-diagonal of the bidiagonal matrix B, or of the tridiagonal BᵀB."""
    index = jnp.arange(n, dtype=beta.dtype)

    def draw(key: Array) -> tuple[Array, Array]:
        first, second = jax.random.split(key)
        diagonal = chi(key=first, degrees_of_freedom=beta * (m - index))  # few are refused where m is far above n
        return diagonal, chi(key=second, degrees_of_freedom=beta * (n - 1 - index[:-1]))

    diagonal, off = (scaled(part, width) for part in batched(draw, key=key, shape=shape))
    if not square:
        return diagonal, off
    return (diagonal**2).at[..., 1:].add(off**2), diagonal[..., :-1] * off


def jacobi_eigenvalues(
    *,
    key: Shaped[PRNGKeyArray, ""],
    n: int,
    m1: Number,
    m2: Number,
    beta: Number = 1.0,
    shape: tuple[int, ...] = (),
) -> Float[Array, "*shape n"]:
    r"""β-Jacobi (MANOVA) ensemble on (0, 1).

    .. math:: P(x) \propto \prod_{i<j} |x_i - x_j|^\beta \prod_i x_i^{\beta(m_1-n+1)/2-1} (1-x_i)^{\beta(m_2-n+1)/2-1}

    For β = 1 the eigenvalues of :math:`A^TA (A^TA + B^TB)^{-1}` with A m1×n and B m2×n standard normal.

    Model: squared singular values of a bidiagonal matrix of cosines and sines with independent Beta squares
    (Edelman and Sutton, Found. Comput. Math. 8, 2008).

    Returns:
        Eigenvalues, ascending in the last axis.

    Raises:
        InputError: if ``n`` < 1, ``m1`` or ``m2`` ≤ n − 1, or ``beta`` ≤ 0.
    """
    n, beta = check_count("n", n), _positive("beta", beta)
    for name, m in (("m1", m1), ("m2", m2)):
        if not isinstance(m, Tracer) and float(m) <= n - 1:
            fail(name, f"must be above n − 1 = {n - 1}", float(m))
    first, second = _as_array(m1), _as_array(m2)
    return bidiagonal_singular_values(*_jacobi(key, beta, first, second, n=n, shape=tuple(shape))) ** 2


@functools.partial(jax.jit, static_argnames=("n", "shape"))
def _jacobi(key: Array, beta: Array, m1: Array, m2: Array, *, n: int, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Diagonals of the tridiagonal model of the Jacobi ensemble, from independent beta variables."""
    index = jnp.arange(n, dtype=beta.dtype)
    half = beta / 2
    a = jnp.concatenate([half * (m1 - index), half * (n - 1 - index[:-1])])
    b = jnp.concatenate([half * (m2 - index), half * (m1 + m2 - n - index[:-1])])

    def draw(key: Array) -> tuple[Array, Array]:
        square = beta_variate(key=key, a=a, b=b)
        cosine, other_cosine = jnp.sqrt(square[:n]), jnp.sqrt(square[n:])
        sine, other_sine = jnp.sqrt(1 - square[:n]), jnp.sqrt(1 - square[n:])
        diagonal = cosine * jnp.concatenate([jnp.ones(1, a.dtype), other_sine])
        return diagonal, sine[:-1] * other_cosine

    return batched(draw, key=key, shape=shape)


def _as_array(value: Number | Width) -> Any:
    """In the current float precision; a plain number stays on the host, which is ten times as fast."""
    convert = np.asarray if isinstance(value, float | int) else jnp.asarray
    return convert(value, jnp.result_type(float))


def _positive(name: str, value: Number | Width) -> Any:
    if isinstance(value, float | int):
        return _as_array(check_positive(name, float(value)))
    array = _as_array(value)
    if isinstance(array, Tracer):
        return eqx.error_if(array, ~jnp.all(array > 0), f"`{name}` must be positive and finite.")
    if array.size:
        check_positive(name, float(np.min(np.asarray(array))))  # the smallest, or a NaN, decides for all
    return array
