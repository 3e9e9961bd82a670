"""The library's closed forms as JAX functions, built once each."""

import functools
from collections.abc import Callable
from typing import Any

import sympy as sp

from coulombgas import symbolic

BETA = sp.Symbol("beta", positive=True)


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
