r"""Random matrices as linear forms of independent standard normals, over the real, complex and quaternion numbers."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import sympy as sp

from coulombgas._checks import InputError

UNITS: dict[int, tuple[sp.ImmutableMatrix, ...]] = {
    1: (sp.ImmutableMatrix([[1]]),),
    2: (sp.ImmutableMatrix([[1]]), sp.ImmutableMatrix([[sp.I]])),
    4: (
        sp.ImmutableMatrix([[1, 0], [0, 1]]),
        sp.ImmutableMatrix([[sp.I, 0], [0, -sp.I]]),
        sp.ImmutableMatrix([[0, 1], [-1, 0]]),
        sp.ImmutableMatrix([[0, sp.I], [sp.I, 0]]),
    ),
}
"""The beta units of the real, complex and quaternion numbers as d x d matrices (d = 1, 1, 2)."""


def level_symbols(size: int) -> tuple[sp.Symbol, ...]:
    """Real symbols x_1 … x_n for the eigenvalues."""
    return tuple(sp.symbols(f"x_1:{size + 1}", real=True))


def hermitian_noise(size: int, beta: int) -> tuple[Any, tuple[sp.Symbol, ...]]:
    r"""An invariant Hermitian matrix: every real component has variance :math:`1+\delta_{ij}`.

    Returns:
        The (n d, n d) matrix and its standard normals.
    """
    units, fresh, normals = _units(beta), count(), []
    blocks: list[list[Any]] = [[None] * size for _ in range(size)]
    for i in range(size):
        blocks[i][i] = sp.sqrt(2) * _new(normals, fresh) * sp.eye(units[0].rows)
        for j in range(i + 1, size):
            blocks[i][j] = _random_number(units, normals, fresh)
            blocks[j][i] = _dagger(blocks[i][j])
    return _stack(blocks), tuple(normals)


def rectangular_noise(singular_values: Sequence[Any], rows: Any, beta: int) -> tuple[Any, Any, tuple[sp.Symbol, ...]]:
    r"""Linear and quadratic part of :math:`d(W^\dagger W)` for independent standard noise on W, in W's singular basis.

    Of the ``rows`` - n rows beyond the square part one is written out and counted ``rows`` - n times in the average of
    the quadratic part, the only place where it enters.

    Returns:
        dW†W + W†dW, dW†dW, and the normals.
    """
    units, fresh, normals = _units(beta), count(), []
    size = len(singular_values)
    square = _stack([[_random_number(units, normals, fresh) for _ in range(size)] for _ in range(size)])
    extra = _stack([[_random_number(units, normals, fresh) for _ in range(size)]])
    weights = scaled(singular_values, units[0].rows)
    linear = _dagger(square) * weights + weights * square
    quadratic = _dagger(square) * square + (rows - size) * _dagger(extra) * extra
    return linear, quadratic, tuple(normals)


def scaled(entries: Sequence[Any], block: int) -> Any:
    """The block-diagonal matrix of numbers times the d x d unit."""
    return sp.diag(*(entry * sp.eye(block) for entry in entries))


def _units(beta: int) -> tuple[sp.ImmutableMatrix, ...]:
    if beta not in UNITS:
        raise InputError(f"`beta` must be 1, 2 or 4 for a matrix (CoulombGas takes any), got {beta}.")
    return UNITS[beta]


def _new(normals: list[sp.Symbol], fresh: Any) -> sp.Symbol:
    normals.append(sp.Symbol(f"w_{next(fresh)}", real=True))
    return normals[-1]


def _random_number(units: Sequence[sp.ImmutableMatrix], normals: list[sp.Symbol], fresh: Any) -> Any:
    return sp.Matrix(sum((_new(normals, fresh) * unit for unit in units), sp.zeros(*units[0].shape)))


def _dagger(matrix: Any) -> Any:
    return matrix.T.applyfunc(sp.conjugate)


def _stack(blocks: list[list[Any]]) -> Any:
    return sp.Matrix.vstack(*(sp.Matrix.hstack(*row) for row in blocks))
