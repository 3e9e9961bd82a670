r"""Closed forms of level spacings and of the eigenvalue density of N = 2, as functions of the Coulomb-gas width.

All log densities are written in variables divided by the width, as sums of logarithms of positive terms, so they are
finite with finite gradients far into the tails and for any width that float64 can hold.
"""

from typing import Any

import sympy as sp

from coulombgas._checks import InputError

from ._functions import bessel_ie, log_i0e, lower_gamma_ratio, xlogy
from ._law import SymbolicLaw

spacing = sp.Symbol("S", positive=True)
"""Level spacing S."""
eigenvalue = sp.Symbol("x", real=True)
"""Eigenvalue x."""
width = sp.Symbol("width", positive=True)
"""Coulomb-gas width: standard deviation of one eigenvalue without repulsion."""
gap = sp.Symbol("gap", nonnegative=True)
"""Distance Δ of the two centres."""
center = sp.Symbol("center", real=True)
"""Common centre κ of the two levels."""
exponent = sp.Symbol("q", nonnegative=True)
"""Brody exponent: 0 is Poisson, 1 Wigner's surmise."""
mean_spacing = sp.Symbol("mean_spacing", positive=True)
"""Mean level spacing."""

_half = sp.Rational(1, 2)
_u = sp.Symbol("u", positive=True)
_y = sp.Symbol("y", real=True)
_z = sp.Symbol("z", nonnegative=True)


def wigner_surmise(beta: Any = 1) -> SymbolicLaw:
    r"""Spacing of two degenerate levels of a Coulomb gas of Dyson index β.

    .. math:: P(S) = \frac{2\, S^\beta e^{-S^2/4 s^2}}{(2s)^{\beta+1}\, \Gamma((\beta+1)/2)}

    which for β = 1 is ALP24 (arXiv:2407.16427), (74), :math:`S/(2s^2)\, e^{-S^2/4s^2}`, with mean :math:`\sqrt\pi s`
    (75).

    Args:
        beta: a positive number (1, 2, 4 for the classical ensembles) or a positive symbol.

    Raises:
        InputError: if β is not positive.
    """
    beta = sp.sympify(beta, strict=True)
    if beta.is_positive is not True:
        raise InputError(f"`beta` must be positive (1, 2 or 4 for the classical ensembles), got {beta}.")
    shape = (beta + 1) / 2
    parameters = (width, *sorted(beta.free_symbols, key=str))
    return SymbolicLaw(
        name="Wigner surmise",
        variable=spacing,
        parameters=parameters,
        density=2
        * spacing**beta
        * sp.exp(-(spacing**2) / (4 * width**2))
        / ((2 * width) ** (beta + 1) * sp.gamma(shape)),
        scaled_log_density=(
            # log S, not log u: then the derivative with respect to the width is finite at S = 0
            beta * sp.log(spacing) - (beta + 1) * sp.log(width) - _u**2 / 4 - beta * sp.log(2) - sp.loggamma(shape)
        ),
        scaled=((_u, spacing / width),),
        support=(sp.Integer(0), sp.oo),
        mean=2 * width * sp.gamma(shape + _half) / sp.gamma(shape),
        second_moment=2 * (beta + 1) * width**2,
        scaled_cdf=1 - sp.exp(-(_u**2) / 4) if beta == 1 else lower_gamma_ratio(shape, _u**2 / 4),
    )


def rice_spacing() -> SymbolicLaw:
    r"""Spacing of a 2×2 Ornstein-Uhlenbeck matrix whose centre has the eigenvalue gap Δ.

    .. math:: P(S) = \frac{S}{2s^2}\, e^{-(S^2+\Delta^2)/4s^2}\, I_0\!\left(\frac{S\Delta}{2s^2}\right)

    Parameters (gap, width). Derived here; see derivations/matrix_ou. Δ = 0 is the Wigner surmise.
    """
    u, delta, z = sp.Symbol("u", positive=True), sp.Symbol("delta", nonnegative=True), _z
    q = gap**2 / (8 * width**2)
    mean = sp.sqrt(sp.pi) * width * ((1 + 2 * q) * bessel_ie(0, q) + 2 * q * bessel_ie(1, q))
    return SymbolicLaw(
        name="Rice spacing law",
        variable=spacing,
        parameters=(gap, width),
        density=(
            spacing
            / (2 * width**2)
            * sp.exp(-(spacing**2 + gap**2) / (4 * width**2))
            * sp.besseli(0, spacing * gap / (2 * width**2))
        ),
        scaled_log_density=sp.log(spacing) - 2 * sp.log(width) - sp.log(2) - (u - delta) ** 2 / 4 + log_i0e(z),
        scaled=((u, spacing / width), (delta, gap / width), (z, u * delta / 2)),
        support=(sp.Integer(0), sp.oo),
        mean=mean,
        second_moment=gap**2 + 4 * width**2,
    )


