"""Polynomials of matrices of unspecified size, as sums of words: coefficients times products of symbols."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixExpr

from coulombgas._checks import InputError


class Word(NamedTuple):
    """``coefficient`` times the product of ``factors``: matrix symbols, transposed ones, inverses."""

    coefficient: Any
    factors: tuple[Any, ...]


def words(expression: Any) -> tuple[Word, ...]:
    """A matrix polynomial, multiplied out.

    Raises:
        InputError: for anything but sums, products, integer powers, transposes and inverses of matrix symbols.
    """
    match expression:
        case sp.ZeroMatrix():
            return ()
        case sp.Identity():
            return (Word(sp.S.One, ()),)
        case sp.MatAdd():
            return tuple(word for item in expression.args for word in words(item))
        case sp.MatMul():
            return _multiplied(words(item) for item in expression.args)
        case sp.Transpose():
            return tuple(Word(c, tuple(map(flipped, reversed(f)))) for c, f in words(expression.arg))
        case sp.MatPow() if expression.exp.is_Integer and expression.exp > 0:
            return _multiplied([words(expression.base)] * int(expression.exp))
        case sp.MatrixSymbol() | sp.Inverse():
            return (Word(sp.S.One, (expression,)),)
    if isinstance(expression, MatrixExpr):
        raise InputError(
            f"{expression} does not stay general in size: only sums, products, transposes and inverses of matrices do; "
            "write the matrices out for a definite size and take `LearningRule`."
        )
    return (Word(sp.sympify(expression, strict=True), ()),)


def _multiplied(parts: Iterable[tuple[Word, ...]]) -> tuple[Word, ...]:
    result: tuple[Word, ...] = (Word(sp.S.One, ()),)
    for part in parts:
        result = tuple(Word(a.coefficient * b.coefficient, a.factors + b.factors) for a in result for b in part)
    return result


def flipped(factor: Any) -> Any:
    """The transpose of a factor, itself a factor."""
    if isinstance(factor, sp.Inverse):
        return sp.Inverse(sp.Transpose(factor.arg).doit())
    return factor.arg if isinstance(factor, sp.Transpose) else sp.Transpose(factor)


def product(factors: Sequence[Any], rows: Any) -> Any:
    """The product as a matrix; the identity with this number of rows if there are no factors."""
    return sp.MatMul(*factors).doit(deep=False) if factors else sp.Identity(rows)


class Slope(NamedTuple):
    """A term of a differential: coefficient × left · dW · right, or with dWᵀ."""

    coefficient: Any
    left: tuple[Any, ...]
    right: tuple[Any, ...]
    transposed: bool


def differential(polynomial: Iterable[Word], symbol: Any) -> tuple[Slope, ...]:
    """d of the polynomial under a change of one matrix symbol, by the product rule and d(M⁻¹) = −M⁻¹ dM M⁻¹."""
    terms = []
    for coefficient, factors in polynomial:
        for place, factor in enumerate(factors):
            left, right = factors[:place], factors[place + 1 :]
            if factor == symbol or factor == flipped(symbol):
                terms.append(Slope(coefficient, left, right, factor != symbol))
            elif isinstance(factor, sp.Inverse):
                terms += [
                    Slope(-coefficient * c, (*left, factor, *inner), (*outer, factor, *right), transposed)
                    for c, inner, outer, transposed in differential(words(factor.arg), symbol)
                ]
    return tuple(terms)


def trace_gradient(loss: Any, symbol: Any) -> tuple[Word, ...]:
    """The matrix of ∂loss/∂W_ij for a sum of traces.

    Raises:
        InputError: for a product of traces, whose average is not a matrix expression.
    """
    gradient = []
    for coefficient, matrix in _traces(loss):
        for c, left, right, transposed in differential(words(matrix), symbol):
            around = (*right, *left)  # tr(L dW R) = tr(R L dW)
            factors = around if transposed else tuple(map(flipped, reversed(around)))
            gradient.append(Word(coefficient * c, factors))
    return tuple(gradient)


def _traces(loss: Any) -> list[tuple[Any, Any]]:
    """The loss as coefficients and arguments of traces."""
    if isinstance(loss, MatrixExpr):
        if loss.shape != (1, 1):
            raise InputError(f"`loss` must be a number: a trace or a 1×1 matrix, got {loss.shape}.")
        return [(sp.S.One, loss)]
    names = {trace: sp.Dummy() for trace in loss.atoms(sp.Trace)}
    scalar = sp.expand(loss.xreplace(names))
    found = [(scalar.coeff(name), trace.arg) for trace, name in names.items()]
    rest = sp.expand(scalar - sp.Add(*(c * names[trace] for (c, _), trace in zip(found, names, strict=True))))
    if (
        rest.free_symbols & set(names.values())
        or rest.has(MatrixExpr)
        or any(c.free_symbols & set(names.values()) or c.has(MatrixExpr) for c, _ in found)
    ):
        raise InputError(
            f"`loss` must be a sum of traces to stay general in size, got {loss}: "
            "write the matrices out for a definite size and take `LearningRule`."
        )
    return found


def evaluate(expression: Any, table: Mapping[Any, Any], ring: "Ring") -> Any:
    """A matrix expression with its symbols replaced, in any arithmetic."""
    if expression in table:
        return table[expression]
    match expression:
        case sp.MatAdd():
            first, *rest = (evaluate(item, table, ring) for item in expression.args)
            return sum(rest, first)
        case sp.MatMul():
            coefficient, matrices = expression.as_coeff_matrices()
            first, *rest = (evaluate(item, table, ring) for item in matrices)
            return ring.number(coefficient) * reduce(ring.times, rest, first)
        case sp.Transpose():
            return ring.transpose(evaluate(expression.arg, table, ring))
        case sp.Inverse():
            return ring.inverse(evaluate(expression.arg, table, ring))
        case sp.MatPow() if expression.exp.is_Integer and expression.exp > 0:
            return evaluate(sp.MatMul(*[expression.base] * int(expression.exp), evaluate=False), table, ring)
        case sp.KroneckerProduct():
            return ring.kronecker(*(evaluate(item, table, ring) for item in expression.args))
        case sp.Identity():
            return ring.identity(expression.shape[0])
        case sp.ZeroMatrix():
            return ring.zero(*expression.shape)
    if isinstance(expression, MatrixExpr):
        raise InputError(f"`values` must hold a matrix for {expression}.")
    return ring.number(expression)


class Ring(NamedTuple):
    """The arithmetic that :func:`evaluate` uses."""

    times: Callable[[Any, Any], Any]
    transpose: Callable[[Any], Any]
    inverse: Callable[[Any], Any]
    identity: Callable[[Any], Any]
    zero: Callable[[Any, Any], Any]
    number: Callable[[Any], Any]
    kronecker: Callable[[Any, Any], Any]


NUMBERS = Ring(
    times=lambda a, b: a * b,
    transpose=lambda a: a,
    inverse=lambda a: 1 / a,
    identity=lambda rows: sp.S.One,
    zero=lambda rows, columns: sp.S.Zero,
    number=lambda a: a,
    kronecker=lambda a, b: a * b,
)
"""Matrices that are diagonal in one basis, on one direction of it: plain numbers."""
