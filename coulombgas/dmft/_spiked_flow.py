"""Gradient flow on a Gaussian landscape: the two-time equations in continuous time, by a second-order method."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ._causal import trapezoid
from ._tensor_covariance import Covariance


class Flow(NamedTuple):
    """Correlation, response (1 at equal times), overlap and multiplier, filled up to the current step."""

    state: Float[Array, "n n"]
    response: Float[Array, "n n"]
    overlap: Float[Array, " n"]
    multiplier: Float[Array, " n"]


class Slope(NamedTuple):
    """Time derivatives of the rows at one time."""

    state: Float[Array, " n"]
    own: Float[Array, ""]
    response: Float[Array, " n"]
    overlap: Float[Array, ""]
    multiplier: Float[Array, ""]


def run_flow(
    q: Covariance, *, num: int, time_step: Any, overlap: Any, spherical: bool, ridge: Any
) -> Flow:  # fmt: skip
    r"""Heun steps with trapezoidal memory integrals.

    .. math::
        \partial_tC &= -\mu C + Q'(m)m' + \int_0^tRQ''(C)C' + \int_0^{t'}R'Q'(C),\\
        \partial_tR &= -\mu R + \int_{t'}^tRQ''(C)R',\quad \dot m = -\mu m + Q'(m) + \int RQ''(C)m

    with C(t, t) = 1 and :math:`\mu = Q'(m)m + \int R[Q'(C) + Q''(C)C]` on the sphere, R(t, t⁻) = 1.
    """
    weights = trapezoid(num, time_step)
    square = jnp.zeros((num, num))
    start = Flow(square.at[0, 0].set(1.0), square.at[0, 0].set(1.0), jnp.zeros(num).at[0].set(overlap), jnp.zeros(num))

    def slope(now: Flow, n) -> Slope:
        return _slope(q, now, n, weights, time_step, spherical, ridge)

    def body(n, now):
        first = slope(now, n)
        guess = _advance(now, n, first, first, time_step, spherical)
        second = slope(guess, n + 1)
        return _advance(now, n, first, second, time_step, spherical)

    done = lax.fori_loop(0, num - 1, body, start)
    return done._replace(multiplier=done.multiplier.at[num - 1].set(slope(done, num - 1).multiplier))


def _slope(q: Covariance, now: Flow, n, weights, time_step, spherical: bool, ridge: Any) -> Slope:
    """Time derivatives at step n of correlations with earlier times, norm, responses and overlap."""
    step = jnp.arange(len(now.overlap))
    row, kernel = now.state[n], now.response[n]
    known = step <= n
    memory = jnp.where(known, kernel * q.second(row), 0.0)
    noise = jnp.where(known, q.first(row), 0.0)
    weighted = weights[n] * memory
    pull = q.first(now.overlap[n])
    push = (weights * now.response) @ noise
    force = pull * now.overlap + weighted @ now.state + push
    on_self = pull * now.overlap[n] + weighted @ row + (weights[n] * kernel) @ noise
    multiplier = on_self if spherical else jnp.asarray(ridge)
    inner = time_step * (memory @ now.response - memory * jnp.diagonal(now.response) / 2 - memory[n] * kernel / 2)
    return Slope(
        state=force - multiplier * row,
        own=2 * (on_self - multiplier * row[n]),
        response=inner - multiplier * kernel,
        overlap=pull + weighted @ now.overlap - multiplier * now.overlap[n],
        multiplier=multiplier,
    )


def _advance(now: Flow, n, first: Slope, second: Slope, time_step, spherical: bool) -> Flow:
    """Row n + 1 from the mean of two slopes."""
    step = jnp.arange(len(now.overlap))

    def mean(name):
        return time_step * (getattr(first, name) + getattr(second, name)) / 2

    row = jnp.where(step <= n, now.state[n] + mean("state"), 0.0)
    row = row.at[n + 1].set(1.0 if spherical else now.state[n, n] + mean("own"))
    kernel = jnp.where(step <= n, now.response[n] + mean("response"), 0.0).at[n + 1].set(1.0)
    return Flow(
        state=now.state.at[n + 1].set(row).at[:, n + 1].set(row),
        response=now.response.at[n + 1].set(kernel),
        overlap=now.overlap.at[n + 1].set(now.overlap[n] + mean("overlap")),
        multiplier=now.multiplier.at[n].set(first.multiplier),
    )
