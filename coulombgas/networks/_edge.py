r"""Largest noise level of a Wishart matrix: Tracy-Widom (β = 1) around the Marchenko-Pastur edge.

Centre and scale are those of Johnstone, Ann. Stat. 29 (2001) 295, with Ma's half-integer shifts (arXiv:0810.1329),

.. math:: \mu = v(\sqrt{m - 1/2} + \sqrt{n - 1/2})^2, \qquad
   \tau = v(\sqrt{m - 1/2} + \sqrt{n - 1/2})\,\Big(\tfrac{1}{\sqrt{m - 1/2}} + \tfrac{1}{\sqrt{n - 1/2}}\Big)^{1/3}.

With an excess kurtosis κ₄ of the entries the edge lies higher by the fraction κ₄/√(MN) (Hwang, Lee, Schnelli,
arXiv:1806.06428).
"""

import functools
from typing import Any, NamedTuple

import numpy as np

from coulombgas._precision import x64
from coulombgas.spectra import Entries, Numeric

_HEAVIER = 1.2  # 1% of matrices of sparse entries lie 2.8 to 3.1 standard deviations above the mean, not 2.54
TRACY_WIDOM_MEAN, TRACY_WIDOM_SD = -1.2065, 1.2680


class _Table(NamedTuple):
    grid: np.ndarray
    log_density: np.ndarray
    log_survival: np.ndarray


class NoiseEdge(NamedTuple):
    """Edge of noise whose entries are not Gaussian, relative to that of Gaussian noise."""

    stretch: float = 1.0
    """Of the place."""
    widening: float = 1.0
    """Of the scale."""
    rows: int | None = None
    """Number of rows for which both were simulated; None where they hold for any."""

    def scale(self, variance: Numeric, rows: Numeric, columns: Numeric) -> tuple[Any, Any]:
        """Centre and scale of the largest level, as :func:`edge_scale`."""
        centre, scale = edge_scale(variance, rows, columns)
        return centre * self.stretch, scale * self.widening


def bulk_kurtosis(rows: int, columns: int, kurtosis: float, entries: Entries | None) -> float:
    """Excess kurtosis of the entries of the bulk; 0 within its error, and where κ₄/√(MN) is not small."""
    found, size = kurtosis if entries is None else entries.kurtosis, rows * columns
    if found >= np.sqrt(size):
        return 0.0
    # the sample kurtosis has a standard error of √(24/n): what lies within it counts as zero
    return max(found * found**2 / (found**2 + 24 / size), -2 + 1e-3)


def noise_edge(rows: int, columns: int, kurtosis: float, entries: Entries | None) -> NoiseEdge:
    """Edge of a matrix of these entries."""
    if entries is not None and entries.shuffled is not None:
        centre, scale = edge_scale(1.0, float(rows), float(columns))
        own = _HEAVIER * entries.shuffled.edge_sd / TRACY_WIDOM_SD
        place = entries.shuffled.edge_mean - TRACY_WIDOM_MEAN * own
        return NoiseEdge(float(place / centre), float(own / scale), rows)
    return NoiseEdge(1 + bulk_kurtosis(rows, columns, kurtosis, entries) / float(np.sqrt(rows * columns)))


def edge_scale(variance: Numeric, rows: Numeric, columns: Numeric) -> tuple[Any, Any]:
    """Centre μ and scale τ of the largest level, for real-valued row counts; arguments broadcast."""
    long = np.sqrt(np.maximum(rows, columns) - 0.5)
    short = np.sqrt(np.minimum(rows, columns) - 0.5)
    return variance * (long + short) ** 2, variance * (long + short) * (1 / long + 1 / short) ** (1 / 3)


def edge_log_density(s: Numeric) -> np.ndarray:
    """log of the Tracy-Widom density at s; beyond the table the asymptotic right tail."""
    table = _table()
    inner = np.interp(s, table.grid, table.log_density)
    return np.where(s > table.grid[-1], inner + _log_tail(s, 0.25) - _log_tail(table.grid[-1], 0.25), inner)


def edge_log_survival(s: Numeric) -> np.ndarray:
    """log P(largest level beyond s)."""
    table = _table()
    inner = np.interp(s, table.grid, table.log_survival)
    return np.where(s > table.grid[-1], inner + _log_tail(s, 0.75) - _log_tail(table.grid[-1], 0.75), inner)


def edge_quantile(probability: float) -> float:
    """s beyond which the largest level lies with this probability."""
    table = _table()
    return float(np.interp(-np.log(probability), -table.log_survival, table.grid))


def _log_tail(s: Numeric, power: float) -> Any:
    """Logarithm of s^{−power} exp(−2s^{3/2}/3), the shape of the right tail."""
    positive = np.maximum(s, 1.0)
    return -2 / 3 * positive**1.5 - power * np.log(positive)


@functools.lru_cache(maxsize=1)
def _table() -> _Table:
    import jax

    from coulombgas.laws import TracyWidom

    grid = np.linspace(-8.0, 12.0, 2001)
    with x64():
        law = TracyWidom(beta=1)
        log_density = np.asarray(jax.jit(law.log_prob)(grid), dtype=np.float64)
    # the survival function by integration from the right: 1 − cdf has no digits left there
    density = np.exp(log_density)
    step = grid[1] - grid[0]
    beyond = density[-1] / np.sqrt(grid[-1])
    pieces = (density[1:] + density[:-1]) / 2 * step - np.diff(np.gradient(density, grid)) * step**2 / 12
    survival = beyond + np.concatenate([np.cumsum(pieces[::-1])[::-1], [0.0]])
    return _Table(grid, log_density, np.log(np.minimum(survival, 1.0)))
