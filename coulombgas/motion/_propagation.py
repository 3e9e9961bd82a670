r"""The effect of drift, noise and repulsion between two records.

One level: n updates of :math:`x' = x + K(x) + \sqrt2 g(x)\eta` from x give a mean and a variance by the recursion

.. math:: m' = \langle x + K(x)\rangle, \qquad v' = \mathrm{Var}(x + K(x)) + 2\langle g^2(x)\rangle,
    \qquad x \sim \mathrm{Normal}(m, v)

with three Gauss-Hermite points for the averages: exact for one update and for linear drift with constant noise. An
average over the spread of x cannot grow where a Taylor series in v would, as for a wiggle of K shorter than √v. Its
derivatives by the parameters run along. Two levels: a symmetric matrix that starts at diag(m_1, m_2) and collects noise
of variance v on the diagonal has a Rice-distributed spacing, so its levels move apart by half of ⟨S⟩ − |m_1 − m_2|:
v/(2S) where S is large, finite at a collision.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

from ._spline import Basis

_MAX_STEPS = 256
_FAR = 14.0
_POINTS = np.array([-1.0, 0.0, 1.0])  # times sqrt(3 v): Gauss-Hermite points of a normal law, exact to fifth order
_WEIGHTS = np.array([1.0, 4.0, 1.0]) / 6


@dataclass(frozen=True)
class Flow:
    """The recursion over a grid of starting points.

    Attributes:
        mean: m, (grid,).
        variance: v, (grid,).
        mean_slope: ∂m by the coefficients of K (per update), (grid, coefficient).
        log_variance_slope: ∂ log v by the coefficients of log g², (grid, coefficient).
    """

    mean: np.ndarray
    variance: np.ndarray
    mean_slope: np.ndarray
    log_variance_slope: np.ndarray


def flow(
    grid: np.ndarray,
    basis: Basis,
    drift: np.ndarray,
    log_noise: np.ndarray,
    updates: int,
    noise_basis: Basis | None = None,
) -> Flow:
    """Mean and variance after ``updates`` updates from every point; log g² has the basis of the drift unless given."""
    count = min(updates, _MAX_STEPS)
    step = updates / count
    table, heats = _Table(basis, drift), _Table(basis if noise_basis is None else noise_basis, log_noise)
    mean, variance = grid.astype(np.float64), np.zeros(len(grid))
    mean_slope, variance_slope = np.zeros((2, len(grid), basis.size))
    for _ in range(count):
        point = mean[:, None] + np.sqrt(3 * variance)[:, None] * _POINTS
        design, slope = table.at(point), table.slope()
        noise_design = heats.at(point)
        # the logarithm of the noise of a bad guess may be anything; e^±300 still has a square
        noise = np.exp(np.clip(noise_design @ log_noise, -300.0, 300.0))
        after = point + step * (design @ drift)
        factor = 1 + step * slope @ _WEIGHTS
        mean_slope = factor[:, None] * mean_slope + step * np.einsum("gpc,p->gc", design, _WEIGHTS)
        heat = 2 * step * noise * _WEIGHTS
        variance_slope = (factor**2)[:, None] * variance_slope + np.einsum("gpc,gp->gc", noise_design, heat)
        mean = after @ _WEIGHTS
        variance = (after - mean[:, None]) ** 2 @ _WEIGHTS + heat.sum(axis=1)
    return Flow(mean, variance, mean_slope, variance_slope / variance[:, None])


class _Table:
    """Splines and the slope of their sum on a grid, interpolated linearly; beyond the data as at their end."""

    def __init__(self, basis: Basis, coefficients: np.ndarray):
        self._fine, self._coordinate = basis.fine, basis.coordinate
        self._slope = self._fine.slopes @ coefficients

    def at(self, x: np.ndarray) -> np.ndarray:
        """Design (…, coefficient) at x, which ``slope`` remembers."""
        knots, each = self._fine.knots, self._fine.each
        place = np.interp(self._coordinate(x), knots, each * np.arange(len(knots)))
        cell = np.minimum(place.astype(np.int64), each * (len(knots) - 1) - 1)
        self._last = x, cell, place - cell
        return self._fine.design[cell] + self._last[2][..., None] * self._fine.change[cell]

    def slope(self) -> np.ndarray:
        """Slope by the coordinate where ``at`` was last."""
        x, cell, f = self._last
        inside = (x > self._fine.knots[0]) & (x < self._fine.knots[-1])
        return np.where(inside, (1 - f) * self._slope[cell] + f * self._slope[cell + 1], 0.0)


@dataclass(frozen=True)
class Repulsion:
    """What the other levels do to each increment: mean displacement, and the share of the noise that is left."""

    shift: np.ndarray
    variance_share: np.ndarray
    crowded: np.ndarray
    """Two neighbours at once within the reach of the noise: pairs do not add up."""


def repulsion(place: np.ndarray, variance: np.ndarray, mode: int, beta: float, mean: str = "geometric") -> Repulsion:
    """Repulsion of one level by all others.

    Args:
        place: where each level would be without it, (increment, level).
        variance: what noise each collects, (increment, level).
        mode: which level.
        beta: Dyson index; 0 for levels that ignore each other but are sorted.
        mean: which mean of both levels' variances the element between them has: "geometric" for noise that multiplies
            the weights (δX_ij ∝ √(x_i x_j), as of the RBM), "arithmetic" for noise that adds to them
            (δX_ij ∝ √(x_i + x_j), as of WᵀW).
    """
    gap = np.delete(place[:, [mode]] - place, mode, axis=1)
    own, other = variance[:, [mode]], np.delete(variance, mode, axis=1)
    width = np.sqrt((own + other) / 2 if mean == "arithmetic" else np.sqrt(own * other))
    distance = np.abs(gap) / width
    side = np.where(np.delete(np.arange(place.shape[1]) < mode, mode), 1.0, -1.0)
    # a level keeps its rank: its neighbour is on the side of the label even where the drift alone would cross
    shift = side * width * pair_excess(distance, beta) / 2 + np.where(side * gap < 0, -gap, 0.0)
    share = 1 - (0.5 - pair_spread(distance, beta) / 4).sum(axis=1)
    crowded = np.sort(distance, axis=1)[:, 1] < 4.0 if distance.shape[1] > 1 else np.zeros(len(place), dtype=bool)
    return Repulsion(shift.sum(axis=1), np.maximum(share, 0.2), crowded)


def pair_excess(distance: np.ndarray, beta: float) -> np.ndarray:
    """(⟨S⟩ − d)/s from a distance d = ``distance`` s."""
    nodes, mean, _ = _table(float(beta))
    far = np.maximum(distance, _FAR)
    series = beta / far + beta * (1 - beta / 2) / far**3
    return np.where(distance > _FAR, series, np.interp(distance, nodes, mean - nodes))


def pair_spread(distance: np.ndarray, beta: float) -> np.ndarray:
    """Var S/s²."""
    nodes, _, variance = _table(float(beta))
    far = np.maximum(distance, _FAR)
    return np.where(distance > _FAR, 2 - 2 * beta / far**2, np.interp(distance, nodes, variance))


@lru_cache(maxsize=8)
def _table(beta: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Mean and variance of the length of a vector (d, 0, …) plus β + 1 normals of variance 2, over a grid of d."""
    nodes = np.linspace(0, _FAR + 0.5, 2401)
    half = (beta + 1) / 2
    scale = 2 * np.exp(special.gammaln(half + 0.5) - special.gammaln(half))
    mean = scale * special.hyp1f1(-0.5, half, -(nodes**2) / 4)
    return nodes, mean, nodes**2 + 2 * (beta + 1) - mean**2
