"""A SymPy expression as a chain of JAX operations: one closure per node, no generated code."""

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import jax.numpy as jnp
import jax.scipy.special as jsp
import sympy as sp
from sympy.codegen.numpy_nodes import logaddexp
from sympy.logic.boolalg import BooleanAtom

from coulombgas._checks import InputError, fail

from . import _functions as stable
from . import _special as special

Evaluator = Callable[[Mapping[Any, Any]], Any]

_INTEGER_POWERS = 1024  # up to here repeated multiplication, which is exact in sign and differentiable at 0


def evaluate(node: Any) -> Evaluator:
    """A function from the values of the symbols to the value of ``node``."""
    if isinstance(node, sp.Symbol):
        return lambda known: known[node]
    if isinstance(node, BooleanAtom):
        return lambda known: bool(node)
    if isinstance(node, sp.Expr) and not node.free_symbols:
        value = _constant(node)
        return lambda known: value
    if isinstance(node, sp.Add):
        return _fold(jnp.add, [evaluate(arg) for arg in node.args])
    if isinstance(node, sp.Mul):
        return _product(node)
    if isinstance(node, sp.Pow):
        return _power(node.base, node.exp)
    if isinstance(node, sp.Piecewise):
        return _piecewise(node)
    return _call(node)


def _constant(node: Any) -> float | complex:
    """A number, rounded once from 30 digits."""
    if isinstance(node, sp.Rational) and abs(node.p) < 2**1000 and node.q < 2**1000:
        return node.p / node.q
    if node in (sp.oo, -sp.oo):
        return float(node)
    if node.has(sp.nan, sp.zoo):
        fail("expression", "contains an undefined number", node)
    try:
        value = complex(node.evalf(30))
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"`expression` contains {str(node)[:60]!r}, which has no numerical value.") from error
    return value if value.imag else value.real


def _fold(operation: Callable[[Any, Any], Any], terms: list[Evaluator]) -> Evaluator:
    return lambda known: reduce(operation, (term(known) for term in terms))


def _product(node: Any) -> Evaluator:
    """Numerator over denominator, each multiplied out once."""
    above: list[Evaluator] = []
    below: list[Evaluator] = []
    for factor in node.args:
        if isinstance(factor, sp.Rational) and abs(factor.p) < 2**53 and factor.q < 2**53:
            above += [evaluate(sp.Integer(factor.p))] if factor.p != 1 else []
            below += [evaluate(sp.Integer(factor.q))] if factor.q != 1 else []
        elif isinstance(factor, sp.Pow) and factor.exp.is_Rational and factor.exp.is_negative and factor.free_symbols:
            below.append(_power(factor.base, -factor.exp))
        else:
            above.append(evaluate(factor))
    top = _fold(jnp.multiply, above) if above else lambda known: 1.0
    if not below:
        return top
    bottom = _fold(jnp.multiply, below)
    return lambda known: jnp.divide(top(known), bottom(known))


def _power(base: Any, exponent: Any) -> Evaluator:
    """A power as a JAX function; small integers and half-integers by multiplication and roots."""
    value = evaluate(base)
    if exponent.is_Rational and exponent.is_negative:
        positive = _power(base, -exponent)
        return lambda known: 1 / positive(known)
    if exponent.is_Integer and exponent <= _INTEGER_POWERS:
        return lambda known: jnp.power(value(known), int(exponent))
    if exponent.is_Rational and exponent.q == 2 and exponent.p <= _INTEGER_POWERS:
        return lambda known: jnp.power(jnp.sqrt(value(known)), int(exponent.p))
    power = evaluate(exponent)
    return lambda known: jnp.power(value(known), power(known))


def _piecewise(node: Any) -> Evaluator:
    branches = [(evaluate(value), evaluate(condition)) for value, condition in node.args]

    def choose(known: Mapping[Any, Any]) -> Any:
        result: Any = jnp.nan
        for value, condition in reversed(branches):
            result = jnp.where(condition(known), value(known), result)
        return result

    return choose


def _call(node: Any) -> Evaluator:
    """A function of SymPy as one of JAX."""
    if isinstance(node, sp.besseli | stable.bessel_ie):
        return _bessel(node)
    if isinstance(node, sp.polygamma):
        return _polygamma(node)
    function = next((_FUNCTIONS[kind] for kind in type(node).__mro__ if kind in _FUNCTIONS), None)
    if function is None:
        what = "an unevaluated " if isinstance(node, sp.Integral | sp.Derivative | sp.Sum | sp.Product) else ""
        raise InputError(f"`expression` contains {what}{type(node).__name__!r}, which has no JAX counterpart here.")
    args = [evaluate(arg) for arg in node.args]
    return lambda known: function(*(arg(known) for arg in args))


