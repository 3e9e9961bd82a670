r"""The Marchenko-Pastur law in plain NumPy, for real-valued row counts: for the inner loops of unfolding and bulk fits.

X = WᵀW with W of shape M×N, M ≥ N, independent entries of variance v. With r = N/M and x = M v (1 + r + 2√r cos φ) the
law (ALP24, arXiv:2407.16427, (79)) is elementary in φ; φ = 0 is the upper edge, φ = π the lower one.

:class:`MarchenkoPastur` is the same law as a NumPyro distribution, computed from the expression of
:mod:`coulombgas.symbolic`. These functions are a second copy because readers of spectra need neither JAX nor a
compilation per shape; a test holds the two to each other.
"""

from typing import Any

import numpy as np

from coulombgas._types import Numeric


def mp_edges(variance: Numeric, rows: Numeric, columns: Numeric) -> tuple[float, float]:
    """Edges v (√M ∓ √N)² of the spectrum of WᵀW, units of the eigenvalue (ALP24 (79))."""
    low, high = sorted((float(rows), float(columns)))
    lower, upper = (float(variance) * (np.sqrt(high) + sign * np.sqrt(low)) ** 2 for sign in (-1, 1))
    return float(lower), float(upper)


def mp_density(levels: Numeric, variance: Numeric, rows: Numeric, columns: Numeric) -> Any:
    """Density sqrt((x₊ − x)(x − x₋)) / (2π v N x), mass 1 over the min(M, N) nonzero levels; zero outside the edges."""
    lower, upper = mp_edges(variance, rows, columns)
    x = np.asarray(levels, dtype=np.float64)
    inside = (x > lower) & (x < upper)
    safe = np.where(inside, x, upper)
    root = np.sqrt(np.maximum((upper - safe) * (safe - lower), 0.0))
    return np.where(inside, root / (2 * np.pi * variance * min(rows, columns) * safe), 0.0)


def mp_cdf(levels: Numeric, variance: Numeric, rows: Numeric, columns: Numeric) -> Any:
    r"""Fraction of levels below each value.

    .. math:: 1 - F = \frac{2}{\pi}\Big[\frac{(1+r)\varphi}{4r} - \frac{\sin\varphi}{2\sqrt r}
              - \frac{1-r}{2r}\arctan\Big(\frac{1-\sqrt r}{1+\sqrt r}\tan\frac{\varphi}{2}\Big)\Big]
    """
    return 1.0 - _upper_mass(mp_angle(levels, variance, rows, columns), min(rows, columns) / max(rows, columns))


def mp_quantile(probability: Numeric, variance: Numeric, rows: Numeric, columns: Numeric) -> Any:
    """Level below which a fraction of the spectrum lies: inverse of :func:`mp_cdf` on a grid of 4096 angles."""
    ratio = min(rows, columns) / max(rows, columns)
    angles = np.linspace(np.pi, 0.0, 4096)
    angle = np.interp(np.asarray(probability, dtype=np.float64), 1.0 - _upper_mass(angles, ratio), angles)
    return np.asarray(max(rows, columns) * variance * (1 + ratio + 2 * np.sqrt(ratio) * np.cos(angle)))


def mp_angle(levels: Numeric, variance: Numeric, rows: Numeric, columns: Numeric) -> Any:
    """φ in [0, π], 0 at the upper edge and beyond."""
    ratio = min(rows, columns) / max(rows, columns)
    scaled = np.asarray(levels, dtype=np.float64) / (variance * max(rows, columns))
    return np.arccos(np.clip((scaled - 1 - ratio) / (2 * np.sqrt(ratio)), -1.0, 1.0))


def _upper_mass(angle: Numeric, ratio: Numeric) -> Any:
    root = np.sqrt(ratio)
    # arctan(c tan(φ/2)) written so that φ = π needs no infinite tangent
    inner = np.arctan2((1 - root) * np.sin(angle / 2), (1 + root) * np.cos(angle / 2))
    mass = (1 + ratio) * angle / (4 * ratio) - np.sin(angle) / (2 * root) - (1 - ratio) / (2 * ratio) * inner
    return 2 / np.pi * mass


def mp_nodes(samples_per_dimension: float, num: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Nodes λ and weights w with :math:`\sum w f(\lambda) = \int \rho(\lambda)\,\lambda f(\lambda)\,d\lambda`.

    ρ is the law of the eigenvalues of XᵀX/P (mean 1, edges :math:`(1 \pm \alpha^{-1/2})^2`). Gauss-Chebyshev nodes of
    the second kind: exact for polynomials f of degree below 2 num - 1, for every α including 1.
    """
    angle = np.pi * np.arange(1, num + 1) / (num + 1)
    ratio = samples_per_dimension
    eigenvalue = 1 + 1 / ratio + 2 / np.sqrt(ratio) * np.cos(angle)
    return eigenvalue, 2 / (num + 1) * np.sin(angle) ** 2
