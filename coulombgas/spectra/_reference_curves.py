r"""Number variance and rigidity predicted by random-matrix theory, exact for an infinite stationary spectrum.

Dyson index β = 1 (GOE), 2 (GUE), 4 (GSE) and β = 0 for independent (Poisson) levels; L in units of the mean spacing.
Mehta, Random Matrices (3rd edition), chapter 16; Guhr, Müller-Groeling, Weidenmüller, Phys. Rep. 299 (1998) 189.
"""

from typing import Any

import numpy as np
from scipy.special import sici

from coulombgas._checks import InputError, check_finite_array
from coulombgas._types import Numeric

RATIO_MEANS = {0: 2 * np.log(2) - 1, 1: 0.5307, 2: 0.5996, 4: 0.6744}
"""Mean spacing ratio <r> of large matrices: exact for β = 0, else numerical (Atas et al., arXiv:1212.5611)."""


def number_variance_curve(length: Numeric, beta: int = 1) -> Any:
    r"""Variance Σ²(L) of the number of levels in an interval of L mean spacings.

    .. math:: \Sigma^2_2 = \frac{1}{\pi^2}[\ln 2\pi L + \gamma + 1 - \cos 2\pi L - \mathrm{Ci}(2\pi L)]
              + L\,[1 - \tfrac{2}{\pi}\mathrm{Si}(2\pi L)]
    .. math:: \Sigma^2_1 = 2\Sigma^2_2 + \frac{\mathrm{Si}(\pi L)^2}{\pi^2} - \frac{\mathrm{Si}(\pi L)}{\pi}, \qquad
              \Sigma^2_4(L) = \tfrac12\Sigma^2_2(2L) + \frac{\mathrm{Si}(2\pi L)^2}{4\pi^2}, \qquad \Sigma^2_0 = L

    Args:
        length: L ≥ 0, any shape.
        beta: 0, 1, 2 or 4.

    Raises:
        InputError: for another β or a negative length.
    """
    lengths = _lengths(length, beta)
    if beta == 0:
        return lengths
    if beta == 2:
        return _unitary(lengths)
    if beta == 1:
        sine = sici(np.pi * lengths)[0]
        return 2 * _unitary(lengths) + (sine / np.pi) ** 2 - sine / np.pi
    return _unitary(2 * lengths) / 2 + (sici(2 * np.pi * lengths)[0] / (2 * np.pi)) ** 2


def rigidity_curve(length: Numeric, beta: int = 1) -> Any:
    r"""Rigidity Δ₃(L): mean squared distance of the staircase from its best straight line over L mean spacings.

    .. math:: \Delta_3(L) = \frac{2}{L^4}\int_0^L (L^3 - 2L^2 r + r^3)\,\Sigma^2(r)\,dr, \qquad \Delta_{3,0} = L/15

    Args:
        length: L ≥ 0, any shape.
        beta: 0, 1, 2 or 4.

    Raises:
        InputError: for another β or a negative length.
    """
    lengths = _lengths(length, beta)
    if beta == 0:
        return lengths / 15
    nodes, weights = np.polynomial.legendre.leggauss(128)
    # the substitution r = L u³ resolves the rise near r = 0
    u, w = ((nodes + 1) / 2) ** 3, 1.5 * ((nodes + 1) / 2) ** 2 * weights
    variance = number_variance_curve(lengths[..., None] * u, beta)
    return 2 * np.sum(w * (1 - 2 * u + u**3) * variance, axis=-1)


def _unitary(length: Numeric) -> Any:
    argument = 2 * np.pi * np.maximum(length, 1e-300)
    sine, cosine = sici(argument)
    exact = (np.log(argument) + np.euler_gamma + 1 - np.cos(argument) - cosine) / np.pi**2
    exact = exact + length * (1 - 2 / np.pi * sine)
    return np.where(length < 1e-4, length - length**2, exact)  # the logarithms cancel at small L


def _lengths(length: Numeric, beta: int) -> np.ndarray:
    if beta not in (0, 1, 2, 4):
        raise InputError(f"`beta` must be 0 (Poisson), 1 (GOE), 2 (GUE) or 4 (GSE), got {beta!r}.")
    lengths = check_finite_array("length", length)
    if (lengths < 0).any():
        raise InputError(f"`length` must not be negative, got {lengths.min():g}.")
    return lengths
