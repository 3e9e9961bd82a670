"""Edge of a noise matrix whose entries are not Gaussian.

That of Gaussian entries is :func:`coulombgas.laws.wishart_edge`. With an excess kurtosis κ₄ of the entries the edge
lies higher by the fraction κ₄/√(MN) (Hwang, Lee, Schnelli, arXiv:1806.06428).
"""

from typing import Any, NamedTuple

import numpy as np

from coulombgas._types import Numeric
from coulombgas.laws import edge_moments, wishart_edge
from coulombgas.spectra import Entries

_HEAVIER = 1.2  # 1% of matrices of sparse entries lie 2.8 to 3.1 standard deviations above the mean, not 2.54


class NoiseEdge(NamedTuple):
    """Edge of noise whose entries are not Gaussian, relative to that of Gaussian noise."""

    stretch: float = 1.0
    """Of the place."""
    widening: float = 1.0
    """Of the scale."""
    rows: int | None = None
    """Number of rows for which both were simulated; None where they hold for any."""

    def scale(self, variance: Numeric, rows: Numeric, columns: Numeric) -> tuple[Any, Any]:
        """Centre and scale of the largest level, as :func:`coulombgas.laws.wishart_edge`."""
        centre, scale = wishart_edge(variance, rows, columns)
        return centre * self.stretch, scale * self.widening


def bulk_kurtosis(rows: int, columns: int, kurtosis: float, entries: Entries | None) -> float:
    """Excess kurtosis of the entries of the bulk; 0 within its error, and where κ₄/√(MN) is not small."""
    found, size = kurtosis if entries is None else entries.kurtosis, rows * columns
    if found >= np.sqrt(size):
        return 0.0
    # the sample kurtosis has a standard error of √(24/n): what lies within it counts as zero
    # −2, two values of equal probability, is the least there is; 2 + κ₄ divides
    return max(found * found**2 / (found**2 + 24 / size), -2 + 1e-3)


def noise_edge(rows: int, columns: int, kurtosis: float, entries: Entries | None) -> NoiseEdge:
    """Edge of a matrix of these entries."""
    if entries is not None and entries.shuffled is not None:
        centre, scale = wishart_edge(1.0, float(rows), float(columns))
        mean, sd = edge_moments()
        own = _HEAVIER * entries.shuffled.edge_sd / sd
        place = entries.shuffled.edge_mean - mean * own
        return NoiseEdge(float(place / centre), float(own / scale), rows)
    return NoiseEdge(1 + bulk_kurtosis(rows, columns, kurtosis, entries) / float(np.sqrt(rows * columns)))
