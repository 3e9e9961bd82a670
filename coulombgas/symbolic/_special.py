"""Special functions that JAX lacks: scaled Bessel functions of integer order and their logarithm."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np
import scipy.special as sps

from coulombgas._checks import fail

_NUM_ASYMPTOTIC = 16  # terms of the asymptotic series, whose last is below 1e-20 from z = 50 on
_LARGE = 50.0
_NUM_SMALL = 10  # terms of log I_0 below z = 1: (1/4)^k/(k!)² is below 1e-19 from here on
_BRANCH = 8.0  # of z: the power series below, the Chebyshev series above
_NUM_SERIES = 26  # 16^k/(k!)² is below 1e-17 of I_0(8) from here on
_NUM_LARGE = 24  # Chebyshev coefficients above z = 8: all further ones are rounding


def inexact(value: Any) -> Any:
    """The value as a floating or complex array."""
    array = jnp.asarray(value)
    return array if jnp.issubdtype(array.dtype, jnp.inexact) else array.astype(jnp.result_type(float))


def scaled_bessel(order: int, z: Any) -> Any:
    r"""I_n(z) exp(−z) for an integer order n, to about 1e-14 relative for z ≥ 0.

    Orders 0 and 1 are JAX's; from order 2 on the power series (all terms positive) below z = 20 + n² and the upward
    recurrence, which loses a factor exp(n²/2z) at most, above.
    """
    negative = z < 0
    modulus = jnp.where(negative, -z, z)
    scale = jnp.where(negative & (order % 2 == 1), -1.0, 1.0) * jnp.exp(jnp.where(negative, -2 * z, 0.0))
    if order < 2:
        return scale * (_i0e(modulus) if order == 0 else _i1e(modulus))
    boundary = 20.0 + order**2
    small = _series(order, jnp.minimum(modulus, boundary), num_terms=int(boundary) + 40)
    large = _upward(order, jnp.maximum(modulus, boundary))
    return scale * jnp.where(modulus < boundary, small, large)


@functools.cache
def _bessel_coefficients(order: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Coefficients, highest first, of I_n(z)/(z/2)^n in z²/4, and of √z I_n(z) e^{−z} in t = 16/z − 1.

    The first are the power series, all terms positive; the second a Chebyshev interpolation for z ≥ 8. Horner's rule
    takes half the operations of Clenshaw's, which JAX's own functions use.
    """
    series = 1 / np.cumprod(np.concatenate([[1.0], [k * (k + order) for k in range(1, _NUM_SERIES)]]))
    t = np.polynomial.chebyshev.chebpts1(40)
    fit = np.polynomial.chebyshev.chebfit(t, sps.ive(order, 16 / (t + 1)) * np.sqrt(16 / (t + 1)), 39)
    return series[::-1], np.polynomial.chebyshev.cheb2poly(fit[:_NUM_LARGE])[::-1]


def _scaled_bessel(order: int, z: Any) -> Any:
    """I_n(z) e^{−z} for n = 0 or 1 and z ≥ 0."""
    return weighted_bessel(order, z, jnp.zeros_like(z))


def weighted_bessel(order: int, z: Any, log_weight: Any) -> Any:
    r"""I_n(z) exp(log_weight − z) for n = 0 or 1 and z ≥ 0 with one exponential, to about 1e-14 relative.

    For integrands of quadratures, which are not differentiated; otherwise use :func:`bessel_ie`.

    Raises:
        InputError: for another order.
    """
    if order not in (0, 1):
        fail("order", "must be 0 or 1", order)
    small, large = _bessel_coefficients(order)
    is_near, near, far = z <= _BRANCH, jnp.minimum(z, _BRANCH), jnp.maximum(z, _BRANCH)
    below = _horner(small, near * near / 4) * (near / 2 if order else 1)
    above = _horner(large, 2 * _BRANCH / far - 1) / jnp.sqrt(far)
    return jnp.exp(log_weight - jnp.where(is_near, near, 0)) * jnp.where(is_near, below, above)


def _horner(coefficients: np.ndarray, t: Any) -> Any:
    value = jnp.full_like(t, float(coefficients[0]))
    for coefficient in coefficients[1:]:
        value = value * t + float(coefficient)
    return value


@jax.custom_jvp
def _i0e(z: Any) -> Any:
    return _scaled_bessel(0, z)


@_i0e.defjvp
def _i0e_jvp(primals: Any, tangents: Any) -> Any:
    (z,), (dz,) = primals, tangents
    return _i0e(z), -_i0e(z) * bessel_deficit(z) * dz


