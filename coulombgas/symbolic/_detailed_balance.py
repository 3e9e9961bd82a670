r"""The stationary law of several eigenvalues, found from the condition that every probability current vanishes."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.integrals.manualintegrate import manualintegrate

from coulombgas._checks import InputError


def log_density(levels: Sequence[Any], drift: Sequence[Any], diffusion: Any) -> Any:
    r"""log P with :math:`D\nabla\log P=2a-\nabla\cdot D`, up to a constant, for x_1 < x_2 < …

    Raises:
        InputError: if that field has a curl, so that a stationary law carries a current, or no closed form is found.
    """
    size = len(levels)
    divergence = sp.Matrix([sum(sp.diff(diffusion[i, j], levels[j]) for j in range(size)) for i in range(size)])
    force = 2 * sp.Matrix(list(drift)) - divergence
    if diffusion.is_diagonal():
        field = [force[i] / diffusion[i, i] for i in range(size)]
    else:
        field = list(sp.Matrix(diffusion).inv() * force)
    _require_no_curl(field, levels)
    total = sp.S.Zero
    for component, x in zip(field, levels, strict=True):
        total += _primitive(_cancel(component - sp.diff(total, x)), x, levels)
    return total


def _require_no_curl(field: Sequence[Any], levels: Sequence[Any]) -> None:
    for i, j in combinations(range(len(levels)), 2):
        curl = _cancel(sp.diff(field[j], levels[i]) - sp.diff(field[i], levels[j]))
        if curl != 0:
            raise InputError(
                "the process has no stationary law without current: D^-1 (2 a - div D) has the curl "
                f"{str(sp.factor(curl))[:200]} in the plane ({levels[i]}, {levels[j]})."
            )


def _primitive(function: Any, x: Any, levels: Sequence[Any]) -> Any:
    """An antiderivative in x; what is unknown stays an integral, logarithms are of positive distances."""
    if function == 0:
        return function
    known, unknown = _split(function)
    if known.is_rational_function(x):
        parts = sp.Add.make_args(sp.apart(sp.together(known), x)) if known != 0 else ()
        primitive = sp.Add(*(sp.integrate(part, x) for part in parts))
    else:
        primitive = manualintegrate(known, x)
    if primitive.has(sp.Integral):
        raise InputError(f"the stationary law has no closed form that SymPy finds: the integral of {known} over {x}.")
    primitive = primitive.replace(lambda node: isinstance(node, sp.log), lambda node: _ordered(node, levels))
    return primitive + (sp.Integral(unknown, x) if unknown != 0 else 0)


def _split(function: Any) -> tuple[Any, Any]:
    """The part without undefined functions, and the rest with its coefficients reduced."""
    stand_in = {node: sp.Dummy() for node in function.atoms(AppliedUndef)}
    algebraic = function.xreplace(stand_in)
    terms = [sp.cancel(sp.diff(algebraic, dummy)) * node for node, dummy in stand_in.items()]
    return sp.cancel(algebraic.subs(dict.fromkeys(stand_in.values(), 0))), sp.Add(*terms)


def _ordered(node: Any, levels: Sequence[Any]) -> Any:
    """log of a multiple of a difference of two levels as log(x_j − x_i), j > i."""
    for i, j in combinations(range(len(levels)), 2):
        if not sp.cancel(node.args[0] / (levels[j] - levels[i])).free_symbols & set(levels):
            return sp.log(levels[j] - levels[i])
    return node


def _cancel(expression: Any) -> Any:
    together = sp.together(expression)
    if together.atoms(AppliedUndef) or not together.is_rational_function():
        return sp.simplify(together)
    return sp.cancel(together)
