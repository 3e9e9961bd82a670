r"""Two levels of different widths: the generalised semicircle of a multi-species Coulomb gas at N = 2.

The law is :math:`P(x_1, x_2) \propto |x_1 - x_2| \exp(-\sum_i (x_i - \kappa_i)^2 / 2 s_i^2)` with
:math:`\Delta = \kappa_1 - \kappa_2` and :math:`S_0^2 = s_1^2 + s_2^2`; derived here, see derivations/two_layer.
"""

from typing import Any

import sympy as sp

from ._functions import log1p, log_sum_exp
from ._law import SymbolicLaw
from ._spacing import eigenvalue, gap, spacing

center1, center2 = sp.symbols("center1 center2", real=True)
width1, width2 = sp.symbols("width1 width2", positive=True)

_root_2_over_pi = sp.sqrt(2 / sp.pi)


def mean_distance(d: Any, w: Any) -> Any:
    r"""Mean modulus of a Gaussian of mean d and width w, which normalises two species of PFLA24 (arXiv:2412.20496);
    derived here.

    .. math:: M(d, w) = w\sqrt{2/\pi}\, e^{-d^2/2w^2} + d\,\mathrm{erf}\frac{d}{\sqrt2 w}
    """
    return w * _root_2_over_pi * sp.exp(-(d**2) / (2 * w**2)) + d * sp.erf(d / (sp.sqrt(2) * w))


def two_species_density() -> SymbolicLaw:
    r"""Density of the two eigenvalues taken together.

    .. math:: \rho(x) = \frac{N(x;\kappa_1,s_1^2)\, M(x-\kappa_2, s_2) + N(x;\kappa_2,s_2^2)\, M(x-\kappa_1, s_1)}
        {2 M(\Delta, S_0)}

    Parameters (center1, center2, width1, width2). Equal species give the pair density.
    """
    x, t1, t2, tau, scale = eigenvalue, *sp.symbols("t1 t2 tau", real=True), sp.Symbol("S0", positive=True)
    delta, total = center1 - center2, sp.sqrt(width1**2 + width2**2)
    first = _normal(x, center1, width1) * mean_distance(x - center2, width2)
    second = _normal(x, center2, width2) * mean_distance(x - center1, width1)
    mean, second_moment = _moments()
    log_first = -(t1**2) / 2 + sp.log(mean_distance(t2, sp.S.One)) + sp.log(width2) - sp.log(width1)
    log_second = -(t2**2) / 2 + sp.log(mean_distance(t1, sp.S.One)) + sp.log(width1) - sp.log(width2)
    return SymbolicLaw(
        name="two-species density",
        variable=x,
        parameters=(center1, center2, width1, width2),
        density=(first + second) / (2 * mean_distance(delta, total)),
        scaled_log_density=(
            log_sum_exp(log_first, log_second)
            - sp.log(mean_distance(tau, sp.S.One))
            - sp.log(scale)
            - sp.log(2 * sp.sqrt(2 * sp.pi))
        ),
        scaled=((t1, (x - center1) / width1), (t2, (x - center2) / width2), (scale, total), (tau, delta / scale)),
        support=(-sp.oo, sp.oo),
        mean=mean,
        second_moment=second_moment,
    )


def two_species_spacing() -> SymbolicLaw:
    r"""Spacing of the two eigenvalues.

    .. math:: P(S) = \frac{2 S \cosh(S\Delta/S_0^2)\, e^{-(S^2+\Delta^2)/2S_0^2}}{\sqrt{2\pi}\, S_0\, M(\Delta, S_0)},
        \qquad \langle S\rangle = \frac{S_0^2 + \Delta^2}{M(\Delta, S_0)}

    Parameters (gap, width1, width2). It holds for the labelled eigenvalue equation; for levels with different targets
    the matrix itself gives Rice's law.
    """
    u, tau, scale = sp.Symbol("u", positive=True), sp.Symbol("tau", nonnegative=True), sp.Symbol("S0", positive=True)
    variance = width1**2 + width2**2
    total = sp.sqrt(variance)
    norm = mean_distance(gap, total)
    return SymbolicLaw(
        name="two-species spacing law",
        variable=spacing,
        parameters=(gap, width1, width2),
        density=(
            2
            * spacing
            * sp.cosh(spacing * gap / variance)
            * sp.exp(-(spacing**2 + gap**2) / (2 * variance))
            / (sp.sqrt(2 * sp.pi) * total * norm)
        ),
        scaled_log_density=(
            sp.log(spacing)
            - 2 * sp.log(scale)
            - (u - tau) ** 2 / 2
            + log1p(sp.exp(-2 * u * tau))
            - sp.log(mean_distance(tau, sp.S.One))
            - sp.log(2 * sp.pi) / 2
        ),
        scaled=((scale, total), (u, spacing / scale), (tau, gap / scale)),
        support=(sp.Integer(0), sp.oo),
        mean=(variance + gap**2) / norm,
        second_moment=_third_moment(gap, total) / norm,
    )


def _normal(x: Any, mean: Any, s: Any) -> Any:
    return sp.exp(-((x - mean) ** 2) / (2 * s**2)) / (sp.sqrt(2 * sp.pi) * s)


def _third_moment(d: Any, w: Any) -> Any:
    """E|X|³ of a Gaussian of mean d and width w."""
    t = d / w
    gauss, error = sp.exp(-(t**2) / 2), sp.erf(t / sp.sqrt(2))
    return w**3 * ((t**3 + 3 * t) * error + _root_2_over_pi * (t**2 + 2) * gauss)


def _moments() -> tuple[Any, Any]:
    """Mean and second moment of the density, from x₁ and x₂ conditioned on their difference d."""
    delta, variance = center1 - center2, width1**2 + width2**2
    total = sp.sqrt(variance)
    norm, t = mean_distance(delta, total), delta / total
    signed = variance * ((1 + t**2) * sp.erf(t / sp.sqrt(2)) + t * _root_2_over_pi * sp.exp(-(t**2) / 2))
    shift = signed / norm - delta
    square = _third_moment(delta, total) / norm - 2 * delta * signed / norm + delta**2
    a, b, common = width1**2 / variance, width2**2 / variance, width1**2 * width2**2 / variance
    first = center1**2 + 2 * center1 * a * shift + a**2 * square + common
    second = center2**2 - 2 * center2 * b * shift + b**2 * square + common
    return (center1 + a * shift + center2 - b * shift) / 2, (first + second) / 2
