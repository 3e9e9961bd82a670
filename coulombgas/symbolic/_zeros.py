"""Real zeros of a drift, computed inside compiled functions: there the mesh of a spectrum must be fine."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp

from ._to_jax import to_jax

_MAX_DEGREE = 30  # of a polynomial factor; beyond it sign changes are sought
_NUM_ABERTH = 80  # Aberth's iteration converges cubically; the many steps are for clusters, where it is linear
_REAL = 1e-6  # of an imaginary part over the modulus: rounding splits a double root by √ε ~ 1e-8
_NUM_CHANGES = 16  # sign changes kept: compiled code needs a fixed number
_NUM_BISECTIONS = 60  # more than the 53 bits of a float64


def make_zeros(drift: Any, variable: Any, parameters: tuple[Any, ...]) -> Callable[..., Any]:
    """A JAX function (parameter values, low, high) → zeros of the drift, padded with NaN to a multiple of four.

    At least one NaN follows; with few different lengths, equations share compiled programs.

    Polynomial factors are solved by Aberth's iteration, up to degree 30; for the others the first sign changes are
    found on a graded grid.
    """
    numerator, _ = sp.fraction(sp.together(drift))
    solvers: list[Callable[..., Any]] = []
    for factor in sp.Mul.make_args(sp.factor(numerator)):
        base = factor.as_base_exp()[0]
        if not base.has(variable) or isinstance(base, sp.exp):
            continue
        if base.is_polynomial(variable) and sp.degree(base, variable) <= _MAX_DEGREE:
            solvers.append(_polynomial_solver(base, variable, parameters))
        else:
            solvers.append(_scanner(base, variable, parameters))

    def zeros(values: list[Any], low: Any, high: Any) -> Any:
        found = [solver(values, low, high) for solver in solvers]
        padding = 4 - sum(map(len, found)) % 4
        return jax.lax.stop_gradient(jnp.concatenate([*found, jnp.full(padding, jnp.nan)]))

    return zeros


def _polynomial_solver(polynomial: Any, variable: Any, parameters: tuple[Any, ...]) -> Callable[..., Any]:
    coefficients = to_jax(sp.Poly(polynomial, variable).all_coeffs(), parameters)

    def solve(values: list[Any], low: Any, high: Any) -> Any:
        return real_roots(jnp.stack([jnp.asarray(c, float) for c in coefficients(*values)]))

    return solve


def real_roots(coefficients: Any) -> Any:
    """(d,) real roots of a polynomial of degree d, highest coefficient first; NaN in place of complex ones.

    O. Aberth, Math. Comp. 27 (1973) 339.
    """
    degree = len(coefficients) - 1
    monic = coefficients / coefficients[0]
    if degree == 1:
        return -monic[1:]
    order = jnp.arange(1, degree + 1)
    size = 2 * jnp.max(jnp.abs(monic[1:]) ** (1 / order))  # Fujiwara's bound of the roots
    size = jnp.where(size > 0, size, 1.0)
    scaled = jnp.concatenate([jnp.ones(1), monic[1:] / size**order])
    slope = scaled[:-1] * jnp.arange(degree, 0, -1)
    # no start on the real axis, where conjugate pairs would not separate
    angles = 2 * np.pi * np.arange(degree) / degree + 0.4

    def step(_: Any, z: Any) -> Any:
        value, rate = jnp.polyval(scaled, z), jnp.polyval(slope, z)
        newton = value / jnp.where(rate == 0, 1e-300, rate)
        gaps = z[:, None] - z[None, :]
        others = jnp.sum(jnp.where(gaps == 0, 0.0, 1 / jnp.where(gaps == 0, 1.0, gaps)), axis=1)
        change = newton / (1 - newton * others)
        return jnp.where(jnp.isfinite(change), z - change, z)

    z = size * jax.lax.fori_loop(0, _NUM_ABERTH, step, jnp.asarray(0.5 * np.exp(1j * angles)))
    return jnp.where(jnp.abs(z.imag) <= _REAL * jnp.maximum(jnp.abs(z.real), 1e-3 * size), z.real, jnp.nan)


def _scanner(function: Any, variable: Any, parameters: tuple[Any, ...]) -> Callable[..., Any]:
    """A function that finds the real zeros at values of the parameters, padded with NaN; traced throughout."""
    evaluate = to_jax(function, (variable, *parameters))
    graded = np.concatenate([-np.geomspace(1e9, 1e-9, 3000), np.geomspace(1e-9, 1e9, 3000)])
    fine = np.linspace(-60, 60, 6001)
    line = np.unique(np.concatenate([graded, fine]))
    unit = np.unique(np.concatenate([np.geomspace(1e-12, 0.5, 1500), 1 - np.geomspace(1e-12, 0.5, 1500)]))

    def scan(values: list[Any], low: Any, high: Any) -> Any:
        if low is not None and high is not None:
            x = low + (high - low) * jnp.asarray(unit)
        else:
            start = next((end for end in (low, high) if end is not None), 0.0)
            x = start + jnp.asarray(line)
        sign = jnp.sign(evaluate(x, *values))
        changes = jnp.flatnonzero(sign[:-1] * sign[1:] < 0, size=_NUM_CHANGES, fill_value=-1)
        left, right, rising = x[changes], x[changes + 1], sign[changes]

        def halve(_: Any, ends: Any) -> Any:
            left, right = ends
            middle = (left + right) / 2
            same = jnp.sign(evaluate(middle, *values)) == rising
            return jnp.where(same, middle, left), jnp.where(same, right, middle)

        left, right = jax.lax.fori_loop(0, _NUM_BISECTIONS, halve, (left, right))
        return jnp.where(changes >= 0, (left + right) / 2, jnp.nan)

    return scan
