"""Special functions in JAX that JAX lacks: scaled Bessel functions of integer order and their logarithm."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np

from coulombgas._checks import fail

_NUM_ASYMPTOTIC = 16
_LARGE = 50.0


def inexact(value: Any) -> Any:
    """The value as a floating or complex array."""
    array = jnp.asarray(value)
    return array if jnp.issubdtype(array.dtype, jnp.inexact) else array.astype(jnp.result_type(float))


def scaled_bessel(order: int, z: Any) -> Any:
    r"""I_n(z) exp(−z) for an integer order n, to about 1e-14 relative for z ≥ 0.

    Orders 0 and 1 are JAX's; from order 2 on the power series (all terms positive) below z = 20 + n² and the upward
    recurrence, which loses a factor exp(n²/2z) at most, above.
    """
    sign = jnp.where((z < 0) & (order % 2 == 1), -1.0, 1.0)
    modulus = jnp.abs(z)
    scale = jnp.exp(modulus - z)
    if order == 0:
        return jsp.i0e(z) * scale
    if order == 1:
        return jsp.i1e(z) * scale
    boundary = 20.0 + order**2
    small = _series(order, jnp.minimum(modulus, boundary), num_terms=int(boundary) + 40)
    large = _upward(order, jnp.maximum(modulus, boundary))
    return sign * scale * jnp.where(modulus < boundary, small, large)


def _series(order: int, z: Any, *, num_terms: int) -> Any:
    quarter = z * z / 4

    def term(i: Any, total: Any) -> Any:
        k = num_terms - i
        return (1 + total) * quarter / (k * (k + order))

    total = jax.lax.fori_loop(0, num_terms, term, jnp.zeros_like(z))
    half_power = jnp.where(z > 0, jnp.exp(order * jnp.log(jnp.where(z > 0, z, 1) / 2) - math.lgamma(order + 1) - z), 0)
    return half_power * (1 + total)


def _upward(order: int, z: Any) -> Any:
    below, here = jsp.i0e(z), jsp.i1e(z)
    for n in range(1, order):
        below, here = here, below - 2 * n / z * here
    return here


@functools.cache
def _deficit_coefficients() -> np.ndarray:
    """Coefficients a_k of 1 − I₁(z)/I₀(z) ~ Σ a_k z^{−k}, from the Riccati equation of the ratio."""
    a = np.zeros(_NUM_ASYMPTOTIC + 1)
    for k in range(1, len(a)):
        a[k] = ((k == 1) + (k - 2) * a[k - 1] + sum(a[i] * a[k - i] for i in range(1, k))) / 2
    return a


def bessel_deficit(z: Any) -> Any:
    """1 − I₁(z)/I₀(z) for z ≥ 0, without the cancellation at large z."""
    inverse = 1 / jnp.maximum(z, _LARGE)
    tail = jnp.zeros_like(inverse)
    for coefficient in _deficit_coefficients()[:0:-1]:
        tail = inverse * (float(coefficient) + tail)
    near = jnp.minimum(z, _LARGE)
    return jnp.where(z > _LARGE, tail, 1 - jsp.i1e(near) / jsp.i0e(near))


@jax.custom_jvp
def log_i0e(z: Any) -> Any:
    """log I₀(z) − z, with a derivative that keeps its relative accuracy at large z."""
    return jnp.log(jsp.i0e(z)) + jnp.abs(z) - z


@log_i0e.defjvp
def _log_i0e_jvp(primals: Any, tangents: Any) -> Any:
    (z,), (dz,) = primals, tangents
    deficit = bessel_deficit(jnp.abs(z))
    return log_i0e(z), jnp.where(z < 0, deficit - 2, -deficit) * dz


@jax.custom_jvp
def xlogy(a: Any, x: Any) -> Any:
    """a log x, zero at a = 0; there the derivative in x is zero, the one in a is cut at the log of the least float."""
    return jsp.xlogy(a, x)


@xlogy.defjvp
def _xlogy_jvp(primals: Any, tangents: Any) -> Any:
    (a, x), (da, dx) = primals, tangents
    log_x = jnp.log(jnp.maximum(x, jnp.finfo(jnp.result_type(x)).tiny))
    slope = jnp.where(a == 0, 0.0, a / jnp.where(a == 0, 1.0, x))
    return xlogy(a, x), da * log_x + dx * slope


def log_erfc(z: Any) -> Any:
    """log erfc(z) far into the tail."""
    return math.log(2) + jsp.log_ndtr(-math.sqrt(2) * z)


def integer_order(value: Any) -> int:
    """The order of a Bessel function as an int."""
    if not getattr(value, "is_Integer", False):
        fail("expression", "has a Bessel function whose order must be a whole number to be evaluated", value)
    return abs(int(value))
