"""Linear dynamics in a GOE landscape, the warm-up: every two-time function in closed form."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from coulombgas._checks import check_count, check_finite, check_non_negative, check_positive, fail
from coulombgas._precision import in_x64
from coulombgas._types import Progress

from ._causal import series_inverse, series_product, series_sqrt, stein, toeplitz
from ._system import System, make_result

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, kw_only=True)
class GOEDynamics(System):
    r""":math:`\dot h = -(M + z) h + j`, M from the GOE with semicircle on [-2, 2], :math:`|h(0)|^2/N = h_0^2`.

    :math:`\partial_t R = \delta - zR + \int RR` and :math:`C = \langle h h'\rangle` follow from it (derived here, in
    the convention of arXiv:2601.01010). The implicit midpoint rule makes the discrete equations exact for the
    discretised matrix dynamics and second order in the time step.

    Raises:
        InputError: for a non-positive time step, or one at which the scheme amplifies (z < 2 grows anyway).
    """

    shift: float = 2.0
    """z: the spectrum of M + z is [z - 2, z + 2]"""
    time_step: float = 0.05
    """length of a step"""
    steps: int = 100
    """number of steps"""
    initial: float = 1.0
    """h_0², size of the starting vector"""
    name = "goe"

    def __post_init__(self):
        check_finite("shift", self.shift)
        check_positive("time_step", self.time_step)
        check_count("steps", self.steps)
        check_non_negative("initial", self.initial)
        if self.shift < 2 and self.time_step * (2 - self.shift) >= 1:
            fail("time_step", f"must be below 1/(2 - shift) = {1 / (2 - self.shift):.4g} for the growing modes",
                 self.time_step)  # fmt: skip

    def times(self) -> np.ndarray:
        return self.time_step * np.arange(self.steps + 1)

    @in_x64
    def solve(self, *, progress: Progress | None = None) -> "xr.Dataset":
        """`correlation`, `response` (per unit time), `norm`: the diagonal of the correlation."""
        correlation, response = _solve(self.steps, self.time_step, self.shift, self.initial)
        arrays = {"correlation": correlation, "response": response, "norm": jnp.diagonal(correlation)}
        return make_result(self, arrays)

    def simulate_replica(self, *, key: jax.Array, dimension: int) -> dict[str, jax.Array]:
        """A drawn matrix, its dynamics mode by mode and exactly in time; the response along a random direction."""
        matrix_key, probe_key = jax.random.split(key)
        raw = jax.random.normal(matrix_key, (dimension, dimension))
        eigenvalue, vector = jnp.linalg.eigh((raw + raw.T) / jnp.sqrt(2.0 * dimension))
        decay = jnp.exp(-jnp.asarray(self.times())[:, None] * (eigenvalue + self.shift))
        start = jnp.sqrt(self.initial) * vector.sum(0)
        path = decay * start
        correlation = path @ path.T / dimension
        lag = jnp.asarray(self.times())
        share = (vector.T @ jax.random.normal(probe_key, (dimension,))) ** 2 / dimension
        response = jnp.where(lag[:, None] >= lag, (decay * share) @ (1 / decay).T, 0.0)
        return {"correlation": correlation, "response": response, "norm": jnp.diagonal(correlation)}


def goe_response(lag: Float[np.ndarray, " n"], shift: float) -> Float[np.ndarray, " n"]:
    r"""Closed form :math:`R(\tau) = e^{-z\tau} I_1(2\tau)/\tau`, with R(0) = 1."""
    from scipy.special import ive

    lag = np.asarray(lag, float)
    safe = np.where(lag > 0, lag, 1.0)
    return np.where(lag > 0, np.exp((2 - shift) * safe) * ive(1, 2 * safe) / safe, 1.0)


def _solve(steps: int, time_step: float, shift: float, initial: float):
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
