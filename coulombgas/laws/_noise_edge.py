r"""Largest level of a Wishart matrix in plain NumPy: Tracy-Widom (β = 1) around the Marchenko-Pastur edge.

Densities and probabilities evaluate the series that :class:`coulombgas.laws.TracyWidom` evaluates, without JAX.
"""

import functools
from typing import Any

import numpy as np
from scipy.optimize import brentq

from coulombgas._types import Numeric

from ._tracy_widom_series import evaluate, series_of


def wishart_edge(variance: Any, rows: Any, columns: Any) -> tuple[Any, Any]:
    r"""Centre μ and scale τ of the largest eigenvalue of WᵀW, units of the eigenvalue; arguments broadcast.

    .. math::
        \mu &= v(\sqrt{M - 1/2} + \sqrt{N - 1/2})^2,\\
        \tau &= v(\sqrt{M - 1/2} + \sqrt{N - 1/2})\,
        \Big(\tfrac{1}{\sqrt{M - 1/2}} + \tfrac{1}{\sqrt{N - 1/2}}\Big)^{1/3}

    for M×N entries of variance v, with M and N any real numbers above 1/2.

    I. M. Johnstone, Ann. Stat. 29 (2001) 295, with the shifts of Z. Ma, Bernoulli 18 (2012) 322 (arXiv:0810.1329).
    """
    a, b = np.sqrt(rows - 0.5), np.sqrt(columns - 0.5)
    return variance * (a + b) ** 2, variance * (a + b) * (1 / a + 1 / b) ** (1 / 3)


@functools.cache
def edge_moments() -> tuple[float, float]:
    """Mean −1.20653… and standard deviation 1.26798… of (largest level − μ)/τ."""
    series = series_of(1, "density")
    return series.mean, float(np.sqrt(series.variance))


def edge_log_density(s: Numeric) -> Any:
    """log of the density of (largest level − μ)/τ at s."""
    return evaluate(1, "density", _bounded(s), np)


def edge_log_survival(s: Numeric) -> Any:
    """log P(largest level beyond μ + τ s), with all its digits where P is tiny."""
    return -np.logaddexp(0.0, evaluate(1, "logit", _bounded(s), np))


def _bounded(s: Numeric) -> Any:
    """s as float64, so near zero that the left tail's exponent |s|³/24 does not overflow."""
    return np.clip(np.asarray(s, dtype=np.float64), -1e100, 1e100)


@functools.lru_cache(maxsize=64)
def edge_quantile(probability: float) -> float:
    """s beyond which the largest level lies with this probability, from 1e-300 to 1 − 1e-15."""
    # P = 1e-300 is reached at s = 102, 1 − P = 1e-15 at s = −9
    found: Any = brentq(lambda s: edge_log_survival(s) - np.log(probability), -10.0, 110.0, xtol=1e-12)
    return float(found)
