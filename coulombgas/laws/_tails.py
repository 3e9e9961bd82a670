"""Distribution functions by Gauss-Legendre quadrature, accurate relative to their size in both tails."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)
_FEW_NODES, _FEW_WEIGHTS = np.polynomial.legendre.leggauss(24)
_EXPONENT = 40.0  # the integrals are cut where the integrand has fallen by exp(-40)


def tails(density: Callable[[Any], Any], y: Any, peak: Any, *, softness: float) -> tuple[Any, Any]:
    """∫ density below and above y ≥ 0, for a density that falls like exp(−(t − peak)²/softness) away from its peak.

    Each is accurate relative to itself where it is the smaller one.
    """
    y = jnp.minimum(y, peak + 100)
    depth = peak - y
    half_length = jnp.sqrt(depth**2 + softness * _EXPONENT)
    below = jnp.minimum(y, half_length - depth)
    return integrate(density, y - below, below), integrate(density, y, half_length + depth)


def smaller_tail(density: Callable[[Any], Any], y: Any, peak: Any, *, above: Any, softness: float) -> Any:
    """One tail of such a density, above y where ``above`` holds and below it elsewhere, by 24 points, one at a time.

    Half of a bell-shaped density cut at exp(-40) needs no more: 24 and 48 points agree to rounding. The density gets
    arrays with the axes of y; the values at all points at once would not fit into the processor's cache.
    """
    y = jnp.minimum(y, peak + 100)
    depth = peak - y
    half_length = jnp.sqrt(depth**2 + softness * _EXPONENT)
    below = jnp.minimum(y, half_length - depth)
    start, length = jnp.where(above, y, y - below), jnp.where(above, half_length + depth, below)
    nodes, weights = (jnp.asarray(values, y.dtype) for values in ((_FEW_NODES + 1) / 2, _FEW_WEIGHTS / 2))

    def add(point: Any, total: Any) -> Any:
        return total + weights[point] * density(start + length * nodes[point])

    return length * jax.lax.fori_loop(0, len(_FEW_NODES), add, jnp.zeros_like(y))


def integrate(density: Callable[[Any], Any], start: Any, length: Any) -> Any:
    """48-point Gauss-Legendre integral of ``density`` (whose argument has one more axis) over [start, start +
    length]."""
    points, weights = (jnp.asarray(values, start.dtype) for values in ((_NODES + 1) / 2, _WEIGHTS / 2))
    return length * (density(start[..., None] + length[..., None] * points) @ weights)