def pair_density() -> SymbolicLaw:
    r"""Density of the eigenvalues of a degenerate pair, ALP24 (78), with y = (x − κ)/s.

    .. math:: \rho(x) = \frac{e^{-y^2/2}}{2\sqrt\pi s}\left[e^{-y^2/2} + \sqrt{\tfrac{\pi}{2}}\, y\,
        \mathrm{erf}\tfrac{y}{\sqrt2}\right]

    Parameters (center, width); variance 3s²/2.
    """
    y = (eigenvalue - center) / width
    return SymbolicLaw(
        name="pair density",
        variable=eigenvalue,
        parameters=(center, width),
        density=sp.exp(-(y**2) / 2) / (2 * sp.sqrt(sp.pi) * width) * _pair_factor(y),
        scaled_log_density=-(_y**2) / 2 - sp.log(2 * sp.sqrt(sp.pi)) - sp.log(width) + sp.log(_pair_factor(_y)),
        scaled=((_y, (eigenvalue - center) / width),),
        support=(-sp.oo, sp.oo),
        mean=center,
        second_moment=center**2 + sp.Rational(3, 2) * width**2,
        scaled_cdf=sp.erfc(-_y) / 2 - sp.exp(-(_y**2) / 2) * sp.erf(_y / sp.sqrt(2)) / (2 * sp.sqrt(2)),
    )


def _pair_factor(y: Any) -> Any:
    return sp.exp(-(y**2) / 2) + sp.sqrt(sp.pi / 2) * y * sp.erf(y / sp.sqrt(2))


def brody() -> SymbolicLaw:
    r"""Brody's interpolation between Poisson (q = 0) and Wigner's surmise (q = 1), for spacings of mean D.

    .. math:: P(S) = \frac{q+1}{D}\, b\, s^q e^{-b s^{q+1}}, \quad s = \frac{S}{D}, \quad
        b = \Gamma\!\left(\tfrac{q+2}{q+1}\right)^{q+1}

    Parameters (q, mean_spacing).
    """
    q, u = exponent, _u
    root = sp.gamma((q + 2) / (q + 1))
    hazard = (root * u) ** (q + 1)
    s = spacing / mean_spacing
    return SymbolicLaw(
        name="Brody law",
        variable=spacing,
        parameters=(q, mean_spacing),
        density=(q + 1) * root ** (q + 1) * s**q * sp.exp(-(root ** (q + 1)) * s ** (q + 1)) / mean_spacing,
        scaled_log_density=(
            sp.log(q + 1)
            + (q + 1) * (sp.loggamma((q + 2) / (q + 1)) - sp.log(mean_spacing))
            + xlogy(q, spacing)
            - hazard
        ),
        scaled=((u, spacing / mean_spacing),),
        support=(sp.Integer(0), sp.oo),
        mean=mean_spacing,
        second_moment=mean_spacing**2 * sp.gamma((q + 3) / (q + 1)) / root**2,
        scaled_cdf=1 - sp.exp(-hazard),
    )


def poisson() -> SymbolicLaw:
    r"""Spacings of independent levels, :math:`P(S) = e^{-S/D}/D`. Parameter (mean_spacing)."""
    return SymbolicLaw(
        name="Poisson spacing law",
        variable=spacing,
        parameters=(mean_spacing,),
        density=sp.exp(-spacing / mean_spacing) / mean_spacing,
        scaled_log_density=-_u - sp.log(mean_spacing),
        scaled=((_u, spacing / mean_spacing),),
        support=(sp.Integer(0), sp.oo),
        mean=mean_spacing,
        second_moment=2 * mean_spacing**2,
        scaled_cdf=1 - sp.exp(-_u),
    )
