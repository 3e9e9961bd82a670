r"""Averages that a Coulomb gas must obey: Ward identities, the resolvent beyond leading order, and its time
evolution."""

from itertools import combinations
from typing import Any

import sympy as sp

from coulombgas._checks import InputError

from ._free import spectral_argument

num_levels = sp.Symbol("N", positive=True)
"""The number N of levels in a large-N equation."""


def ward_identity(gas: Any, function: Any, variable: Any) -> Any:
    r"""An expression in the levels whose average over the Coulomb gas vanishes.

    :math:`\Big\langle\sum_if'(x_i)+\frac\beta2\sum_{i\ne j}\frac{f(x_i)-f(x_j)}{x_i-x_j}
    -\sum_if(x_i)\frac{V_i'(x_i)}{g_i^2}\Big\rangle=0`, the integral of the total derivative of f times the law. With
    f = 1/(z - x) it is the loop equation of the resolvent. On a domain with an end f P must vanish there.

    Args:
        gas: a :class:`CoulombGas`.
        function: f, an expression in ``variable``.
        variable: its symbol.

    Derived here; see derivations/many_levels. With ``to_jax`` it becomes a check of sampled levels.
    """
    x, function = gas.variables, sp.sympify(function, strict=True)
    values = [function.subs(variable, y) for y in x]
    total = sum(sp.diff(function, variable).subs(variable, y) for y in x)
    for i, j in combinations(range(len(x)), 2):
        total += gas.beta * _divided_difference(function, variable, x[i], x[j])
    for value, potential, noise, y in zip(values, gas.potentials, gas.noises, x, strict=True):
        total -= value * sp.diff(potential, y) / noise**2
    return total


def _divided_difference(function: Any, variable: Any, one: Any, two: Any) -> Any:
    difference = (function.subs(variable, one) - function.subs(variable, two)) / (one - two)
    return sp.cancel(difference) if function.is_rational_function(variable) else difference


def gaussian_resolvent(variance: Any, *, beta: Any = 1) -> tuple[Any, Any]:
    r"""Resolvent of N levels in a quadratic potential to order 1/N, as (G_0, G_1).

    :math:`\frac1N\langle\sum_i\frac1{z-x_i}\rangle=G_0+\frac1NG_1+O(N^{-2})` with

    .. math:: G_0=\frac{z-\sqrt{z^2-4v}}{2v},\qquad
        G_1=\Big(\frac2\beta-1\Big)\frac{v\,G_0}{z^2-4v}

    for :math:`P\propto\prod|x_i-x_j|^\beta\,e^{-\beta N\sum x_i^2/(4v)}`, in the symbol ``spectral_argument``. A gas of
    width s has v = βNs²/2. For β = 2 there is no correction of this order.

    Args:
        variance: v, so that the semicircle has the radius 2√v.
        beta: Dyson index.

    Derived here from the loop equation; see derivations/many_levels.
    """
    v, beta, z = sp.sympify(variance, strict=True), sp.sympify(beta, strict=True), spectral_argument
    edge = 2 * sp.sqrt(v)
    root = sp.sqrt(z - edge) * sp.sqrt(z + edge)  # the branch that tends to z at large z, in every direction
    leading = (z - root) / (2 * v)
    return leading, (2 / beta - 1) * v * leading / (z**2 - 4 * v)


def burgers(process: Any, resolvent: Any) -> Any:
    r"""Equation of motion of the resolvent of many eigenvalues: :math:`\partial_tG` in terms of G(z), G'(z), z and N.

    :math:`\partial_tG=\Big\langle\frac{a(x)}{(z-x)^2}\Big\rangle
    +N\Big\langle\frac{c(x,y)}{(z-x)^2(z-y)}\Big\rangle+O(1/N)`, with drift a = K + I and coupling c of the process; for
    additive noise it is Dyson's complex Burgers equation :math:`\partial_tG=\Omega\,\partial_z(zG)-Nc\,GG'`.

    Args:
        process: an :class:`EigenvalueSDE` that treats all levels alike, with a drift of first degree and couplings of
            at most first degree in each of the two levels.
        resolvent: G, an expression or a function of ``spectral_argument``.

    Raises:
        InputError: for one level, or another kind of drift or coupling: the equation would not close.

    Derived here; see derivations/many_levels.
    """
    if len(process.levels) < 2:
        raise InputError("`process` must have at least two levels: a single one has no repulsion.")
    x, y = process.levels[:2]
    drift = _powers(process.drift[0] + process.ito[0], (x,), "drift")
    coupling = _powers(process.coupling[0, 1], (x, y), "coupling")
    z = spectral_argument
    once = (resolvent, z * resolvent - 1)  # averages of y^k/(z - y)
    twice = [-sp.diff(value, z) for value in once]  # of x^k/(z - x)^2
    total = sum(factor * twice[k] for (k,), factor in drift.items())
    total += num_levels * sum(factor * twice[k] * once[l] for (k, l), factor in coupling.items())
    return sp.expand(total)


def _powers(expression: Any, levels: tuple[Any, ...], what: str) -> dict[tuple[int, ...], Any]:
    expression = sp.sympify(expression, strict=True)
    if not expression.is_polynomial(*levels):
        raise InputError(f"`process` must have a {what} that is a polynomial in its levels, got {expression}.")
    terms = dict(sp.Poly(expression, *levels).terms())
    if any(power > 1 for powers in terms for power in powers):
        raise InputError(f"`process` must have a {what} of first degree in each level, got {expression}.")
    return terms
