"""Two-time functions of linear regression: responses as power series of the lag, correlations as matrices."""

from functools import partial

import jax
import jax.numpy as jnp

from coulombgas._precision import in_x64

from ._causal import series_inverse, series_product, series_sqrt, stein, toeplitz, volterra
from ._linear_kernels import lag_kernels
from ._linear_regression import LinearRegression


@in_x64
def solve_linear_regression(
    system: LinearRegression, *, masks: bool = True, labels: bool = True
) -> dict[str, jax.Array]:
    """`test_excess` (test loss minus σ²), `train_loss`, `overlap`, `correlation`, `residual`, `response`.

    `overlap` is that of w with w*, `correlation` is <h_n·h_k>/N, `residual` the covariance of the training residuals,
    `response` that of h_n to a unit gradient field at step k. Optionally without mini-batch or label noise.
    """
    query, state = lag_kernels(system.method, system.steps + 1, learning_rate=system.learning_rate,
                               momentum=system.momentum, mass=system.mass)  # fmt: skip
    extra = (1 / system.batch_fraction - 1) * masks
    return _two_time(query, state, system.samples_per_dimension, system.noise_variance * labels, system.signal, extra,
                     noisy=extra > 0)  # fmt: skip


@in_x64
def decompose_linear_regression(system: LinearRegression) -> dict[str, jax.Array]:
    """Test excess as bias² and the variances from data, label noise and mini-batches (they add up to it).

    The correlation of two learners that share a source but not the others separates the sources: an ensemble of K
    learners with an independent source divides that variance by K.
    """
    full = solve_linear_regression(system)
    quiet = solve_linear_regression(system, masks=False)
    clean = solve_linear_regression(system, masks=False, labels=False)
    bias = system.signal * (1 - full["overlap"]) ** 2
    return {
        "bias": bias,
        "variance_data": clean["test_excess"] - bias,
        "variance_noise": quiet["test_excess"] - clean["test_excess"],
        "variance_batch": full["test_excess"] - quiet["test_excess"],
        "test_excess": full["test_excess"],
    }


@partial(jax.jit, static_argnames="noisy")
def _two_time(query, state, alpha, noise_variance, signal, extra, *, noisy):
    """Two-time functions of a method whose query and state are power series in the shift of one step."""
    num = len(query)
    unit = jnp.zeros_like(query).at[0].set(1.0)
    # r(z) = R_Δ solves τ r² + (1 + τ/α - τ) r - 1 = 0, the closed form of R_Δ = (1 + (1 + T R_Δ)⁻¹ T/α)⁻¹
    line = unit + (1 / alpha - 1) * query
    root = series_sqrt(series_product(line, line) + 4 * query)
    residual = 2 * series_inverse(line + root)
    history = series_inverse(unit + series_product(query, residual))
    kick = series_product(history, query)
    through = series_product(kick, residual)
    flat = jnp.ones((num, num))
    start = jnp.cumsum(history)
    around = through / jnp.sqrt(alpha)
    loop, kick_matrix, answer = toeplitz(around), toeplitz(kick), toeplitz(residual)

    def query_covariance(batch):
        push = loop @ (noise_variance * flat + batch) @ loop.T
        return stein(around, signal * jnp.outer(start, start) + push)

    def residual_diagonal(covariance, batch):
        own = kick_matrix @ batch @ kick_matrix.T / alpha**2
        return _diagonal(answer, covariance + noise_variance * flat + own)

    def batch_noise():
        # response to a pulse at step 0
        echo = stein(around, jnp.outer(around, around)) + jnp.outer(kick, kick) / alpha**2
        gain = extra * _diagonal(answer, echo)
        zero = jnp.zeros((num, num))
        return jnp.diag(extra * volterra(gain.at[0].set(0.0), residual_diagonal(query_covariance(zero), zero)))

    batch = batch_noise() if noisy else jnp.zeros((num, num))
    covariance = query_covariance(batch)
    force = answer @ (covariance + noise_variance * flat + batch) @ answer.T
    return _state_functions(state, history, kick, residual, force, alpha, noise_variance, signal)


def _state_functions(state, history, kick, residual, force, alpha, noise_variance, signal):
    """Covariances of the state h = b - P u_v with itself and with the query."""
    unit, flat = jnp.zeros_like(state).at[0].set(1.0), jnp.ones_like(force)
    answer, kick_matrix, start = toeplitz(residual), toeplitz(kick), jnp.cumsum(history)
    pulse = toeplitz(series_product(state, unit - series_product(residual, kick)))
    base = 1 - jnp.cumsum(series_product(state, series_product(residual, history)))
    correlation = signal * jnp.outer(base, base) + pulse @ force @ pulse.T / alpha
    cross = signal * jnp.outer(base, start) + pulse @ force @ kick_matrix.T / alpha
    own = pulse @ answer @ (cross.T + noise_variance * flat) / alpha
    train = correlation + noise_variance * flat - own - own.T + pulse @ force @ pulse.T / alpha**2
    return {
        "test_excess": jnp.diagonal(correlation),
        "train_loss": jnp.diagonal(train),
        "overlap": 1 - base,
        "correlation": correlation,
        "residual": train,
        "response": -pulse,
    }


def _diagonal(matrix, covariance):
    """Diagonal of M C Mᵀ."""
    return jnp.sum((matrix @ covariance) * matrix, axis=1)
