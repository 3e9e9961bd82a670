"""Evaluating a law far from unit scale: exact rescaling by powers of two, limits that keep gradients finite."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from numpyro.distributions.util import promote_shapes


def as_floats(*values: Any) -> tuple[Any, ...]:
    """The values as arrays of their common inexact type (float64 inside ``x64()``)."""
    dtype = jnp.result_type(float, *values)
    return tuple(jnp.asarray(value, dtype) for value in values)


def parameters(*values: Any) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """The parameters of a law with equal numbers of dimensions, and their batch shape."""
    arrays = as_floats(*values)
    return tuple(promote_shapes(*arrays)), lax.broadcast_shapes(*(jnp.shape(array) for array in arrays))


def power_of_two(width: Any) -> Any:
    """The power of two c with 1 ≤ width/c < 2, a constant for differentiation.

    Every scale law obeys log p(S; s) = log p(S/c; s/c) − log c for any constant c, so dividing by c changes neither the
    value nor a derivative; dividing by a power of two does not round.
    """
    _, exponent = jnp.frexp(lax.stop_gradient(width))
    return jnp.ldexp(jnp.ones_like(width), exponent - 1)


def resolution(dtype: Any) -> float:
    """Smallest distance, in widths, that a log density resolves; smaller ones, in particular ties, are set to it."""
    return float(np.finfo(dtype).tiny) ** (2 / 3)


def reach(dtype: Any, power: Any = 2) -> Any:
    """Largest distance u, in widths, that a log density falling as u^power resolves; larger ones are set to it."""
    return jnp.exp(jnp.asarray(2 / 3 * np.log(float(np.finfo(dtype).max)), dtype) / power)


def resolved(distance: Any, width: Any, *, power: Any = 2, offset: Any = 0.0) -> Any:
    """A distance ≥ 0 between :func:`resolution` and ``offset`` plus :func:`reach`, both in units of the width.

    So the value and all first derivatives stay in the floating-point range for 1e-12 ≤ width ≤ 1e12, even in float32;
    the derivative by the width remains that of the law at the clipped distance.
    """
    unit = lax.stop_gradient(width)
    high = lax.stop_gradient(reach(distance.dtype, power) * unit + offset)
    return jnp.clip(distance, resolution(distance.dtype) * unit, high)


def inside(mask: Any, log_density: Any) -> Any:
    """The log density where ``mask`` holds, −inf elsewhere; NaN stays NaN."""
    return jnp.where(mask | jnp.isnan(log_density), log_density, -jnp.inf)
