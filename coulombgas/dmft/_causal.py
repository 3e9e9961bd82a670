"""Causal two-time algebra: kernels that depend on one lag as power series, everything else as matrices over steps.

A lower-triangular Toeplitz matrix ``A[n, k] = a[n - k]`` is the power series a(z) truncated at the number of steps, so
products, inverses and square roots of responses are exact series operations of cost O(steps²).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float


def series_product(left: Float[Array, " n"], right: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""First n coefficients of :math:`a(z) b(z)`."""
    return jnp.convolve(left, right, precision=lax.Precision.HIGHEST)[: left.shape[0]]


def series_inverse(series: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""First n coefficients of :math:`1/a(z)`; a(0) must not vanish."""
    num = series.shape[0]
    later = series[1:]

    def step(past, n):
        new = ((n == 0) - later @ past) / series[0]
        return jnp.concatenate([new[None], past])[: num - 1], new

    _, inverse = lax.scan(step, jnp.zeros(num - 1, series.dtype), jnp.arange(num))
    return inverse


def series_sqrt(series: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""First n coefficients of :math:`\sqrt{a(z)}` with the positive root at z = 0; a(0) must be positive."""
    num = series.shape[0]
    lag = jnp.arange(num)

    def step(n, root):
        partner = n - lag
        inner = (lag > 0) & (partner > 0)
        convolution = jnp.sum(jnp.where(inner, root * root[jnp.where(inner, partner, 0)], 0.0))
        return root.at[n].set((series[n] - convolution) / (2 * root[0]))

    return lax.fori_loop(1, num, step, jnp.zeros_like(series).at[0].set(jnp.sqrt(series[0])))


def toeplitz(kernel: Float[Array, " n"]) -> Float[Array, "n n"]:
    """Lower-triangular matrix with entries ``kernel[n - k]``."""
    num = kernel.shape[0]
    lag = np.arange(num)[:, None] - np.arange(num)[None, :]
    return jnp.where(lag >= 0, kernel[np.abs(lag)], 0.0)


def running_sum(num: int) -> Float[Array, "{num} {num}"]:
    """Strictly lower triangle of ones: the sum over earlier steps."""
    return jnp.asarray(np.tril(np.ones((num, num)), -1))


def trapezoid(num: int, time_step: Any) -> Float[Array, "{num} {num}"]:
    r"""Matrix of the trapezoidal rule, :math:`\int_0^{t_n} f\,dt \approx \sum_k T_{nk} f(t_k)`; row 0 vanishes."""
    weights = np.tril(np.ones((num, num))) - 0.5 * np.eye(num)
    weights[:, 0] -= 0.5
    return jnp.asarray(time_step * weights)


def stein(kernel: Float[Array, " n"], source: Float[Array, "n n"]) -> Float[Array, "n n"]:
    r"""Solve :math:`C = A + M C M^\top` for M = ``toeplitz(kernel)`` by doubling, with two matrix products per
    doubling.

    A strictly causal M is nilpotent and :math:`\lceil\log_2 n\rceil` doublings are exact; with a diagonal (implicit
    schemes) the tail is a geometric series with ratio M[k, k]² < 1 and doubling continues until M has decayed.
    """

    def left(state):
        _, power, done = state
        return (jnp.max(jnp.abs(power)) > 1e-20) & (done < 40)  # below rounding; 2^40 steps at most

    def double(state):
        total, power, done = state
        matrix = toeplitz(power)
        return _flush(total + matrix @ total @ matrix.T), _flush(series_product(power, power)), done + 1

    return lax.while_loop(left, double, (source, kernel, 0))[0]


def _flush(values: jax.Array) -> jax.Array:
    """Set decayed values to zero: subnormal numbers would slow the matrix products tenfold."""
    return jnp.where(jnp.abs(values) < 1e-150, 0.0, values)


def causal_inverse(matrix: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Inverse of a lower-triangular matrix."""
    return jax.scipy.linalg.solve_triangular(matrix, jnp.eye(matrix.shape[0], dtype=matrix.dtype), lower=True)


def volterra(kernel: Float[Array, " n"], source: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""Solve :math:`d_n = s_n + \sum_{k<n} q_{n-k} d_k` (kernel[0] must vanish)."""
    unit = jnp.zeros_like(kernel).at[0].set(1.0)
    return series_product(series_inverse(unit - kernel), source)
