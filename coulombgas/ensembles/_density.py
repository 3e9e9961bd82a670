"""Normalised joint densities of the classical β-ensembles (Mehta's and Selberg's integrals)."""

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Float

from ._batch import Number


def log_vandermonde(levels: Float[Array, "*batch n"]) -> Float[Array, "*batch"]:
    r""":math:`\sum_{i<j} \log|x_i - x_j|`."""
    i, j = np.triu_indices(levels.shape[-1], 1)
    return jnp.log(jnp.abs(levels[..., i] - levels[..., j])).sum(-1)


def hermite_log_density(
    levels: Float[Array, "*batch n"], *, beta: Number = 1.0, width: Number = 1.0
) -> Float[Array, "*batch"]:
    r"""log P(x) of :func:`hermite_eigenvalues` for unordered levels: unit mass on :math:`R^n` (n! more per ordering).

    .. math:: \log Z = \tfrac n2 \log 2\pi + \left(n + \beta \tfrac{n(n-1)}2\right) \log s
       + \sum_{j=1}^n \log\frac{\Gamma(1 + j\beta/2)}{\Gamma(1 + \beta/2)}

    (Mehta's integral).
    """
    n = levels.shape[-1]
    log_z = n / 2 * jnp.log(2 * jnp.pi) + (n + beta * n * (n - 1) / 2) * jnp.log(width)
    log_z += (gammaln(1 + _upto(n) * beta / 2) - gammaln(1 + beta / 2)).sum()
    return beta * log_vandermonde(levels) - (levels**2).sum(-1) / (2 * width**2) - log_z


def laguerre_log_density(
    levels: Float[Array, "*batch n"], *, m: Number, beta: Number = 1.0, width: Number = 1.0
) -> Float[Array, "*batch"]:
    r"""log P(x) of :func:`laguerre_eigenvalues` for unordered levels: unit mass on :math:`(0, \infty)^n`.

    .. math:: \log Z = \tfrac{\beta m n}2 \log 2s^2
       + \sum_{j=1}^n \log\frac{\Gamma(1 + j\beta/2)\,\Gamma(\beta(m-n+j)/2)}{\Gamma(1 + \beta/2)}
    """
    n = levels.shape[-1]
    power = beta * (m - n + 1) / 2 - 1
    log_z = beta * m * n / 2 * jnp.log(2 * width**2)
    log_z += (gammaln(1 + _upto(n) * beta / 2) + gammaln(beta * (m - n + _upto(n)) / 2) - gammaln(1 + beta / 2)).sum()
    weight = (power * jnp.log(levels) - levels / (2 * width**2)).sum(-1)
    return beta * log_vandermonde(levels) + weight - log_z


def jacobi_log_density(
    levels: Float[Array, "*batch n"], *, m1: Number, m2: Number, beta: Number = 1.0
) -> Float[Array, "*batch"]:
    r"""log P(x) of :func:`jacobi_eigenvalues` for unordered levels: unit mass on :math:`(0, 1)^n` (Selberg's integral).

    .. math:: \log Z = \sum_{j=1}^n \log\frac{\Gamma(1 + j\beta/2)\,\Gamma(\beta(m_1-n+j)/2)\,\Gamma(\beta(m_2-n+j)/2)}
       {\Gamma(1 + \beta/2)\,\Gamma(\beta(m_1+m_2-n+j)/2)}
    """
    n = levels.shape[-1]
    half, j = beta / 2, _upto(n)
    log_z = (gammaln(1 + j * half) + gammaln(half * (m1 - n + j)) + gammaln(half * (m2 - n + j))).sum()
    log_z -= (gammaln(1 + half) + gammaln(half * (m1 + m2 - n + j))).sum()
    a, b = half * (m1 - n + 1) - 1, half * (m2 - n + 1) - 1
    weight = (a * jnp.log(levels) + b * jnp.log1p(-levels)).sum(-1)
    return beta * log_vandermonde(levels) + weight - log_z


def _upto(n: int) -> Array:
    return jnp.arange(1, n + 1, dtype=jnp.result_type(float))
