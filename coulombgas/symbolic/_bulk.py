r"""Bulk densities at large n in closed form: Wigner's semicircle and the Marchenko-Pastur law."""

from typing import Any

import sympy as sp

from ._law import SymbolicLaw
from ._spacing import center, eigenvalue

radius = sp.Symbol("radius", positive=True)
"""Radius (half the width) of a semicircle."""
ratio = sp.Symbol("ratio", positive=True)
"""Columns over rows, N/M, of a rectangular matrix W."""
mean_eigenvalue = sp.Symbol("mean_eigenvalue", positive=True)
"""Mean eigenvalue of X = WᵀW, M times the variance of an element."""

_t = sp.Symbol("t", real=True)


def semicircle() -> SymbolicLaw:
    r"""Wigner's semicircle on :math:`[c-R, c+R]`.

    .. math:: \rho(x) = \frac{2}{\pi R^2}\sqrt{R^2-(x-c)^2}

    Parameters (center, radius). A group of n degenerate modes of width s has :math:`R=s\sqrt{2n}`.
    """
    t = (eigenvalue - center) / radius
    return SymbolicLaw(
        name="semicircle",
        variable=eigenvalue,
        parameters=(center, radius),
        density=2 * sp.sqrt(radius**2 - (eigenvalue - center) ** 2) / (sp.pi * radius**2),
        scaled_log_density=sp.log(1 - _t) / 2 + sp.log(1 + _t) / 2 + sp.log(2 / sp.pi) - sp.log(radius),
        scaled=((_t, t),),
        support=(center - radius, center + radius),
        mean=center,
        second_moment=center**2 + radius**2 / 4,
        scaled_cdf=sp.Rational(1, 2) + _t * sp.sqrt(1 - _t**2) / sp.pi + sp.asin(_t) / sp.pi,
    )


def marchenko_pastur_edges(r: Any = ratio, mean: Any = mean_eigenvalue) -> tuple[Any, Any]:
    r"""The edges :math:`x_\pm=\bar x(1\pm\sqrt r)^2` of the bulk. ALP24 (arXiv:2407.16427), (79)-(80)."""
    return mean * (1 - sp.sqrt(r)) ** 2, mean * (1 + sp.sqrt(r)) ** 2


def marchenko_pastur_atom(r: Any = ratio) -> Any:
    r"""Fraction of the eigenvalues that are exactly zero, :math:`\max(0, 1-1/r)`: those beyond the M rows."""
    return sp.Max(0, 1 - 1 / sp.sympify(r, strict=True))


def marchenko_pastur() -> SymbolicLaw:
    r"""The nonzero eigenvalues of X = WᵀW, W of shape (M, N) with independent elements, r = N/M.

    .. math:: \rho(x) = \frac{\sqrt{(x_+-x)(x-x_-)}}{2\pi\,\min(r,1)\,\bar x\,x}, \qquad x_\pm=\bar x(1\pm\sqrt r)^2

    Parameters (ratio, mean_eigenvalue) with :math:`\bar x=M\sigma_w^2`. Normalised to 1 over the nonzero eigenvalues;
    for r > 1 the zero ones are the fraction :func:`marchenko_pastur_atom`. ALP24 (79), and (80) for
    :math:`\sigma_w^2=1/M`.
    """
    low, high = marchenko_pastur_edges()
    x, share = eigenvalue, sp.Min(ratio, 1)
    root = sp.sqrt((high - x) * (x - low))
    above, below = sp.Max(x - low, 0), sp.Max(high - x, 0)  # rounding may put x slightly beyond an edge
    arc = 2 * sp.atan2(sp.sqrt(above), sp.sqrt(below))
    inner = 2 * sp.atan2(sp.sqrt(high * above), sp.sqrt(low * below))
    swept = sp.sqrt(above * below) / mean_eigenvalue + (1 + ratio) * arc - sp.Abs(1 - ratio) * inner
    mean = mean_eigenvalue * sp.Max(1, ratio)
    return SymbolicLaw(
        name="Marchenko-Pastur law",
        variable=x,
        parameters=(ratio, mean_eigenvalue),
        density=root / (2 * sp.pi * share * mean_eigenvalue * x),
        scaled_log_density=(
            (sp.log(high - x) + sp.log(x - low)) / 2 - sp.log(x) - sp.log(2 * sp.pi) - sp.log(share * mean_eigenvalue)
        ),
        scaled=(),
        support=(low, high),
        mean=mean,
        second_moment=mean * mean_eigenvalue * (1 + ratio),
        scaled_cdf=swept / (2 * sp.pi * share),
    )
