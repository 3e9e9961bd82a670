"""A one-variable law as SymPy expressions: density, stable log density, distribution function and moments."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from coulombgas._checks import InputError, fail

from ._to_jax import to_jax

_OUTPUTS = ("density", "log_density", "cdf", "mean", "second_moment", "variance")


@dataclass(frozen=True)
class SymbolicLaw:
    r"""A probability law :math:`P(\mathrm{variable} \mid \mathrm{parameters})` in closed form.

    ``density`` is the textbook expression. ``scaled_log_density`` is its logarithm in a form that neither overflows nor
    cancels, written in the dimensionless variables that ``scaled`` defines; ``log_density`` has them replaced.
    ``scaled_cdf`` may use the scaled variables too and is None where no closed form exists. ``support`` holds the ends
    of the interval on which the law lives; ``mean`` and ``second_moment`` are averages over it.
    """

    name: str
    variable: sp.Symbol
    parameters: tuple[sp.Symbol, ...]
    density: sp.Expr
    scaled_log_density: sp.Expr
    scaled: tuple[tuple[sp.Symbol, sp.Expr], ...]
    support: tuple[sp.Expr, sp.Expr]
    mean: sp.Expr
    second_moment: sp.Expr
    scaled_cdf: sp.Expr | None = None

    @property
    def args(self) -> tuple[sp.Symbol, ...]:
        """The variable, then the parameters: the order of the arguments of every function of this law."""
        return (self.variable, *self.parameters)

    @property
    def log_density(self) -> Any:
        """The stable log density in the variable and the parameters alone."""
        return self._unscaled(self.scaled_log_density)

    @property
    def cdf(self) -> Any:
        """The distribution function in the variable and the parameters, or None without a closed form."""
        return None if self.scaled_cdf is None else self._unscaled(self.scaled_cdf)

    @property
    def variance(self) -> sp.Expr:
        """Second moment minus the squared mean."""
        return self.second_moment - self.mean**2

    def to_jax(self, output: str = "log_density") -> Callable[..., Any]:
        """A JAX function of (variable, *parameters); moments take the parameters only.

        Args:
            output: "density", "log_density", "cdf", "mean", "second_moment" or "variance".

        Raises:
            InputError: for another output, or a distribution function without a closed form.
        """
        if output not in _OUTPUTS:
            fail("output", f"must be one of {', '.join(_OUTPUTS)}", output)
        if output == "log_density":
            return to_jax(self.scaled_log_density, self.args, let=dict(self.scaled))
        if output == "density":
            return to_jax(sp.exp(self.scaled_log_density), self.args, let=dict(self.scaled))
        if output == "cdf":
            if self.scaled_cdf is None:
                raise InputError(f'`output` "cdf": the {self.name} has no distribution function in closed form.')
            return to_jax(self.scaled_cdf, self.args, let=dict(self.scaled))
        return to_jax(getattr(self, output), self.parameters)

    def unit_mean(self, variable: sp.Symbol | None = None) -> sp.Expr:
        r"""The density of s = S/⟨S⟩, :math:`\langle S\rangle\, P(S = s\langle S\rangle)`."""
        unit = sp.Symbol("s", positive=True) if variable is None else variable
        density = self.mean * self.density.subs(self.variable, unit * self.mean)
        return sp.powsimp(sp.simplify(density))

    def _unscaled(self, expression: Any) -> Any:
        for symbol, definition in reversed(self.scaled):
            expression = expression.subs(symbol, definition)
        return expression
