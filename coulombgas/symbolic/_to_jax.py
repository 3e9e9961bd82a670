"""The only way from symbols to JAX: a SymPy expression becomes a JAX function that works under jit, vmap and grad."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp

from coulombgas._checks import InputError, fail

from ._evaluate import evaluate
from ._rewrite import stabilise
from ._special import inexact


def to_jax(
    expression: Any,
    args: Sequence[Any] | Any,
    *,
    let: Mapping[Any, Any] | None = None,
) -> Callable[..., Any]:
    r"""A JAX function of ``args`` that evaluates ``expression`` elementwise.

    The function takes numbers or arrays in the order of ``args``, broadcasts them, and computes in the precision that
    JAX has at the call (float64 where ``jax_enable_x64`` is set). Before it is built the expression is brought
    to a form that neither overflows nor cancels (scaled Bessel functions, log1p, expm1, erfc, loggamma), common
    subexpressions are shared, and constants are rounded once from 30 digits. Gradients of a ``Piecewise`` ignore the
    branches that are not taken.

    Args:
        expression: a SymPy expression, a matrix of them, or a list, tuple or dict of them (the function then returns
            an array with two more dimensions, a tuple, or a dict).
        args: the symbols, in call order; a name stands for the only symbol with that name.
        let: intermediate quantities ``{symbol: definition}``, in order; a definition may use the earlier ones. Scaled
            variables stay scaled this way: SymPy would multiply out ``(S/s)**2``.

    Raises:
        InputError: if a symbol is neither in ``args`` nor in ``let``, or a function has no JAX counterpart.
    """
    definitions = [(sp.sympify(key, strict=True), _as_expression(value)) for key, value in (let or {}).items()]
    outputs, rebuild = _flatten(expression)
    symbols = bind_symbols(args, [*outputs, *(value for _, value in definitions)], [key for key, _ in definitions])
    program = _program([*definitions], outputs)
    flat = _run(program, symbols)
    if any(node.has(sp.Piecewise) for node in [*outputs, *(value for _, value in definitions)]):
        flat = _branch_safe(flat, len(symbols))

    def function(*values: Any) -> Any:
        if len(values) != len(symbols):
            raise TypeError(f"expected {len(symbols)} arguments ({', '.join(map(str, symbols))}), got {len(values)}")
        arrays = [inexact(value) for value in values]
        shape = jnp.broadcast_shapes(*(array.shape for array in arrays))
        return rebuild([jnp.broadcast_to(item, shape) for item in flat(*arrays)])

    function.__name__ = "evaluate"
    function.__doc__ = f"({', '.join(map(str, symbols))}) -> {str(expression)[:200]}"
    return function


def _as_expression(value: Any) -> Any:
    if isinstance(value, str):
        fail("expression", "must be a SymPy expression; `coulombgas.symbolic.parse` reads text", value)
    return sp.sympify(value, strict=True)


def _flatten(expression: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    if isinstance(expression, Mapping):
        keys = list(expression)
        return [_as_expression(expression[key]) for key in keys], lambda items: dict(zip(keys, items, strict=True))
    if isinstance(expression, sp.MatrixBase):
        shape = expression.shape
        return list(expression.flat()), lambda items: jnp.stack(items, -1).reshape(*items[0].shape, *shape)
    if isinstance(expression, list | tuple | sp.Tuple):
        return [_as_expression(item) for item in expression], tuple
    return [_as_expression(expression)], lambda items: items[0]


def bind_symbols(args: Any, nodes: list[Any], defined: list[Any]) -> list[Any]:
    """The argument symbols, after checking that they cover every free symbol."""
    listed = [args] if isinstance(args, str | sp.Basic) and not isinstance(args, sp.Tuple) else list(args)
    free = set().union(*(node.free_symbols for node in nodes)) - set(defined) if nodes else set()
    symbols: list[Any] = [
        _by_name(arg, free) if isinstance(arg, str) else sp.sympify(arg, strict=True) for arg in listed
    ]
    for symbol in symbols:
        if not isinstance(symbol, sp.Symbol):
            fail("args", "must hold symbols or their names", symbol)
    if len(set(symbols)) < len(symbols):
        fail("args", "names a symbol twice", symbols)
    unbound = sorted(free - set(symbols), key=str)
    if unbound:
        names = {symbol.name for symbol in symbols}
        namesakes = [symbol.name for symbol in unbound if symbol.name in names]
        hint = f"; {', '.join(namesakes)} in `args` has other assumptions" if namesakes else ""
        missing = ", ".join(map(str, unbound))
        raise InputError(f"`args` must bind every symbol of the expression, missing {missing}{hint}.")

    return symbols


def _by_name(name: str, free: Iterable[Any]) -> Any:
    matches = [symbol for symbol in free if symbol.name == name]
    if len(matches) > 1:
        fail("args", "names a symbol that occurs with different assumptions: give the symbol itself", name)
    return matches[0] if matches else sp.Symbol(name)


def _program(definitions: list[tuple[Any, Any]], outputs: list[Any]) -> tuple[list[tuple[Any, Any]], list[Any]]:
    """Assignments in order, common subexpressions shared, and the output expressions."""
    assignments: list[tuple[Any, Any]] = []
    fresh = sp.numbered_symbols("cse_", cls=sp.Dummy)
    for symbol, value in definitions:
        shared, (reduced,) = sp.cse([stabilise(value)], symbols=fresh, order="none")
        assignments += [*shared, (symbol, reduced)]
    shared, reduced = sp.cse([stabilise(output) for output in outputs], symbols=fresh, order="none")
    return [*assignments, *shared], list(reduced)


def _run(program: tuple[list[tuple[Any, Any]], list[Any]], symbols: list[Any]) -> Callable[..., tuple[Any, ...]]:
    """Common subexpressions first, then the outputs, as one function of the symbols' values."""
    assignments, outputs = program
    steps = [(symbol, evaluate(node)) for symbol, node in assignments]
    finals = [evaluate(node) for node in outputs]

    def run(*values: Any) -> tuple[Any, ...]:
        known = dict(zip(symbols, values, strict=True))
        for symbol, step in steps:
            known[symbol] = step(known)
        return tuple(jnp.asarray(final(known)) for final in finals)

    return run


def _branch_safe(function: Callable[..., tuple[Any, ...]], num_args: int) -> Callable[..., tuple[Any, ...]]:
    """The same elementwise function, differentiated through its partial derivatives.

    Reverse mode through ``where`` multiplies the untaken branch's derivative by zero, and 0 · inf is NaN. Forward mode
    selects instead, so the partial derivatives are computed in forward mode; what remains for the reverse pass is
    linear.
    """

    def broadcast(*values: Any) -> tuple[Any, ...]:
        return function(*jnp.broadcast_arrays(*values))

    def partial(k: int) -> Callable[..., tuple[Any, ...]]:
        def derivative(*values: Any) -> tuple[Any, ...]:
            directions = tuple(jnp.ones_like(v) if j == k else jnp.zeros_like(v) for j, v in enumerate(values))
            return jax.jvp(function, values, directions)[1]

        return derivative

    safe = jax.custom_jvp(broadcast)

    @safe.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        values = tuple(jnp.broadcast_arrays(*primals))
        slopes = [_branch_safe(partial(k), num_args)(*values) for k in range(num_args)]
        totals = tuple(
            sum((slopes[k][i] * tangents[k] for k in range(num_args)), np.float64(0.0).astype(values[0].dtype))
            for i in range(len(slopes[0]))
        )
        return safe(*primals), totals

    return safe
