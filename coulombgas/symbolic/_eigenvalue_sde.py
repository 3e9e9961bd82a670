r"""The stochastic process of eigenvalues: drift, Ito term, Coulomb coupling, noise, and its Fokker-Planck equation."""

from dataclasses import dataclass
from typing import Any

import sympy as sp

from ._detailed_balance import log_density


@dataclass(frozen=True)
class EigenvalueSDE:
    r"""Eigenvalues that drift, repel each other and diffuse.

    .. math:: dx_i=\Big[K_i+I_i+\sum_{j\ne i}\frac{c_{ij}}{x_i-x_j}\Big]dt+dm_i,\quad
       \langle dm_i\,dm_j\rangle=D_{ij}\,dt

    Args:
        levels: the n eigenvalues.
        drift: K.
        ito: I, the average of the terms quadratic in the matrix noise.
        coupling: c, the strength of the Coulomb term of each pair.
        diffusion: D, the covariance of the noise per unit time.

    ALP24 (arXiv:2407.16427), (9), (63) is c = g², D = 2g², I = 0.
    """

    levels: tuple[sp.Symbol, ...]
    drift: tuple[Any, ...]
    ito: tuple[Any, ...]
    coupling: sp.ImmutableMatrix
    diffusion: sp.ImmutableMatrix

    def coulomb(self, index: int) -> Any:
        """The Coulomb term of one eigenvalue: the sum over the others of c_ij/(x_i − x_j)."""
        x = self.levels
        return sp.Add(*(self.coupling[index, j] / (x[index] - x[j]) for j in range(len(x)) if j != index))

    def total_drift(self, index: int) -> Any:
        """Everything that multiplies dt."""
        return self.drift[index] + self.ito[index] + self.coulomb(index)

    def current(self, log_density: Any, index: int) -> Any:
        r"""Probability current of one eigenvalue over the density.

        :math:`J_i/P=a_i-\tfrac12\sum_j\left(\partial_jD_{ij}+D_{ij}\,\partial_j\log P\right)`.

        Args:
            log_density: log P, up to a constant; write differences as log(x_2 - x_1), in the order of the sector.
            index: which eigenvalue.
        """
        divergence = sum(
            sp.diff(self.diffusion[index, j], x) + self.diffusion[index, j] * sp.diff(log_density, x)
            for j, x in enumerate(self.levels)
        )
        return self.total_drift(index) - divergence / 2

    def fokker_planck(self, density: Any) -> Any:
        r"""Right-hand side of the Fokker-Planck equation for the density P of the levels.

        :math:`-\sum_i\partial_i(a_iP)+\frac12\sum_{ij}\partial_i\partial_j(D_{ij}P)`, a the whole drift; ALP24 (64).
        """
        x = self.levels
        drift = sum(sp.diff(self.total_drift(i) * density, x[i]) for i in range(len(x)))
        noise = sum(sp.diff(self.diffusion[i, j] * density, x[i], x[j]) for i in range(len(x)) for j in range(len(x)))
        return noise / 2 - drift

    def generator(self, observable: Any) -> Any:
        r"""Mean rate of change of a function of the levels.

        :math:`Af=\sum_ia_i\,\partial_if+\frac12\sum_{ij}D_{ij}\,\partial_i\partial_jf`.
        """
        x = self.levels
        flow = sum(self.total_drift(i) * sp.diff(observable, x[i]) for i in range(len(x)))
        noise = sum(
            self.diffusion[i, j] * sp.diff(observable, x[i], x[j]) for i in range(len(x)) for j in range(len(x))
        )
        return flow + noise / 2

    def stationarity_residual(self, log_density: Any) -> Any:
        """(L P)/P of a candidate law, as one fraction: zero if it is stationary, with or without a current."""
        x = self.levels
        currents = [self.current(log_density, i) for i in range(len(x))]
        total = sum(sp.diff(current, x[i]) + current * sp.diff(log_density, x[i]) for i, current in enumerate(currents))
        return sp.cancel(sp.together(-total))

    def is_stationary(self, log_density: Any) -> bool:
        """Whether exp(log_density) is a stationary law."""
        return self.stationarity_residual(log_density) == 0

    def carries_no_current(self, log_density: Any) -> bool:
        """Whether exp(log_density) is stationary with every current zero (detailed balance)."""
        currents = (self.current(log_density, i) for i in range(len(self.levels)))
        return all(sp.cancel(sp.together(current)) == 0 for current in currents)

    def stationary_law(self) -> Any:
        """log P of the stationary law, found from zero currents; up to a constant, in the sector x_1 < x_2 < ….

        Raises:
            InputError: if every stationary law carries a current (the message gives the curl), or SymPy
                finds no closed form.
        """
        return log_density(self.levels, [self.total_drift(i) for i in range(len(self.levels))], self.diffusion)

    def latex(self) -> str:
        """The equations of all eigenvalues as one LaTeX aligned block."""
        rows = [
            rf"dx_{{{i + 1}}} &= \left[{sp.latex(self.total_drift(i))}\right] dt + dm_{{{i + 1}}}"
            for i in range(len(self.levels))
        ]
        return r"\begin{aligned}" + r" \\ ".join(rows) + r"\end{aligned}"
