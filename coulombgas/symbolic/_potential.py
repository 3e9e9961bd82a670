"""Potentials: antiderivatives with real logarithms, and the test whether a vector field has a potential."""

import itertools
from typing import Any

import sympy as sp
from sympy.integrals.manualintegrate import manualintegrate

from coulombgas._checks import InputError


def antiderivative(function: Any, variable: Any, reference: Any) -> Any:
    """An antiderivative with real logarithms that vanishes at ``reference`` where it is finite there; or None.

    Only methods that terminate are tried: rational functions exactly, then SymPy's rule-based integrator.
    """
    if function.is_rational_function(variable):
        primitive = _rational_primitive(function, variable)
    else:
        primitive = manualintegrate(function, variable)
    if primitive.has(sp.Integral):
        return None
    primitive = primitive.replace(
        lambda node: isinstance(node, sp.log), lambda node: _real_log(node, variable, reference)
    )
    at_reference = primitive.subs(variable, reference)
    if at_reference.is_finite is False or at_reference.has(sp.zoo, sp.nan, sp.oo, sp.AccumBounds):
        at_reference = sp.Integer(0)
    if not _is_antiderivative(primitive, function, variable):
        return None
    return sp.expand(sp.expand(primitive) - at_reference, deep=False)


def _rational_primitive(function: Any, variable: Any) -> Any:
    """Term by term in partial fractions, each with a power of one factor as denominator, with or without parameters."""
    return sp.Add(*(sp.integrate(term, variable) for term in sp.Add.make_args(sp.apart(function, variable))))


def _real_log(node: Any, variable: Any, reference: Any) -> Any:
    """log u → log(u/u(reference)), or log|u| where u vanishes there: real on the whole domain."""
    (argument,) = node.args
    if not argument.has(variable):
        return node
    scale = argument.subs(variable, reference)
    if scale.is_positive and not argument.is_rational_function(variable):
        return node
    if scale.is_zero or scale.has(sp.zoo, sp.nan, sp.oo) or scale.is_real is False:
        return node if argument.is_positive or argument == variable else sp.log(sp.Abs(argument))
    return sp.log(sp.expand(argument / scale))


def _is_antiderivative(primitive: Any, function: Any, variable: Any) -> bool:
    difference = sp.diff(primitive, variable) - function
    if difference.has(sp.sign, sp.Abs, sp.re, sp.im):
        difference = difference.replace(sp.sign, lambda u: u / sp.Abs(u)).replace(sp.Abs, lambda u: u)
    return sp.simplify(difference) == 0


def require_no_curl(field: Any, variables: tuple[Any, ...]) -> None:
    """Check ∂_i F_j = ∂_j F_i.

    Raises:
        InputError: naming the pair of variables and the component of the curl.
    """
    for i, j in itertools.combinations(range(len(variables)), 2):
        curl = sp.simplify(sp.diff(field[j], variables[i]) - sp.diff(field[i], variables[j]))
        if curl != 0:
            x, y = variables[i], variables[j]
            raise InputError(
                f"the drift has no potential: its curl in the plane ({x}, {y}), "
                f"d(F_{y})/d{x} - d(F_{x})/d{y} with F = D^-1 (K - div D), is {curl}: "
                "the stationary state carries a current."
            )


def field_potential(field: Any, variables: tuple[Any, ...], references: tuple[Any, ...]) -> Any:
    """Φ with ∂_i Φ = field_i for a curl-free field, or None if SymPy finds no closed form."""
    total = sp.Integer(0)
    for component, variable, reference in zip(field, variables, references, strict=True):
        rest = sp.simplify(component - sp.diff(total, variable))
        if rest == 0:
            continue
        primitive = antiderivative(rest, variable, reference)
        if primitive is None:
            return None
        total += primitive
    return total
