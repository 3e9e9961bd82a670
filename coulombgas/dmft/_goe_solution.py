"""Two-time functions of linear dynamics in a GOE landscape as power series of the lag."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coulombgas._precision import in_x64

from ._causal import series_inverse, series_product, series_sqrt, stein, toeplitz
from ._goe import GOEDynamics


@in_x64
def solve_goe(system: GOEDynamics) -> dict[str, jax.Array]:
    """`correlation`, `response` (per unit time), `norm`: the diagonal of the correlation."""
    query, state = _midpoint_kernels(system.steps + 1, system.time_step)
    correlation, response = _two_time(query, state, system.shift, system.initial, system.time_step)
    return {"correlation": correlation, "response": response, "norm": jnp.diagonal(correlation)}


def _midpoint_kernels(num: int, time_step: float) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Lag kernels from forces at the midpoints to the midpoints, and to the states."""
    state = jnp.full(num, time_step).at[0].set(0.0)
    return state.at[0].set(time_step / 2), state


@jax.jit
def _two_time(query, state, shift, initial, time_step):
    """Correlation and response of states, each (time, time), from power series in the shift of one step."""
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
