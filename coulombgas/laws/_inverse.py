"""Quantiles: safeguarded Newton on the logarithm of a tail, differentiable through the implicit function theorem."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

_MAX_STEPS = 100  # a safety bound: the safeguarded Newton iteration takes far fewer


class Quantile(NamedTuple):
    """What the solver needs of a continuous law at unit scale; every function takes (x, *parameters).

    Attributes:
        log_density: log p(x).
        cdf: F(x), accurate relative to its size in the lower tail.
        sf: 1 − F(x), accurate relative to its size in the upper tail.
        bracket: (u, *parameters) -> (low, high) around the solution of F(x) = u.
        logarithmic: the Newton steps are taken in log x (laws on x > 0).
        absolute: F is accurate to rounding of 1 only; the search ends there.
    """

    log_density: Callable[..., Any]
    cdf: Callable[..., Any]
    sf: Callable[..., Any]
    bracket: Callable[..., Any]
    logarithmic: bool = False
    absolute: bool = False


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def quantile(law: Quantile, probability: Any, *parameters: Any) -> Any:
    """x with F(x) = probability; NaN outside [0, 1], and the ends of the bracket at 0 and 1."""
    arrays = jnp.broadcast_arrays(probability, *parameters)
    return _solve(law, *arrays)


@quantile.defjvp
def _quantile_jvp(law: Quantile, primals: Any, tangents: Any) -> Any:
    probability, *parameters = primals
    d_probability, *d_parameters = tangents
    x = quantile(law, probability, *parameters)
    shift = jnp.zeros_like(x)
    if parameters:
        _, shift = jax.jvp(lambda *p: law.cdf(x, *p), tuple(parameters), tuple(d_parameters))
    return x, (d_probability - shift) / jnp.exp(law.log_density(x, *parameters))


@functools.partial(jax.jit, static_argnums=0)
def _solve(law: Quantile, u: Any, *parameters: Any) -> Any:
    """Quantiles by bracketed Newton steps in the logarithm of the nearer tail."""
    lower_half = u <= 0.5
    low, high = law.bracket(u, *parameters)
    tolerance = 2 * jnp.finfo(u.dtype).eps
    floor = 0.0 if law.logarithmic else (high - low) / 16  # on the whole line x may pass through zero
    noise = tolerance / 4 if law.absolute else 0.0

    def residual(x: Any) -> tuple[Any, Any, Any]:
        tail = jnp.where(lower_half, law.cdf(x, *parameters), law.sf(x, *parameters))
        goal = jnp.where(lower_half, jnp.log(u), jnp.log1p(-u))
        error = jnp.where(lower_half, 1, -1) * (jnp.log(tail) - goal)
        slope = jnp.exp(law.log_density(x, *parameters)) / tail
        settled = jnp.abs(tail - jnp.where(lower_half, u, 1 - u)) <= noise
        return error, slope, settled

    def step(state: Any) -> Any:
        count, x, low, high, _ = state
        error, slope, settled = residual(x)
        low, high = jnp.where(error < 0, x, low), jnp.where(error > 0, x, high)
        newton = x * jnp.exp(-error / (slope * x)) if law.logarithmic else x - error / slope
        middle = jnp.sqrt(low) * jnp.sqrt(high) if law.logarithmic else (low + high) / 2
        fallback = jnp.where(middle > low, middle, (low + high) / 2)
        new = jnp.where((newton >= low) & (newton <= high), newton, fallback)
        new = jnp.where((error == 0) | settled, x, new)
        enough = tolerance * (jnp.abs(x) + floor)
        exact = jnp.abs(error) <= 8 * tolerance  # F agrees to rounding: further steps would oscillate
        done = exact | (jnp.abs(new - x) <= enough) | (high - low <= enough) | jnp.isnan(new)
        return count + 1, new, low, high, done

    def unfinished(state: Any) -> Any:
        return (state[0] < _MAX_STEPS) & ~jnp.all(state[-1])

    settled = (u <= 0) | (u >= 1) | jnp.isnan(u)
    start = jnp.where(lower_half, low, (low + high) / 2)
    _, x, *_ = lax.while_loop(unfinished, step, (0, start, low, high, settled))
    x = jnp.where(u == 0, low, jnp.where(u == 1, high, x))
    return jnp.where((u >= 0) & (u <= 1), x, jnp.nan)