def _bessel(node: Any) -> Evaluator:
    order, argument = special.integer_order(node.args[0]), evaluate(node.args[1])
    if isinstance(node, stable.bessel_ie):
        return lambda known: special.scaled_bessel(order, special.inexact(argument(known)))
    return lambda known: special.scaled_bessel(order, special.inexact(argument(known))) * jnp.exp(argument(known))


def _polygamma(node: Any) -> Evaluator:
    order, argument = node.args[0], evaluate(node.args[1])
    if not (order.is_Integer and order >= 0):
        fail("expression", "has a polygamma function whose order is not a whole number", order)
    if order == 0:
        return lambda known: jsp.digamma(argument(known))
    return lambda known: jsp.polygamma(int(order), argument(known))


def _many(operation: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda *values: reduce(operation, values)


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    sp.exp: jnp.exp, sp.log: jnp.log,
    sp.sin: jnp.sin, sp.cos: jnp.cos, sp.tan: jnp.tan, sp.asin: jnp.arcsin, sp.acos: jnp.arccos, sp.atan: jnp.arctan,
    sp.atan2: jnp.arctan2, sp.sinh: jnp.sinh, sp.cosh: jnp.cosh, sp.tanh: jnp.tanh, sp.asinh: jnp.arcsinh,
    sp.acosh: jnp.arccosh, sp.atanh: jnp.arctanh, sp.cot: lambda x: 1 / jnp.tan(x), sp.sec: lambda x: 1 / jnp.cos(x),
    sp.csc: lambda x: 1 / jnp.sin(x), sp.coth: lambda x: 1 / jnp.tanh(x), sp.sech: lambda x: 1 / jnp.cosh(x),
    sp.csch: lambda x: 1 / jnp.sinh(x), sp.erf: jsp.erf, sp.erfc: jsp.erfc, sp.erfinv: jsp.erfinv,
    sp.gamma: jsp.gamma, sp.loggamma: lambda x: jnp.where(x > 0, jsp.gammaln(x), jnp.nan), sp.beta: jsp.beta,
    sp.factorial: lambda n: jsp.gamma(n + 1),
    sp.lowergamma: lambda a, x: jsp.gammainc(a, x) * jsp.gamma(a),
    sp.uppergamma: lambda a, x: jsp.gammaincc(a, x) * jsp.gamma(a),
    sp.Abs: jnp.abs, sp.sign: jnp.sign, sp.Max: _many(jnp.maximum), sp.Min: _many(jnp.minimum), sp.floor: jnp.floor,
    sp.ceiling: jnp.ceil, sp.Mod: jnp.mod, sp.Heaviside: lambda x, half=0.5: jnp.heaviside(x, half),
    sp.sinc: lambda x: jnp.sinc(x / jnp.pi), sp.re: jnp.real, sp.im: jnp.imag,
    sp.conjugate: jnp.conj, sp.arg: jnp.angle,
    sp.StrictLessThan: jnp.less, sp.LessThan: jnp.less_equal, sp.StrictGreaterThan: jnp.greater,
    sp.GreaterThan: jnp.greater_equal, sp.Equality: jnp.equal, sp.Unequality: jnp.not_equal,
    sp.And: _many(jnp.logical_and), sp.Or: _many(jnp.logical_or), sp.Not: jnp.logical_not, sp.ITE: jnp.where,
    stable.log1p: jnp.log1p, stable.expm1: lambda x: special.expm1(special.inexact(x)), logaddexp: jnp.logaddexp,
    stable.xlogy: lambda a, x: special.xlogy(special.inexact(a), special.inexact(x)),
    stable.log_sum_exp: jnp.logaddexp, stable.lower_gamma_ratio: jsp.gammainc, stable.log_erfc: special.log_erfc,
    stable.log_i0e: lambda z: special.log_i0e(special.inexact(z)),
    stable.log1p_ratio: lambda n, d: special.log1p_ratio(special.inexact(n), special.inexact(d)),
    stable.log_i0: lambda z: special.log_i0(special.inexact(z)),
}  # fmt: skip
