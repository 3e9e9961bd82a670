r"""The Fokker-Planck equation of many eigenvalues as a quantum problem: Calogero, Moser and Sutherland."""

from collections.abc import Sequence
from itertools import combinations, permutations
from typing import Any

import sympy as sp
from sympy.utilities.iterables import partitions

from coulombgas._checks import InputError, check_count

from ._schrodinger import SchrodingerOperator


def calogero_hamiltonian(gas: Any) -> SchrodingerOperator:
    r"""H of :math:`\partial_t\psi=-H\psi`, :math:`P=\sqrt{P_s}\,\psi`, for the eigenvalue process of a Coulomb gas.

    .. math:: H=-g^2\sum_i\partial_i^2+\sum_i\Big[\frac{V_i'^2}{4g^2}-\frac{V_i''}2\Big]
        -\frac\beta2\sum_{i<j}\frac{V_i'-V_j'}{x_i-x_j}+\frac{\beta(\beta-2)}2\sum_{i<j}\frac{g^2}{(x_i-x_j)^2}

    Its ground state is :math:`\sqrt{P_s}`, the square root of the Coulomb gas density, with E = 0. For quadratic V the
    first sum over pairs is a constant, and at β = 2 the levels are free fermions.

    Args:
        gas: a :class:`CoulombGas` with one common noise g.

    Raises:
        InputError: for noises that differ, where three levels interact at once.

    Derived here; see derivations/many_levels.
    """
    x, g2 = gas.variables, gas.noises[0] ** 2
    if any(sp.simplify(noise - gas.noises[0]) != 0 for noise in gas.noises):
        raise InputError(f"`gas` must have one common noise, got {gas.noises}: three levels would interact at once.")
    slopes = [sp.diff(v, y) for v, y in zip(gas.potentials, x, strict=True)]
    total = sum(slope**2 / (4 * g2) - sp.diff(slope, y) / 2 for slope, y in zip(slopes, x, strict=True))
    for i, j in combinations(range(len(x)), 2):
        total -= gas.beta / 2 * sp.cancel((slopes[i] - slopes[j]) / (x[i] - x[j]))
        total += gas.beta * (gas.beta - 2) / 2 * g2 / (x[i] - x[j]) ** 2
    return SchrodingerOperator(tuple(x), sp.ImmutableDenseMatrix(g2 * sp.eye(len(x))), total)


def gas_spectrum(size: int, num: int, *, rate: Any) -> tuple[tuple[Any, int], ...]:
    r"""The lowest ``num`` energies of N levels in a quadratic or Laguerre potential, with their multiplicities.

    :math:`E_k=k\Omega`, with the number of partitions of k into at most N parts as multiplicity, for every β: repulsion
    does not shift the energies. Ω is the rate at which one level relaxes: K = -Ωx, or 2Γ for :math:`dW=-\Gamma
    W\,dt+\ldots`, X = WᵀW.

    Args:
        size: number N of levels.
        num: how many energies, E_0 = 0 included.
        rate: Ω.

    Derived here; see derivations/many_levels. :func:`polynomial_spectrum` computes it.
    """
    check_count("size", size)
    check_count("num", num)
    return tuple((rate * k, sum(1 for _ in partitions(k, m=size)) if k else 1) for k in range(num))


def polynomial_spectrum(process: Any, degree: int) -> tuple[tuple[Any, int], ...]:
    r"""Exact energies of a process whose generator maps symmetric polynomials to such: Hermite, Laguerre, Jacobi.

    :math:`Af=\sum_ia_i\partial_if+\frac12\sum_{ij}D_{ij}\partial_i\partial_jf` of a symmetric polynomial of degree d is
    again one if drift, Coulomb coupling and noise have at most the degrees 1, 2 and 2; its part of degree d is then a
    matrix on the partitions of d, whose eigenvalues are -E.

    Args:
        process: an :class:`EigenvalueSDE` that treats all levels alike.
        degree: the highest degree of the polynomials.

    Returns:
        (E, multiplicity), by degree.

    Raises:
        InputError: if the generator raises the degree of polynomials: there is no exact spectrum of this kind.
    """
    check_count("degree", degree, 0)
    found: list[tuple[Any, int]] = []
    for d in range(degree + 1):
        block = _top_block(process, d)
        found += [(sp.factor(-value), count) for value, count in block.eigenvals().items()]
    return tuple(found)


def _top_block(process: Any, degree: int) -> Any:
    """Matrix of the generator on symmetric polynomials of one degree, up to lower degrees."""
    x = process.levels
    shapes = [_padded(shape, len(x)) for shape in partitions(degree, m=len(x))] if degree else [(0,) * len(x)]
    columns = []
    for shape in shapes:
        moved = sp.cancel(sp.together(process.generator(_monomial(shape, x))))
        numerator, denominator = sp.fraction(moved)
        if denominator.free_symbols & set(x):
            raise InputError(f"`process` leads from polynomials to {sp.factor(moved)}: it has no polynomial spectrum.")
        polynomial = sp.Poly(numerator, *x)
        if polynomial.total_degree() > degree:
            raise InputError(
                f"`process` raises the degree of polynomials from {degree}: it has no polynomial spectrum."
            )
        columns.append([polynomial.coeff_monomial(other) / denominator for other in shapes])
    return sp.Matrix(columns).T


def _padded(shape: dict[int, int], size: int) -> tuple[int, ...]:
    parts = sorted((part for part, count in shape.items() for _ in range(count)), reverse=True)
    return tuple(parts + [0] * (size - len(parts)))


def _monomial(shape: Sequence[int], levels: Sequence[Any]) -> Any:
    """The monomial symmetric polynomial: the sum over all distinct orders of one set of exponents."""
    orders = sorted(set(permutations(shape)))
    return sp.Add(*(sp.Mul(*(y**power for y, power in zip(levels, order, strict=True))) for order in orders))
