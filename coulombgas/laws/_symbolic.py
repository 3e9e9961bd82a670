"""The library's closed forms as JAX functions, built once each."""

import functools
from collections.abc import Callable
from typing import Any

import sympy as sp

from coulombgas import symbolic
from coulombgas.symbolic import to_jax

BETA = sp.Symbol("beta", positive=True)
_EXPONENT, _TAU = sp.symbols("a tau", real=True)


@functools.cache
def closed_form(name: str, output: str = "log_density") -> Callable[..., Any]:
    """A function of the law ``coulombgas.symbolic.<name>()``: (variable, *parameters) for densities."""
    return getattr(symbolic, name)().to_jax(output)


@functools.cache
def surmise(beta: float | None, output: str = "log_density") -> Callable[..., Any]:
    """The same for the Wigner surmise at a fixed Dyson index, or with β as the last parameter (None)."""
    if beta is None:
        return symbolic.wigner_surmise(BETA).to_jax(output)
    exact = sp.Integer(int(beta)) if float(beta).is_integer() else sp.Float(beta)
    return symbolic.wigner_surmise(exact).to_jax(output)


@functools.cache
def scaled_bessel(order: int) -> Callable[..., Any]:
    """I_n(z) exp(−z)."""
    z = sp.Symbol("z", nonnegative=True)
    return to_jax(symbolic.bessel_ie(order, z), [z])


@functools.cache
def log_mehta(n: int) -> Callable[..., Any]:
    """Logarithm of Mehta's integral for n levels at unit width, a function of β."""
    return to_jax(symbolic.log_mehta_normalisation(n, beta=BETA), [BETA])


@functools.cache
def log_laguerre(n: int) -> Callable[..., Any]:
    """Logarithm of the Laguerre-Selberg integral for n levels and e^{−x/2}, a function of (a, β)."""
    return to_jax(symbolic.log_laguerre_normalisation(n, exponent=_EXPONENT, beta=BETA, scale=2), [_EXPONENT, BETA])


@functools.cache
def log_mean_distance() -> Callable[..., Any]:
    """log M(τ, 1), the normalisation of two species, a function of τ."""
    return to_jax(sp.log(symbolic.mean_distance(_TAU, sp.Integer(1))), [_TAU])
