"""Statements of :mod:`coulombgas.symbolic` as numbers: each is lambdified once, and no formula is written twice."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from coulombgas._precision import x64
from coulombgas.symbolic import to_jax


def evaluate(
    statement: Callable[..., Any], *arguments: Any, numbers: Mapping[str, Any] | None = None, **options: Any
) -> np.ndarray:
    """A statement of ``coulombgas.symbolic`` at numbers or arrays, elementwise, in float64.

    Args:
        statement: function of SymPy expressions.
        arguments: numbers or arrays, in its order.
        numbers: numbers or arrays for its keyword arguments.
        options: keyword arguments that are passed unchanged: strings and flags.
    """
    named = dict(numbers or {})
    function = _lambdify(statement, len(arguments), tuple(named), tuple(sorted(options.items())))
    with x64():
        values = (np.asarray(value, dtype=np.float64) for value in (*arguments, *named.values()))
        return np.asarray(function(*values), dtype=np.float64)


@lru_cache(maxsize=128)
def _lambdify(
    statement: Callable[..., Any], num: int, names: tuple[str, ...], options: tuple[tuple[str, Any], ...]
) -> Callable[..., Any]:
    symbols = sp.symbols(f"a:{num + len(names)}", positive=True)
    named = dict(zip(names, symbols[num:], strict=True))
    expression = statement(*symbols[:num], **named, **dict(options))
    return to_jax(expression if isinstance(expression, sp.MatrixBase) else sp.sympify(expression, strict=True), symbols)
