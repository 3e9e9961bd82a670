r"""The imaginary-time Schrödinger form of a Fokker-Planck operator, ALP24 (arXiv:2407.16427), (39)-(44)."""

from dataclasses import dataclass
from typing import Any

import sympy as sp


@dataclass(frozen=True)
class SchrodingerOperator:
    r""":math:`H\psi = -\sum_{ij} \partial_i (D_{ij} \partial_j \psi) + W \psi`.

    ``variables`` are the coordinates, ``diffusion`` is D and ``potential`` is W.
    """

    variables: tuple[sp.Symbol, ...]
    diffusion: sp.ImmutableDenseMatrix
    potential: Any

    def __call__(self, psi: Any) -> Any:
        """H applied to a wave function."""
        return _kinetic(psi, self.variables, self.diffusion) + self.potential * psi

    def __str__(self) -> str:
        if len(self.variables) == 1 and not self.diffusion.has(*self.variables):
            d, x = self.diffusion[0, 0], self.variables[0]
            return f"-({d}) d^2/d{x}^2 + {self.potential}"
        names = [str(variable) for variable in self.variables]
        terms = [
            (f"({self.diffusion[i, j]})" if not self.diffusion[i, j].is_Atom else str(self.diffusion[i, j]), a, b)
            for i, a in enumerate(names)
            for j, b in enumerate(names)
            if self.diffusion[i, j] != 0
        ]
        return " ".join(f"- d/d{a} {d} d/d{b}" for d, a, b in terms) + f" + {self.potential}"

    def to_latex(self) -> str:
        """H as LaTeX."""
        from ._source import to_latex

        terms = [
            rf"- \partial_{{{to_latex(a)}}} {to_latex(sp.factor(self.diffusion[i, j]))} \partial_{{{to_latex(b)}}}"
            for i, a in enumerate(self.variables)
            for j, b in enumerate(self.variables)
            if self.diffusion[i, j] != 0
        ]
        return " ".join(terms) + f" + {to_latex(self.potential)}"


@dataclass(frozen=True)
class Ladder:
    r"""The factors of H in one variable: :math:`L = \partial_x + \Phi'/2`, :math:`H = L^\dagger D L`.

    For constant noise :math:`\Phi' = V'/g^2` and H = g² L†L, ALP24 (42)-(43).
    """

    variable: sp.Symbol
    slope: Any

    def lower(self, psi: Any) -> Any:
        """L ψ."""
        return sp.diff(psi, self.variable) + self.slope / 2 * psi

    def upper(self, psi: Any) -> Any:
        """L† ψ."""
        return -sp.diff(psi, self.variable) + self.slope / 2 * psi


def hamiltonian(variables: tuple[Any, ...], diffusion: Any, slope: Any) -> SchrodingerOperator:
    r"""H from ∇Φ = ``slope``: :math:`W = \frac14 \nabla\Phi\cdot D\nabla\Phi - \frac12 \nabla\cdot(D\nabla\Phi)`."""
    flow = diffusion * slope
    square = (slope.T * flow)[0, 0] / 4
    divergence = sum((sp.diff(flow[i], variable) for i, variable in enumerate(variables)), sp.Integer(0))
    return SchrodingerOperator(variables, sp.ImmutableDenseMatrix(diffusion), _tidy(square - divergence / 2))


def partner(variable: Any, diffusion: Any, amplitude: Any, slope: Any) -> SchrodingerOperator:
    r"""The supersymmetric partner A A† of H = A†A, with A = g L: same spectrum without the zero mode.

    :math:`W_- = D\Phi'^2/4 + D\Phi''/2 - g g''`.
    """
    potential = diffusion * slope**2 / 4 + diffusion * sp.diff(slope, variable) / 2
    potential -= amplitude * sp.diff(amplitude, variable, 2)
    return SchrodingerOperator((variable,), sp.ImmutableDenseMatrix([[diffusion]]), _tidy(potential))


def _kinetic(psi: Any, variables: tuple[Any, ...], diffusion: Any) -> Any:
    return -sum(
        (
            sp.diff(diffusion[i, j] * sp.diff(psi, variables[j]), variables[i])
            for i in range(len(variables))
            for j in range(len(variables))
        ),
        sp.Integer(0),
    )


def _tidy(expression: Any) -> Any:
    """The expression as built or factored, whichever is shorter."""
    together = sp.together(expression)
    factored = sp.factor_terms(sp.factor(together)) if expression.is_rational_function() else together
    return min((expression, together, factored), key=sp.count_ops)
