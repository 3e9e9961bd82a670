r"""The Coulomb gas: joint law of eigenvalues that repel each other in a potential, for any potentials and any beta."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import sympy as sp

from coulombgas._checks import InputError

from ._eigenvalue_sde import EigenvalueSDE
from ._matrix_noise import level_symbols
from ._selberg import mehta_normalisation

spacing_symbol = sp.Symbol("S", positive=True)
_centre = sp.Symbol("centre", real=True)


@dataclass(frozen=True)
class CoulombGas:
    r"""Eigenvalues with :math:`P(x)\propto\prod_{i<j}|x_i-x_j|^\beta\,\exp\big(-\sum_i V_i(x_i)/g_i^2\big)`.

    Args:
        potentials: V_1 … V_n, each an expression in its own level, or all in one common symbol.
        beta: Dyson index, a positive number or symbol.
        noises: g_i, one for each level; all 1 unless given. They may differ.
        variables: the symbols of the levels; created if the potentials share one symbol.

    Raises:
        InputError: a potential depends on another level, or the numbers of arguments do not match.

    ALP24 (arXiv:2407.16427), (12)-(14), (65)-(67). It is the stationary law of the eigenvalue process :attr:`process`.
    """

    potentials: Any
    beta: Any = 1
    noises: Any = None
    variables: Any = None

    def __post_init__(self) -> None:
        size = len(self.potentials)
        if size == 0:
            raise InputError("`potentials` must hold at least one potential, got none.")
        noises = (
            (sp.S.One,) * size if self.noises is None else tuple(sp.sympify(item, strict=True) for item in self.noises)
        )
        if len(noises) != size:
            raise InputError(f"`noises` must hold {size} strengths, one for each potential, got {len(noises)}.")
        variables = level_symbols(size) if self.variables is None else tuple(self.variables)
        object.__setattr__(self, "potentials", tuple(sp.sympify(item, strict=True) for item in self.potentials))
        object.__setattr__(self, "noises", noises)
        object.__setattr__(self, "variables", variables)
        object.__setattr__(self, "beta", sp.sympify(self.beta, strict=True))
        for i, potential in enumerate(self.potentials):
            strangers = potential.free_symbols & (set(variables) - {variables[i]})
            if strangers:
                raise InputError(
                    f"`potentials[{i}]` must depend on {variables[i]} alone, it also contains {strangers}."
                )

    @classmethod
    def identical(
        cls, potential: Any, variable: sp.Symbol, size: int, *, beta: Any = 1, noise: Any = 1
    ) -> "CoulombGas":
        """A gas of one species: the same potential in ``variable`` and the same noise for every level."""
        levels = level_symbols(size)
        potentials = tuple(sp.sympify(potential, strict=True).subs(variable, x) for x in levels)
        return cls(potentials, beta=beta, noises=(noise,) * size, variables=levels)

    @classmethod
    def from_process(cls, process: EigenvalueSDE) -> "CoulombGas":
        r"""The Coulomb gas that is the stationary law of a process of eigenvalues, where it has one.

        The potentials returned are :math:`V_i/g_i^2`, all noises 1.

        Raises:
            InputError: if the law carries a current, pairs repel with different exponents, or levels interact in other
                ways than by :math:`|x_i-x_j|^\beta`; the message says which.
        """
        x, log_density = process.levels, process.stationary_law()
        betas = {
            sp.cancel((x[j] - x[i]) * sp.diff(log_density, x[j])).subs(x[j], x[i]).simplify()
            for i, j in combinations(range(len(x)), 2)
        }
        if len(betas) > 1 or any(beta.free_symbols & set(x) for beta in betas):
            raise InputError(f"the process is no Coulomb gas: its pairs repel with the exponents {betas}.")
        beta = next(iter(betas), sp.S.One)
        pairs = sp.Add(*(sp.log(x[j] - x[i]) for i, j in combinations(range(len(x)), 2)))
        rest = sp.expand(log_density - beta * pairs)
        for i, j in combinations(range(len(x)), 2):
            if sp.simplify(sp.diff(rest, x[i], x[j])) != 0:
                raise InputError(f"the process is no Coulomb gas: {x[i]} and {x[j]} interact by more than repulsion.")
        terms = sp.Add.make_args(rest)
        own = [-sp.Add(*(term for term in terms if level in term.free_symbols)) for level in x]
        return cls(tuple(own), beta=beta, variables=x)

    @classmethod
    def gaussian(cls, centres: Sequence[Any], widths: Sequence[Any], *, beta: Any = 1) -> "CoulombGas":
        r"""Levels in quadratic wells: :math:`V_i/g_i^2=(x_i-\kappa_i)^2/(2s_i^2)`. ALP24 (17)-(18), (70); PFLA24
        (arXiv:2412.20496)."""
        levels = level_symbols(len(centres))
        wells = zip(levels, centres, widths, strict=True)
        return cls(
            tuple((x - k) ** 2 / (2 * sp.sympify(s, strict=True) ** 2) for x, k, s in wells),
            beta=beta,
            variables=levels,
        )

    @property
    def size(self) -> int:
        """Number of levels."""
        return len(self.potentials)

    @cached_property
    def energy(self) -> Any:
        """The sum of the V_i/g_i^2, without the repulsion."""
        return sum(v / g**2 for v, g in zip(self.potentials, self.noises, strict=True))

    @cached_property
    def log_weight(self) -> Any:
        """Logarithm of the unnormalised law in the sector x_1 < x_2 < …; by symmetry of |x_i - x_j| it holds in all."""
        x = self.variables
        pairs = [sp.log(x[j] - x[i]) for i in range(self.size) for j in range(i + 1, self.size)]
        return self.beta * sp.Add(*pairs) - self.energy

    @cached_property
    def weight(self) -> Any:
        """The unnormalised law on all of space."""
        x = self.variables
        pairs = [sp.Abs(x[i] - x[j]) ** self.beta for i in range(self.size) for j in range(i + 1, self.size)]
        return sp.Mul(*pairs) * sp.exp(-self.energy)

    @cached_property
    def process(self) -> EigenvalueSDE:
        r"""Eigenvalue process :math:`dx_i=-V_i'\,dt+\sum_j\beta g_i^2/(x_i-x_j)\,dt+\sqrt2g_i\,dB_i`, ALP24 (63)."""
        x, g = self.variables, self.noises
        return EigenvalueSDE(
            x,
            drift=tuple(-sp.diff(v, level) for v, level in zip(self.potentials, x, strict=True)),
            ito=(sp.S.Zero,) * self.size,
            coupling=sp.ImmutableMatrix(self.size, self.size, lambda i, j: 0 if i == j else self.beta * g[i] ** 2),
            diffusion=sp.ImmutableMatrix(self.size, self.size, lambda i, j: 2 * g[i] ** 2 if i == j else 0),
        )

    def is_stationary(self) -> bool:
        """Whether the law is stationary for its process with every probability current zero; ALP24 (64)-(66)."""
        return self.process.carries_no_current(self.log_weight)

    @cached_property
    def normalisation(self) -> Any:
        r"""Z, for quadratic potentials that are equal (any n, Mehta's integral) or different (n = 1 or 2).

        Raises:
            InputError: no closed form for these potentials.
        """
        centres, widths = self._wells()
        if len(set(centres)) == len(set(widths)) == 1:
            return mehta_normalisation(self.size, beta=self.beta, width=widths[0])
        return self._pair_integral(sp.S.One)

    def spacing_density(self) -> Any:
        r"""Density of :math:`S=|x_1-x_2|` for n = 2 in quadratic potentials: the centre of mass integrated out.

        Raises:
            InputError: more than two levels, or potentials that are not quadratic.
        """
        S = spacing_symbol
        parts = self._ordered_weights(sp.S.One)
        weight = sp.Add(*(w * sp.exp(-((S - d) ** 2) / (2 * s**2)) for w, d, s in parts))
        return S**self.beta * weight / self.normalisation

    def density(self) -> Any:
        r"""Density :math:`\rho(x)=\frac12\sum_i\langle\delta(x-x_i)\rangle` for n = 2, in the symbol x.

        ALP24 (19), (77).

        Raises:
            InputError: not two levels in quadratic potentials, or a beta that is not a whole number.
        """
        x = sp.Symbol("x", real=True)
        centres, widths = self._two_wells()
        if not (self.beta.is_Integer and self.beta > 0):
            raise InputError(f"`beta` must be a whole number for a density in closed form, got {self.beta}.")
        terms = []
        for one, two in ((0, 1), (1, 0)):
            here = sp.exp(-((x - centres[one]) ** 2) / (2 * widths[one] ** 2))
            distance = x - centres[two]
            sides = [half_line_moment(self.beta, sign * distance, widths[two]) for sign in (1, -1)]
            terms.append(here * sp.expand(sp.Add(*sides)))
        return sp.Add(*terms) / (2 * self.normalisation)

    def moment(self, polynomial: Any) -> Any:
        """Average of a polynomial in the two levels (n = 2, quadratic potentials).

        Raises:
            InputError: not two levels in quadratic potentials.
        """
        return self._pair_integral(sp.sympify(polynomial, strict=True)) / self.normalisation

    def _wells(self) -> tuple[list[Any], list[Any]]:
        centres, widths = [], []
        for x, v, g in zip(self.variables, self.potentials, self.noises, strict=True):
            action = sp.expand(v / g**2)
            curvature = sp.simplify(sp.diff(action, x, 2))
            if curvature.has(x) or curvature == 0:
                raise InputError(f"`potentials` must be quadratic for a closed form, got {v}: integrate numerically.")
            centres.append(sp.simplify(-action.coeff(x, 1) / curvature))
            widths.append(sp.sqrt(1 / curvature))
        return centres, widths

    def _two_wells(self) -> tuple[list[Any], list[Any]]:
        if self.size != 2:
            raise InputError(f"`potentials` must be two for a closed form in the spacing, got {self.size}.")
        return self._wells()

    def _check_power(self, centres: Sequence[Any]) -> None:
        if centres[0] != centres[1] and not (self.beta.is_Integer and self.beta > 0):
            raise InputError(f"`beta` must be a whole number for wells at different places, got {self.beta}.")

    def _ordered_weights(self, polynomial: Any) -> list[tuple[Any, Any, Any]]:
        """For either order of the levels: a polynomial in S, the centre and the width of its Gaussian in S.

        With x_1 = c + S s_1^2/S_0^2 and x_2 = c - S s_2^2/S_0^2 the exponent is a sum of one in c and one in S, so the
        average over c is a Gaussian moment.
        """
        centres, widths = self._two_wells()
        x1, x2 = self.variables
        s1, s2 = (w**2 for w in widths)
        total = s1 + s2
        mean, variance = (centres[0] * s2 + centres[1] * s1) / total, s1 * s2 / total
        parts = []
        for sign in (1, -1):
            S = sign * spacing_symbol
            shifted = polynomial.subs({x1: _centre + S * s1 / total, x2: _centre - S * s2 / total}, simultaneous=True)
            weight = sp.sqrt(2 * sp.pi * variance) * gaussian_moment(shifted, _centre, mean, variance)
            parts.append((weight, sign * (centres[0] - centres[1]), sp.sqrt(total)))
        return parts

    def _pair_integral(self, polynomial: Any) -> Any:
        """∫ of a polynomial times the unnormalised density of one or two levels."""
        if self.size == 1:
            centres, widths = self._wells()
            (x,) = self.variables
            return sp.sqrt(2 * sp.pi) * widths[0] * gaussian_moment(polynomial, x, centres[0], widths[0] ** 2)
        self._check_power(self._two_wells()[0])
        total = sp.S.Zero
        for weight, centre, width in self._ordered_weights(polynomial):
            for (power,), coefficient in sp.Poly(sp.expand(weight), spacing_symbol).terms():
                total += coefficient * half_line_moment(power + self.beta, centre, width)
        return sp.collect(sp.expand(total), [sp.pi])


def half_line_moment(power: Any, centre: Any, width: Any) -> Any:
    r""":math:`\int_0^\infty S^p\,e^{-(S-d)^2/(2w^2)}\,dS`.

    For d = 0 any p > -1; otherwise a whole p, by :math:`I_p=d\,I_{p-1}+(p-1)w^2I_{p-2}`.

    Args:
        power: p.
        centre: d.
        width: w.
    """
    power = sp.sympify(power, strict=True)
    if centre == 0:
        return (2 * width**2) ** ((power + 1) / 2) * sp.gamma((power + 1) / 2) / 2
    before = width * sp.sqrt(sp.pi / 2) * (1 + sp.erf(centre / (sp.sqrt(2) * width)))
    if power == 0:
        return before
    here = centre * before + width**2 * sp.exp(-(centre**2) / (2 * width**2))
    for order in range(2, int(power) + 1):
        before, here = here, centre * here + (order - 1) * width**2 * before
    return here


def gaussian_moment(polynomial: Any, variable: sp.Symbol, mean: Any, variance: Any) -> Any:
    """Average of a polynomial in one Gaussian variable of the given mean and variance."""
    shift = sp.Dummy()
    shifted = sp.Poly(sp.expand(sp.sympify(polynomial, strict=True).subs(variable, mean + shift)), shift)
    even = [(order, factor) for (order,), factor in shifted.terms() if order % 2 == 0]
    return sp.Add(*(factor * variance ** (order // 2) * sp.factorial2(order - 1) for order, factor in even))
