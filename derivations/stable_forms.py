r"""The forms used in numerics: stable log densities are the logarithms of the densities, and moments agree."""

import sympy as sp

from coulombgas import symbolic

from ._framework import Board, Chain

chain = Chain(order=150, title="Stable forms of the laws")

REAL, POSITIVE, WIDTH = (-2.0, 2.0), (0.05, 4.0), (0.4, 1.5)
LAWS = {
    "Wigner surmise, beta = 1": (lambda: symbolic.wigner_surmise(1), (POSITIVE, WIDTH)),
    "Wigner surmise, beta = 2": (lambda: symbolic.wigner_surmise(2), (POSITIVE, WIDTH)),
    "Wigner surmise, beta = 4": (lambda: symbolic.wigner_surmise(4), (POSITIVE, WIDTH)),
    "Rice": (lambda: symbolic.rice_spacing(), (POSITIVE, POSITIVE, WIDTH)),
    "pair density": (lambda: symbolic.pair_density(), (REAL, REAL, WIDTH)),
    "two species, density": (lambda: symbolic.two_species_density(), (REAL, REAL, REAL, WIDTH, WIDTH)),
    "two species, spacing": (lambda: symbolic.two_species_spacing(), (POSITIVE, POSITIVE, WIDTH, WIDTH)),
    "Brody": (lambda: symbolic.brody(), (POSITIVE, (0.05, 1.5), WIDTH)),
    "Poisson": (lambda: symbolic.poisson(), (POSITIVE, WIDTH)),
    "semicircle": (lambda: symbolic.semicircle(), ((-0.4, 0.4), (-0.4, 0.4), (1.0, 2.0))),
    "Marchenko-Pastur": (lambda: symbolic.marchenko_pastur(), ((0.7, 1.4), (0.2, 0.6), (0.9, 1.1))),
}


@chain.step(status="numerically proved", digits=42, points=20)
def log_densities(board: Board) -> None:
    """derived here: every stable log density of the library is the logarithm of its density."""
    for name, (build, ranges) in LAWS.items():
        law = build()
        limits = dict(zip(law.args, ranges, strict=True))
        board.line(f"{name}:", law.density, name="P")
        sides = (sp.log(law.density), law.log_density.doit())
        numbers = (sp.lambdify(law.args, side, "mpmath") for side in sides)
        board.same_numerically(f"Log density of {name}.", *numbers, limits)


@chain.step(status="numerically proved", digits=42, points=20)
def distribution_functions(board: Board) -> None:
    """derived here: the slope of every distribution function of the library is its density."""
    for name, (build, ranges) in LAWS.items():
        law = build()
        if law.cdf is None:
            continue
        slope = sp.diff(law.cdf.doit(), law.variable).doit()
        limits = dict(zip(law.args, ranges, strict=True))
        board.same_numerically(f"Slope for {name}.", slope, law.density, limits)


@chain.step(status="numerically proved", digits=42, points=20)
def two_species_moments(board: Board) -> None:
    """derived here: mean and second moment of the two-species density are those of the Coulomb gas of two levels."""
    centres, widths = sp.symbols("kappa_1:3", real=True), sp.symbols("s_1:3", positive=True)
    gas, law = symbolic.CoulombGas.gaussian(centres, widths), symbolic.two_species_density()
    values = dict(zip(law.parameters, (*centres, *widths), strict=True))
    limits = dict(zip((*centres, *widths), (REAL, REAL, WIDTH, WIDTH), strict=True))
    for power, stated in ((1, law.mean), (2, law.second_moment)):
        exact = sum(gas.moment(level**power) for level in gas.variables) / 2
        sides = (exact, stated.subs(values, simultaneous=True))
        board.same_numerically(f"Moment {power}.", *(sp.lambdify(tuple(limits), e, "mpmath") for e in sides), limits)
