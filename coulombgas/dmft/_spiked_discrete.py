"""Two-time equations of first-order methods on a Gaussian landscape, step by step and exact for every step size."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ._tensor_covariance import Covariance


class Trajectory(NamedTuple):
    """Rows filled up to the current step; responses are those of x to a unit field added to the gradient."""

    state: Float[Array, "n n"]
    query_state: Float[Array, "n n"]
    query: Float[Array, "n n"]
    response: Float[Array, "n n"]
    query_response: Float[Array, "n n"]
    overlap: Float[Array, " n"]
    query_overlap: Float[Array, " n"]
    multiplier: Float[Array, " n"]


class Schedule(NamedTuple):
    """Per step: η_n, weight β_n of the last difference in the base, and in the query point."""

    rate: Float[Array, " steps"]
    momentum: Float[Array, " steps"]
    look_ahead: Float[Array, " steps"]


def run_discrete(q: Covariance, schedule: Schedule, *, overlap: Any, constraint: str, ridge: Any) -> Trajectory:
    r"""Solve for all steps.

    .. math:: x_{n+1} = b_n + \eta_n\Big[-\mu_n z_n + Q'(m^z_n)x^* + \sum_{s<n}Q''(C_{zz}(n,s))R_z(n,s)z_s + \xi_n\Big]

    with cov ξ = Q'(C_zz). ``constraint``: "ridge" keeps μ, "project" divides by the norm, "multiplier" chooses μ_n so
    that the norm stays 1 without dividing (second order for inertial flow).
    """
    num = len(schedule.rate) + 1
    square, line = jnp.zeros((num, num)), jnp.zeros(num)
    start = Trajectory(
        square.at[0, 0].set(1.0), square, square, square, square, line.at[0].set(overlap), line, line
    )  # fmt: skip

    def body(n, now):
        now = _look(now, n, schedule.look_ahead[n])
        return _move(q, now, n, schedule.rate[n], schedule.momentum[n], constraint, ridge)

    return lax.fori_loop(0, num - 1, body, start)


def _look(now: Trajectory, n, ahead) -> Trajectory:
    """Rows of the query point z_n = x_n + β(x_n - x_{n-1})."""
    last = jnp.maximum(n - 1, 0)
    ahead = jnp.where(n > 0, ahead, 0.0)

    def mix(rows):
        return (1 + ahead) * rows[n] - ahead * rows[last]

    to_states = mix(now.state)
    column = (1 + ahead) * now.query_state[:, n] - ahead * now.query_state[:, last]
    query_state = now.query_state.at[n].set(to_states)
    own = (1 + ahead) * to_states[n] - ahead * to_states[last]
    column = column.at[n].set(own)
    return now._replace(
        query_state=query_state,
        query=now.query.at[n].set(column).at[:, n].set(column),
        query_response=now.query_response.at[n].set(mix(now.response)),
        query_overlap=now.query_overlap.at[n].set(mix(now.overlap)),
    )


def _move(q: Covariance, now: Trajectory, n, rate, momentum, constraint: str, ridge: Any) -> Trajectory:
    """The trajectory with point n + 1: its row of correlations, responses and overlap, on the constraint."""
    step = jnp.arange(len(now.overlap))
    last, past = jnp.maximum(n - 1, 0), step < n
    momentum = jnp.where(n > 0, momentum, 0.0)

    def base(rows):
        return (1 + momentum) * rows[n] - momentum * rows[last]

    memory = jnp.where(past, q.second(now.query[n]) * now.query_response[n], 0.0)
    noise = jnp.where(step <= n, q.first(now.query[n]), 0.0)
    pull = q.first(now.query_overlap[n])
    response = base(now.response) + rate * (memory @ now.query_response + (step == n))
    overlap = base(now.overlap) + rate * (pull + memory @ now.query_overlap)
    row = base(now.state) + rate * (pull * now.overlap + memory @ now.query_state + now.response @ noise)
    # the new point with itself: the same equation with k = n + 1, whose row is now known
    with_base = (1 + momentum) * row[n] - momentum * row[last]
    with_queries = _against_queries(now, row, q, n, rate, pull, memory, noise, response, momentum)
    norm = with_base + rate * (pull * overlap + memory @ with_queries + response @ noise)
    ahead_norm, cross = now.query[n, n], with_queries[n]
    multiplier, scale = _constrain(constraint, ridge, rate, norm, cross, ahead_norm)
    row = (row - rate * multiplier * now.query_state[n]) * scale
    norm = (norm - 2 * rate * multiplier * cross + (rate * multiplier) ** 2 * ahead_norm) * scale**2
    row = row.at[n + 1].set(norm)
    query_state = now.query_state.at[:, n + 1].set(
        jnp.where(step <= n, (with_queries - rate * multiplier * now.query[n]) * scale, 0.0)
    )
    return now._replace(
        state=now.state.at[n + 1].set(row).at[:, n + 1].set(row),
        query_state=query_state,
        response=now.response.at[n + 1].set((response - rate * multiplier * now.query_response[n]) * scale),
        overlap=now.overlap.at[n + 1].set((overlap - rate * multiplier * now.query_overlap[n]) * scale),
        multiplier=now.multiplier.at[n].set(multiplier),
    )


def _against_queries(now, row, q, n, rate, pull, memory, noise, response, momentum):
    """<b z_s> for s ≤ n of the unconstrained new point b: the queries are combinations of the states."""
    last = jnp.maximum(n - 1, 0)
    base = (1 + momentum) * now.query_state[:, n] - momentum * now.query_state[:, last]
    return base + rate * (pull * now.query_overlap + now.query @ memory + now.query_response @ noise)


def _constrain(constraint: str, ridge: Any, rate, norm, cross, ahead_norm):
    """(μ, factor on the new point)."""
    if constraint == "ridge":
        return ridge, 1.0
    if constraint == "project":
        return 0.0, 1 / jnp.sqrt(norm)
    # |b - ημ z|² = 1: the root that vanishes with η
    curvature = ahead_norm * (norm - 1)
    return (norm - 1) / (rate * (cross + jnp.sqrt(cross**2 - curvature))), 1.0
