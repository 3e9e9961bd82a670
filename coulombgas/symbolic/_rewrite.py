"""Symbolic rewriting before evaluation: the same expression, in functions that do not overflow or cancel."""

from typing import Any

import sympy as sp

from . import _functions
from ._functions import bessel_ie, log1p, log1p_ratio, log_erfc, log_i0, log_i0e

_expm1: Any = _functions.expm1


def stabilise(expression: Any) -> Any:
    r"""Rewrite patterns that lose digits in floating point; the value is unchanged.

    :math:`\log I_n(z) \to z + \log(I_n e^{-z})`, :math:`e^a I_n(z) \to e^{a+z} (I_n e^{-z})`,
    :math:`\log\mathrm{erfc}`, :math:`1 - \mathrm{erf}`, :math:`e^x - 1`, :math:`\log(1 + x)`, :math:`\log\Gamma`.
    """
    return expression.replace(lambda node: isinstance(node, sp.log | sp.Mul | sp.Add | sp.besseli), _stable_node)


def _stable_node(node: Any) -> Any:
    if isinstance(node, sp.log):
        return _stable_log(node.args[0])
    if isinstance(node, sp.Mul):
        return _merge_exponentials(node)
    if isinstance(node, sp.Add):
        return _stable_sum(node)
    n, z = node.args
    return bessel_ie(sp.Abs(n), z) * sp.exp(z) if n.is_Integer else node


def _stable_log(argument: Any) -> Any:
    """The logarithm in a form that neither overflows nor cancels."""
    if isinstance(argument, sp.gamma) and argument.args[0].is_positive:
        return sp.loggamma(argument.args[0])
    if isinstance(argument, sp.erfc):
        return log_erfc(argument.args[0])
    if isinstance(argument, sp.Mul):  # a Bessel function has become exp(z) times the scaled one by now
        scaled = [factor for factor in argument.args if isinstance(factor, bessel_ie)]
        powers: list[Any] = [factor.args[0] for factor in argument.args if isinstance(factor, sp.exp)]
        if len(argument.args) == len(scaled) + len(powers):
            if len(scaled) == 1 and scaled[0].args == (sp.S.Zero, sp.Add(*powers)):
                return log_i0(*powers)
            return sum((_log_scaled(factor) for factor in scaled), sp.Add(*powers))
    if isinstance(argument, sp.Add) and sp.S.One in argument.args and argument.is_extended_real is not False:
        numerator, denominator = sp.fraction(argument - 1)
        return log1p(argument - 1) if denominator == 1 else log1p_ratio(numerator, denominator)
    return sp.log(argument)


def _log_scaled(factor: Any) -> Any:
    n, z = factor.args
    return log_i0e(z) if n.is_zero else sp.log(factor)


def _merge_exponentials(product: Any) -> Any:
    """exp(a) exp(b) … as one exponential, so that a huge and a tiny factor cannot meet as inf · 0."""
    exponents: list[Any] = [factor.args[0] for factor in product.args if isinstance(factor, sp.exp)]
    if len(exponents) < 2:
        return product
    others = [factor for factor in product.args if not isinstance(factor, sp.exp)]
    return sp.Mul(sp.exp(sp.Add(*exponents)), *others)


def _stable_sum(total: Any) -> Any:
    """A sum with 1 − f and f − 1 replaced by functions that do not cancel."""
    terms = list(total.args)
    for index, term in enumerate(terms):
        for sign in (1, -1):
            partner = sp.Integer(-sign)
            if partner not in terms:
                continue
            replacement = _complement(term, sign)
            if replacement is not None:
                rest = [other for k, other in enumerate(terms) if k != index]
                rest.remove(partner)
                return _stable_sum(sp.Add(replacement, *rest)) if len(rest) > 1 else sp.Add(replacement, *rest)
    return total


def _complement(term: Any, sign: int) -> Any:
    """``term − sign`` in a form without cancellation, or None."""
    inner: Any = sign * term
    if isinstance(inner, sp.exp):
        return sp.Mul(sign, _expm1(inner.args[0]))
    if isinstance(inner, sp.erf):
        return -sign * sp.erfc(inner.args[0])
    if isinstance(inner, sp.erfc):
        return -sign * sp.erf(inner.args[0])
    return None