@jax.custom_jvp
def _i1e(z: Any) -> Any:
    return _scaled_bessel(1, z)


@_i1e.defjvp
def _i1e_jvp(primals: Any, tangents: Any) -> Any:
    (z,), (dz,) = primals, tangents
    over_z = jnp.where(z > 1e-8, _i1e(z) / jnp.where(z > 1e-8, z, 1.0), 0.5 - z / 2)
    return _i1e(z), (_i0e(z) * bessel_deficit(z) - over_z) * dz


def _series(order: int, z: Any, *, num_terms: int) -> Any:
    quarter = z * z / 4

    def term(i: Any, total: Any) -> Any:
        k = num_terms - i
        return (1 + total) * quarter / (k * (k + order))

    total = jax.lax.fori_loop(0, num_terms, term, jnp.zeros_like(z))
    half_power = jnp.where(z > 0, jnp.exp(order * jnp.log(jnp.where(z > 0, z, 1) / 2) - math.lgamma(order + 1) - z), 0)
    return half_power * (1 + total)


def _upward(order: int, z: Any) -> Any:
    below, here = _i0e(z), _i1e(z)
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
    return jnp.where(z > _LARGE, tail, 1 - _i1e(near) / _i0e(near))


@jax.custom_jvp
def log_i0e(z: Any) -> Any:
    """log I₀(z) − z, with a derivative that keeps its relative accuracy at large z."""
    return log_i0(z, subtract=z)


def log_i0(z: Any, subtract: Any = 0.0) -> Any:
    """log I₀(z) − subtract, to relative accuracy at small z too."""
    square = jnp.minimum(z * z, 1.0) / 4
    excess = jnp.zeros_like(square)
    for k in range(_NUM_SMALL, 0, -1):
        excess = square / k**2 * (1 + excess)
    modulus = jnp.where(z < 0, -z, z)
    return jnp.where(modulus < 1, jnp.log1p(excess) - subtract, jnp.log(_i0e(modulus)) + (modulus - subtract))


@log_i0e.defjvp
def _log_i0e_jvp(primals: Any, tangents: Any) -> Any:
    (z,), (dz,) = primals, tangents
    deficit = bessel_deficit(jnp.abs(z))
    return log_i0e(z), jnp.where(z < 0, deficit - 2, -deficit) * dz


@jax.custom_jvp
def xlogy(a: Any, x: Any) -> Any:
    """a log x, zero at a = 0; there the derivative in x is zero, and that in a is cut off at the log of the smallest
    float."""
    return jsp.xlogy(a, x)


@xlogy.defjvp
def _xlogy_jvp(primals: Any, tangents: Any) -> Any:
    (a, x), (da, dx) = primals, tangents
    log_x = jnp.log(jnp.maximum(x, jnp.finfo(jnp.result_type(x)).tiny))
    slope = jnp.where(a == 0, 0.0, a / jnp.where(a == 0, 1.0, x))
    return xlogy(a, x), da * log_x + dx * slope


@jax.custom_jvp
def expm1(x: Any) -> Any:
    """exp(x) − 1, with a derivative that does not lose the tail of exp(x) to the subtraction."""
    return jnp.expm1(x)


@expm1.defjvp
def _expm1_jvp(primals: Any, tangents: Any) -> Any:
    (x,), (dx,) = primals, tangents
    return expm1(x), jnp.exp(x) * dx


@jax.custom_jvp
def log1p_ratio(n: Any, d: Any) -> Any:
    """log(1 + n/d), to relative accuracy near n = 0 and near the wall n = −d."""
    ratio = n / d
    near = jnp.abs(ratio) < 0.5
    return jnp.where(near, jnp.log1p(jnp.where(near, ratio, 0.0)), jnp.log((d + n) / d))


@log1p_ratio.defjvp
def _log1p_ratio_jvp(primals: Any, tangents: Any) -> Any:
    (n, d), (dn, dd) = primals, tangents
    return log1p_ratio(n, d), dn / (d + n) - dd * n / (d * (d + n))


def log_erfc(z: Any) -> Any:
    """log erfc(z) far into the tail."""
    return math.log(2) + jsp.log_ndtr(-math.sqrt(2) * z)


def integer_order(value: Any) -> int:
    """The order of a Bessel function as an int."""
    if not getattr(value, "is_Integer", False):
        fail("expression", "has a Bessel function whose order must be a whole number to be evaluated", value)
    return abs(int(value))
