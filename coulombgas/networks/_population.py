r"""Levels of noise whose rows or columns are unequal or correlated: the generalised Marchenko-Pastur law.

Of W = √v A^{1/2} Z with independent entries Z and a covariance A of the rows whose spectrum has the law H of mean 1,
the levels of WᵀW/(N v) have the Stieltjes transform m(z) = ∫dF(x)/(x − z) that solves

.. math:: z(m) = -\frac1m + c\int\frac{t\,dH(t)}{1 + t m}, \qquad c = M/N

(Marchenko and Pastur 1967; Silverstein, J. Multivariate Anal. 55 (1995) 331). A covariance B of the columns,
W = √v Z B^{1/2}, gives the same equation with c = N/M for the M levels of WWᵀ/(M v), of which N do not vanish. Where
z′(m) > 0 on the real axis, z lies outside of the spectrum (Silverstein and Choi 1995): the outermost extrema are its
edges.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import ndtri

_NODES = 97  # of H: the law is then within 1e-3 of that of 400
_ANGLES = 144
_HEIGHTS = np.geomspace(1.0, 1e-7, 14)  # imaginary parts on the way to the real axis, in units of the upper edge


class Population(NamedTuple):
    """Law H of a covariance, as nodes and weights of mean 1."""

    nodes: np.ndarray
    weights: np.ndarray


class Family(NamedTuple):
    """Covariances that one parameter tells apart."""

    name: str
    population: Callable[[float, int], Population]
    """H for a value of the parameter and the number of rows or columns."""
    most: float
    """Largest value that is looked at."""
    draw: Callable[[np.random.Generator, float, tuple[int, int]], np.ndarray]
    """A matrix whose rows have that covariance."""
    sampled: bool
    """Whether H itself is known only up to the sampling of the rows."""


class GeneralisedLaw(NamedTuple):
    """Law of the N levels of WᵀW with v = 1, between its edges."""

    lower: float
    upper: float
    ends: np.ndarray
    """Of the intervals, from edge to edge."""
    middle: np.ndarray
    """Of the intervals."""
    mass: np.ndarray
    """In each of them."""

    def cdf(self, levels: np.ndarray) -> np.ndarray:
        """Fraction of levels below each value."""
        return np.interp(levels, self.ends, np.concatenate([[0.0], np.cumsum(self.mass)]))

    def log_gap(self) -> float:
        """log⟨x⟩ − ⟨log x⟩."""
        return float(np.log(self.mass @ self.middle) - self.mass @ np.log(self.middle))


def generalised_law(population: Population, rows: int, columns: int, *, of_rows: bool) -> GeneralisedLaw:
    """Law of the levels of an M×N matrix, M ≥ N, with this covariance of the rows or of the columns.

    Raises:
        ArithmeticError: where the density that solves the equation has a mass that is not 1 within 1%.
    """
    ratio, unit = (rows / columns, columns) if of_rows else (columns / rows, rows)
    lower, upper = _edges(population, ratio)
    centre, half = (lower + upper) / 2, (upper - lower) / 2
    angle = (np.arange(_ANGLES) + 0.5) * np.pi / _ANGLES
    middle = centre - half * np.cos(angle)
    density = np.imag(_solve(population, ratio, middle)) / np.pi / min(ratio, 1.0)
    mass = density * half * np.sin(angle) * np.pi / _ANGLES
    total = float(mass.sum())
    if not abs(total - 1) < 0.01:
        raise ArithmeticError(f"the density has mass {total:.3g}, not 1")
    ends = centre - half * np.cos(np.arange(_ANGLES + 1) * np.pi / _ANGLES)
    return GeneralisedLaw(lower * unit, upper * unit, ends * unit, middle * unit, mass / total)


def _inverse(population: Population, ratio: float, m: np.ndarray) -> tuple[Any, Any]:
    """z(m) + 1/m and z′(m), shape of m."""
    share = population.nodes / (1 + np.multiply.outer(m, population.nodes))
    return ratio * (share @ population.weights), 1 / m**2 - ratio * (share**2 @ population.weights)


def _edges(population: Population, ratio: float) -> tuple[float, float]:
    """Outermost extrema of z(m) on the real axis."""
    smallest, largest = float(population.nodes.min()), float(population.nodes.max())

    def place(m: float) -> float:
        return float(_inverse(population, ratio, np.array(m))[0]) - 1 / m

    upper: Any = minimize_scalar(lambda u: place(-u / largest), bounds=(1e-6, 1 - 1e-9), method="bounded")
    if abs(ratio - 1) < 1e-9:
        return 0.0, float(upper.fun)

    # the lower edge is at a positive m for a covariance of the rows, to the left of all poles for one of the columns
    def below(log: float) -> float:
        return -place(np.exp(log) if ratio > 1 else -(1 + np.exp(log)) / smallest)

    lower: Any = minimize_scalar(below, bounds=(-12.0, 12.0), method="bounded")
    return -float(lower.fun), float(upper.fun)


def _solve(population: Population, ratio: float, x: np.ndarray) -> np.ndarray:
    """m at x on the real axis, followed from the upper half-plane by Newton's method."""
    scale = float(x.max())
    m = -1 / (x + 1j * scale * _HEIGHTS[0])
    for height in _HEIGHTS:
        z = x + 1j * scale * height
        for _ in range(4):
            value, slope = _inverse(population, ratio, m)
            moved = m - (value - 1 / m - z) / slope
            # a step that leaves the half-plane is replaced by one of the fixed point m = −1/(z − c∫…), which never does
            m = np.where((moved.imag > 0) & np.isfinite(moved), moved, -1 / (z - value))
    return m


def _scales(shape: float, number: int) -> Population:
    """t = e^{2(sξ − s²)}, ξ normal and no further out than the most extreme of so many."""
    far = float(ndtri(1 - 0.5 / number))
    xi = np.linspace(-far, far, _NODES)
    return _normalised(np.exp(2 * shape * xi), np.exp(-(xi**2) / 2))


def _neighbours(shape: float, number: int) -> Population:
    """t(ω) = (1 − ρ²)/(1 − 2ρ cos ω + ρ²)."""
    nodes = min(number, _NODES)
    omega = (np.arange(nodes) + 0.5) / nodes * np.pi
    return _normalised((1 - shape**2) / (1 - 2 * shape * np.cos(omega) + shape**2), np.ones(nodes))


def _normalised(nodes: np.ndarray, weights: np.ndarray) -> Population:
    weights = weights / weights.sum()
    return Population(nodes / (weights @ nodes), weights)


def _draw_scales(rng: np.random.Generator, shape: float, sides: tuple[int, int]) -> np.ndarray:
    return rng.standard_normal(sides) * np.exp(shape * rng.standard_normal((sides[0], 1)) - shape**2)


def _draw_neighbours(rng: np.random.Generator, shape: float, sides: tuple[int, int]) -> np.ndarray:
    from scipy.signal import lfilter  # loads longer than the rest of this package

    entries = rng.standard_normal(sides)
    entries[1:] *= np.sqrt(1 - shape**2)
    return np.asarray(lfilter([1.0], [1.0, -shape], entries, axis=0))


LOG_NORMAL = Family("log-normal scales", _scales, 1.2, _draw_scales, sampled=True)
AUTOREGRESSIVE = Family("autoregression", _neighbours, 0.9, _draw_neighbours, sampled=False)
