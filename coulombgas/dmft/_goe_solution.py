"""Two-time functions of linear dynamics in a GOE landscape as power series of the lag, and the finite matrices."""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._causal import series_inverse, series_product, series_sqrt, stein, toeplitz

if TYPE_CHECKING:
    from ._goe import GOEDynamics


def simulate_goe(system: "GOEDynamics", *, key: jax.Array, dimension: int) -> dict[str, jax.Array]:
    """One drawn matrix, its dynamics mode by mode."""
    matrix_key, probe_key = jax.random.split(key)
    raw = jax.random.normal(matrix_key, (dimension, dimension))
    eigenvalue, vector = jnp.linalg.eigh((raw + raw.T) / jnp.sqrt(2.0 * dimension))
    decay = jnp.exp(-jnp.asarray(system.times())[:, None] * (eigenvalue + system.shift))
    start = jnp.sqrt(system.initial) * vector.sum(0)
    path = decay * start
    correlation = path @ path.T / dimension
    lag = jnp.asarray(system.times())
    share = (vector.T @ jax.random.normal(probe_key, (dimension,))) ** 2 / dimension
    response = jnp.where(lag[:, None] >= lag, (decay * share) @ (1 / decay).T, 0.0)
    return {"correlation": correlation, "response": response, "norm": jnp.diagonal(correlation)}


def solve_goe(steps: int, time_step: float, shift: float, initial: float):
    """Correlation and response."""
    query, state = _midpoint_kernels(steps + 1, time_step)
    return _two_time(query, state, shift, initial, time_step)


def _midpoint_kernels(num: int, time_step: float) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Lag kernels from forces at the midpoints to the midpoints, and to the states."""
    state = jnp.full(num, time_step).at[0].set(0.0)
    return state.at[0].set(time_step / 2), state


@jax.jit
def _two_time(query, state, shift, initial, time_step):
    # r(z) solves τ r² - (1 + shift τ) r + τ = 0: the Volterra equation R = T - shift T R + T R R at the midpoints.
    unit = jnp.zeros_like(query).at[0].set(1.0)
    one_plus = unit + shift * query
    root = series_sqrt(series_product(one_plus, one_plus) - 4 * series_product(query, query))
    response = series_product(2 * query, series_inverse(one_plus + root))
    drift = shift * unit - response
    history = toeplitz(series_inverse(unit + series_product(query, drift)))
    constant = initial * jnp.ones((len(query), len(query)))
    # midpoints y = H(1 + T u), u with covariance C_y
    history_series = series_inverse(unit + series_product(query, drift))
    inject = toeplitz(series_product(history_series, query))
    at_midpoint = stein(series_product(history_series, query), history @ constant @ history.T)
    # states h = 1 - T_h(drift y + u), each with its covariance with u
    carry = toeplitz(series_product(state, drift)) @ history
    base = jnp.ones(len(query)) - carry @ jnp.ones(len(query))
    push = toeplitz(state) - toeplitz(series_product(state, drift)) @ inject
    correlation = initial * jnp.outer(base, base) + push @ at_midpoint @ push.T
    # between midpoints the lag is a whole number of steps; at lag 0+ the continuous response is 1
    return correlation, toeplitz((response / time_step).at[0].set(1.0))
