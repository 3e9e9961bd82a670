"""A posterior in four numbers.

The shortest interval that holds 95% of some draws holds less than 95% of the posterior: the search for the shortest one
finds the place where the draws happen to cluster. Here a smooth quantile function finds the place, and the empirical
quantiles, whose coverage is exact, give the ends.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial import polynomial
from scipy import special

PROBABILITY = 0.95
_POSITIONS = 101


class Interval(NamedTuple):
    """Mean and 95% highest-density interval of a posterior, with its standard deviation."""

    mean: float
    """Posterior mean."""
    lower: float
    """Lower end of the interval."""
    upper: float
    """Upper end of the interval."""
    sd: float
    """Posterior standard deviation."""

    def __repr__(self) -> str:
        """``0.00832 [0.00796, 0.00868]``: the half-width is resolved to two digits."""
        ends = (self.mean, self.lower, self.upper)
        half, size = (self.upper - self.lower) / 2, max(abs(end) for end in ends)
        if not (math.isfinite(half) and math.isfinite(size) and half > 0):
            return f"{self.mean:.4g} [{self.lower:.4g}, {self.upper:.4g}]"
        digits = min(max(2 + math.floor(math.log10(size)) - math.floor(math.log10(half)), 2), 12)
        mean, lower, upper = (f"{end:#.{digits}g}".rstrip(".") for end in ends)
        return f"{mean} [{lower}, {upper}]"

    def contains(self, value: float) -> bool:
        """Whether ``value`` lies in the interval."""
        return self.lower <= value <= self.upper

    def as_dict(self) -> dict[str, float]:
        """The interval as ``{"mean", "lower", "upper"}``."""
        return {"mean": self.mean, "lower": self.lower, "upper": self.upper}


def ratio_text(value: float) -> str:
    """A ratio near one with three decimals, any other with four digits."""
    return f"{value:.3f}" if 1e-3 <= value < 1e4 else f"{value:.4g}"


def summarise(draws: np.ndarray, probability: float = PROBABILITY) -> Interval:
    """Mean, highest-density interval and standard deviation of draws of any shape."""
    flat = np.sort(np.asarray(draws, dtype=np.float64), axis=None)
    lower, upper = highest_density(flat, probability)
    return Interval(float(flat.mean()), lower, upper, float(flat.std(ddof=1)))


def highest_density(draws: np.ndarray, probability: float = PROBABILITY) -> tuple[float, float]:
    r"""The highest-density interval of a unimodal posterior from its draws.

    With the quantile function Q written as a polynomial in the normal quantile :math:`z = \Phi^{-1}(p)` (Cornish and
    Fisher), the interval starts at the p that minimises Q(p + probability) − Q(p). Its ends are the empirical quantiles
    there, at order-statistic positions p (n + 1), for which the expected content is ``probability`` exactly.

    Args:
        draws: finite draws of any shape; fewer than 2 / (1 − probability) of them give their whole range.
        probability: probability inside the interval, in (0, 1).
    """
    ordered = np.sort(np.asarray(draws, dtype=np.float64), axis=None)
    num = ordered.size
    if num * (1.0 - probability) < 2.0 or not ordered[-1] > ordered[0]:
        return float(ordered[0]), float(ordered[-1])
    start = _starting_quantile(ordered, probability)
    lower, upper = np.quantile(ordered, [start, start + probability], method="weibull")
    return float(lower), float(upper)


def _starting_quantile(ordered: np.ndarray, probability: float) -> float:
    num = ordered.size
    scaled = (ordered - ordered.mean()) / (ordered[-1] - ordered[0])
    coefficients = _smoother(num) @ scaled
    margin = 0.5 / num
    starts = np.linspace(margin, 1.0 - probability - margin, _POSITIONS)
    width = _smooth_quantile(starts + probability, coefficients) - _smooth_quantile(starts, coefficients)
    return float(starts[np.argmin(width)])


def _smooth_quantile(probability: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    return polynomial.polyval(special.ndtri(probability), coefficients)


@lru_cache(maxsize=8)
def _smoother(num: int) -> np.ndarray:
    """Least-squares map from ``num`` ordered draws to the coefficients of the smooth quantile function."""
    degree = 3 if num < 1000 else 5
    normal = special.ndtri((np.arange(num) + 0.5) / num)
    return np.linalg.pinv(polynomial.polyvander(normal, degree))
