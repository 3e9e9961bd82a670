r"""Fixed points of a drift in several variables, and the Gaussian law with its current around a stable one."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from coulombgas._checks import InputError

from ._linear_law import solve_lyapunov


@dataclass(frozen=True)
class RestPoint:
    r"""A zero of the drift in several variables.

    ``location`` has one entry for each variable, ``slope`` is :math:`H=-\partial K` there, whose eigenvalues are the
    relaxation rates; ``diffusion`` is D.
    """

    location: tuple[Any, ...]
    slope: Any
    diffusion: Any

    @cached_property
    def rates(self) -> tuple[Any, ...]:
        """Eigenvalues of H, with multiplicity; complex for a spiral."""
        return tuple(value for value, count in self.slope.eigenvals().items() for _ in range(count))

    @property
    def kind(self) -> str:
        """ "stable", "saddle", "unstable", "degenerate" or "undecided" (the signs depend on the parameters)."""
        parts = [sp.re(rate) for rate in self.rates]
        if any(part.is_zero for part in parts):
            return "degenerate"
        signs = {part.is_positive for part in parts}
        if None in signs:
            return "undecided"
        return "saddle" if len(signs) == 2 else ("stable" if True in signs else "unstable")

    @cached_property
    def covariance(self) -> Any:
        r"""P of the Gaussian law at small noise, :math:`HP+PH^T=2D`.

        Raises:
            InputError: if the equation has no solution, as at a point with rates of opposite signs.
        """
        slope = sp.Matrix(self.slope)
        return sp.ImmutableDenseMatrix(solve_lyapunov(2 * self.diffusion, lambda p: slope * p + p * slope.T))

    @cached_property
    def circulation(self) -> Any:
        r"""The antisymmetric :math:`HP-D`, zero without a current, which is :math:`-(HP-D)P^{-1}\delta\,p(\delta)`."""
        return (self.slope * self.covariance - self.diffusion).applyfunc(sp.cancel)


def rest_points(equation: Any) -> tuple[RestPoint, ...]:
    """The real zeros of a polynomial drift inside the domain.

    Raises:
        InputError: for a drift that is not polynomial, or zeros that SymPy does not find.
    """
    x, drift = equation.variables, equation.drift
    equations = [sp.fraction(sp.together(entry))[0] for entry in drift]
    if any(not entry.is_polynomial(*x) for entry in equations):
        raise InputError(
            "`fixed_points` of several variables need a rational drift: use `sample_paths` with a start instead."
        )
    solutions = sp.solve(equations, list(x), dict=True)
    if not solutions or any(set(s) != set(x) for s in solutions):
        raise InputError("`drift` has zeros that are not isolated points, or none that SymPy finds.")
    points = [tuple(sp.simplify(s[variable]) for variable in x) for s in solutions]
    slope = -sp.Matrix(list(drift)).jacobian(list(x))
    found = []
    for point in points:
        place = dict(zip(x, point, strict=True))
        if all(_inside(value, ends) for value, ends in zip(point, equation.domains, strict=True)):
            local = slope.subs(place).applyfunc(sp.simplify)
            found.append(RestPoint(point, sp.ImmutableDenseMatrix(local), equation.diffusion.subs(place)))
    return tuple(sorted(found, key=lambda p: [sp.default_sort_key(entry) for entry in p.location]))


def _inside(value: Any, ends: tuple[Any, Any]) -> bool:
    if value.is_real is False or (value.is_number and abs(complex(value).imag) > 1e-12):
        return False
    low, high = ends
    return not ((value - low).is_negative or (high - value).is_negative)
