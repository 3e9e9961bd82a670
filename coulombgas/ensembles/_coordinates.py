"""Ordered levels without constraint: logarithms of the gaps, for a line, a half-line or an interval."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coulombgas._checks import InputError

Domain = tuple[float, float]


class Coordinates(NamedTuple):
    """``levels(u)``: the ascending levels of n free numbers u; ``log_volume(u)``: log|∂x/∂u|; ``invert(x)``: u of x."""

    levels: Callable[[Float[Array, " n"]], Float[Array, " n"]]
    log_volume: Callable[[Float[Array, " n"]], Float[Array, ""]]
    invert: Callable[[Float[Array, " n"]], Float[Array, " n"]]


def gap_coordinates(domain: Domain) -> Coordinates:
    """Coordinates on ``domain`` = (low, high), either of which may be infinite (not −∞ < x < high alone)."""
    low, high = float(domain[0]), float(domain[1])
    if not low < high:
        raise InputError(f"`domain` must be (low, high) with low < high, got {domain}.")
    if math.isinf(low) and math.isinf(high):
        return _line()
    if math.isinf(high):
        return _half_line(low)
    if math.isinf(low):
        raise InputError(f"`domain` {domain} is open below only: mirror the potential and use (low, inf).")
    return _interval(low, high)


def _line() -> Coordinates:
    def levels(u: Array) -> Array:
        above_first = jnp.concatenate([jnp.zeros(1, u.dtype), jnp.cumsum(jnp.exp(u[1:]))])
        return u[0] + above_first - above_first.mean()

    def invert(x: Array) -> Array:
        return jnp.concatenate([x.mean(keepdims=True), jnp.log(jnp.diff(x))])

    return Coordinates(levels, lambda u: u[1:].sum(), invert)


def _half_line(low: float) -> Coordinates:
    def invert(x: Array) -> Array:
        return jnp.log(jnp.diff(x, prepend=low))

    return Coordinates(lambda u: low + jnp.cumsum(jnp.exp(u)), lambda u: u.sum(), invert)


def _interval(low: float, high: float) -> Coordinates:
    """Coordinates of ascending levels between two walls: logarithms of gaps over the last gap."""
    length = high - low

    def log_shares(u: Array) -> Array:
        return jax.nn.log_softmax(jnp.concatenate([u, jnp.zeros(1, u.dtype)]))

    def invert(x: Array) -> Array:
        gaps = jnp.diff(x, prepend=low, append=high)
        return jnp.log(gaps[:-1]) - jnp.log(gaps[-1])

    def levels(u: Array) -> Array:
        return low + length * jnp.cumsum(jnp.exp(log_shares(u)))[:-1]

    return Coordinates(levels, lambda u: log_shares(u).sum() + u.shape[0] * math.log(length), invert)
