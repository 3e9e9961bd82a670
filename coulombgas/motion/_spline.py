r"""A smooth function with unknown smoothness: cubic splines under a random-curvature prior, errors over clusters.

The prior is :math:`p(\theta\mid\tau) \propto \exp(-\tfrac\tau2 \int f''^2)`, flat in straight lines and in log τ (the
Bayesian smoothing spline of Wahba); its bands know what smoothing costs. f'' is by x, or by a coordinate u in which the
data are spread more evenly. The observations enter through their information and score; where clusters (replicas)
scatter more than these say, as with noise that remembers, the bands widen by as much.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.interpolate import BSpline

DEGREE = 3
_STRENGTHS = np.logspace(-10, 6, 49)
_NEGLIGIBLE = 1e-8
_FEW = 0.01
_LEAST_GAP = 3e-3  # of the range
_FINE = 2000  # linear interpolation of splines with 24 knots errs by 1e-5 of their size


class Fine(NamedTuple):
    """Every spline on a fine grid with as many points between any two knots, however near these are."""

    knots: np.ndarray
    each: int
    """Cells of the grid between two knots."""
    design: np.ndarray
    """Value of every spline, (point, spline)."""
    change: np.ndarray
    """To the next point, (cell, spline)."""
    slopes: np.ndarray
    """Derivative of every spline, (point, spline)."""


@dataclass(frozen=True)
class Basis:
    """Cubic splines on clamped knots.

    Attributes:
        knots: in x, or in log x.
        decades: whether they are in log x.
    """

    knots: np.ndarray
    decades: bool = False

    @property
    def size(self) -> int:
        """Number of splines."""
        return len(self.knots) - DEGREE - 1

    def coordinate(self, x: np.ndarray) -> np.ndarray:
        """x or log x, at the ends beyond them."""
        return np.clip(_logarithm(x) if self.decades else x, self.knots[0], self.knots[-1])

    def design(self, x: np.ndarray, derivative: int = 0) -> np.ndarray:
        """Value, or derivative by the coordinate, of every spline, (point, spline); beyond the ends as at the ends."""
        return self.splines(self.coordinate(x), derivative)

    def splines(self, inside: np.ndarray, derivative: int = 0) -> np.ndarray:
        """The same at coordinates between the ends."""
        if derivative == 0:
            return BSpline.design_matrix(inside, self.knots, DEGREE).toarray()
        return BSpline(self.knots, np.eye(self.size), DEGREE)(inside, nu=derivative)

    @cached_property
    def fine(self) -> Fine:
        """The splines on a grid for interpolation, made once for every function on this basis."""
        knots = np.unique(self.knots)
        each = -(-_FINE // (len(knots) - 1))
        number = np.arange((len(knots) - 1) * each + 1) / each
        places = np.interp(number, np.arange(len(knots)), knots)
        design = self.splines(places)
        return Fine(knots, each, design, np.diff(design, axis=0), self.splines(places, 1))

    def roughness(self) -> np.ndarray:
        r""":math:`\int f''^2 dx` as a quadratic form, x in units of its range; exact since f'' is piecewise linear."""
        edges = np.unique(self.knots)
        nodes, weights = np.polynomial.legendre.leggauss(2)
        half = np.diff(edges) / 2
        points = (edges[:-1] + half)[:, None] + half[:, None] * nodes
        curvature = self.design(points.ravel(), 2)
        form = curvature.T @ (curvature * (half[:, None] * weights).ravel()[:, None])
        return form * (edges[-1] - edges[0]) ** 3

    def spread_roughness(self) -> np.ndarray:
        """The same with u in the place of x, u being the coordinate in which the knots are even."""
        second = np.diff(np.eye(self.size), 2, axis=0)
        return second.T @ second * float(self.size) ** 3


def spread(values: np.ndarray, count: int) -> np.ndarray:
    """``count`` + 1 points from the lowest value to the highest: equal parts of half the data, half a uniform law."""
    ordered = np.unique(values)  # a common start counts once
    even = (ordered - ordered[0]) / (ordered[-1] - ordered[0])
    return np.interp(np.linspace(0, 1, count + 1), (np.linspace(0, 1, ordered.size) + even) / 2, ordered)


def spans_decades(values: np.ndarray) -> bool:
    """Whether positive values are spread over decades: one in a hundred is below a hundredth of the largest."""
    return bool(values.min() > 0 and np.quantile(values, _FEW) < _FEW * values.max())


def spread_out(values: np.ndarray, count: int) -> np.ndarray:
    """``spread`` in log x where the values span decades."""
    return np.exp(spread(_logarithm(values), count)) if spans_decades(values) else spread(values, count)


def make_noise_basis(values: np.ndarray, num_basis: int) -> Basis:
    """As ``make_basis``; in log x where the values span decades, as noise in proportion to a power of x does too."""
    if not spans_decades(values):
        return make_basis(values, num_basis)
    return Basis(_clamped(spread(_logarithm(values), num_basis - DEGREE)), decades=True)


def _logarithm(x: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(x, np.finfo(np.float64).tiny))


def make_basis(values: np.ndarray, num_basis: int) -> Basis:
    """Knots half where the data are, half evenly over their range; not closer where data span decades.

    A function of x that is smooth at the end of its range needs no knots at every decade from there.
    """
    places = spread(values, num_basis - DEGREE)
    if spans_decades(values):
        places = np.maximum(places, places[0] + _LEAST_GAP * (places[-1] - places[0]) * np.arange(len(places)))
    return Basis(_clamped(places))


def _clamped(places: np.ndarray) -> np.ndarray:
    pad = 1e-9 * (places[-1] - places[0])
    return np.concatenate([[places[0] - pad] * (DEGREE + 1), places[1:-1], [places[-1] + pad] * (DEGREE + 1)])


@dataclass(frozen=True)
class Posterior:
    """Mixture over the smoothness of Gaussians in the coefficients.

    Attributes:
        mean: (coefficient,).
        strengths: weight of each smoothness.
        means: (smoothness, coefficient).
        covariances: (smoothness, coefficient, coefficient), scatter of the clusters included.
        response: derivative of ``mean`` by ``linear``, (coefficient, coefficient).
        dispersion: scatter of the clusters in units of what independent observations give.
    """

    mean: np.ndarray
    strengths: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    response: np.ndarray
    dispersion: float

    def spread(self, design: np.ndarray) -> np.ndarray:
        """Standard deviation of ``design`` · coefficients, (point,)."""
        between = (self.means - self.mean) @ design.T
        within = (design @ self.covariances * design).sum(axis=-1)
        variance = self.strengths @ (np.maximum(within, 0.0) + between**2)
        return np.sqrt(np.maximum(variance, np.finfo(np.float64).tiny))

    def draw(self, rng: np.random.Generator, num: int) -> np.ndarray:
        """(draw, coefficient)."""
        counts = rng.multinomial(num, self.strengths)
        rows = []
        for mean, covariance, count in zip(self.means, self.covariances, counts, strict=True):
            values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
            root = vectors * np.sqrt(np.maximum(values, 0.0))
            rows.append(mean + rng.standard_normal((count, len(mean))) @ root.T)
        return rng.permutation(np.concatenate(rows))


def smooth(information: np.ndarray, linear: np.ndarray, roughness: np.ndarray, scores: np.ndarray | None) -> Posterior:
    """Posterior of the coefficients.

    Args:
        information: of the observations, (coefficient, coefficient).
        linear: information times coefficients that the observations alone prefer.
        roughness: quadratic form of the prior.
        scores: derivative of the log likelihood in each cluster, (cluster, coefficient); None for no errors over them.
    """
    unit = 1 / np.sqrt(np.maximum(np.diag(information), 1e-14 * np.trace(information)))  # noise may span decades
    scale = np.exp(-2 * np.mean(np.log(unit)))
    roughness, information = unit[:, None] * roughness * unit, unit[:, None] * information * unit
    information = information + 1e-12 * np.eye(len(unit))
    meat, dispersion = (information, 1.0) if scores is None else _cluster_information(information, scores * unit)
    information, linear, meat = information / dispersion, linear * unit / dispersion, meat / dispersion**2
    prior = (scale / dispersion * _STRENGTHS)[:, None, None] * roughness
    inverses = np.linalg.inv(information + prior)
    means = inverses @ linear
    log_determinants = -np.linalg.slogdet(inverses)[1]
    evidence = (len(linear) - 2) / 2 * np.log(_STRENGTHS) - log_determinants / 2 + means @ linear / 2
    weights = np.exp(evidence - evidence.max())
    weights = np.where(weights < _NEGLIGIBLE, 0.0, weights)
    weights /= weights.sum()
    likely = weights > 0
    weights, inverses, rows, both = weights[likely], inverses[likely], means[likely] * unit, unit[:, None] * unit
    covariances = inverses @ (meat + prior[likely]) @ inverses * both
    response = np.einsum("s,sij->ij", weights, inverses) * both / dispersion
    return Posterior(weights @ rows, weights, rows, covariances, response, dispersion)


def _cluster_information(information: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, float]:
    """What replaces the information in the middle of the sandwich, and its size relative to the information.

    The scatter of the scores of clusters in the metric of the information, unity for independent observations, shrunk
    towards a multiple of unity (Ledoit and Wolf, J. Multivar. Anal. 88 (2004) 365) since clusters are few; nowhere
    below unity.
    """
    values, vectors = np.linalg.eigh(information)
    good = values > 1e-9 * values[-1]
    to_unit = vectors[:, good] / np.sqrt(values[good])
    whitened = scores @ to_unit * np.sqrt(len(scores))
    scatter = _ledoit_wolf(whitened)
    size, axes = np.linalg.eigh(scatter)
    excess = (axes * (np.maximum(size, 1.0) - 1.0)) @ axes.T
    back = vectors[:, good] * np.sqrt(values[good])
    return information + back @ excess @ back.T, float(max(1.0, np.trace(scatter) / len(scatter)))


def _ledoit_wolf(samples: np.ndarray) -> np.ndarray:
    scale = float(np.abs(samples).max(initial=0.0)) or 1.0  # fourth powers of what does not fit overflow
    samples = samples / scale
    num, size = samples.shape
    sample = samples.T @ samples / num
    target = np.trace(sample) / size * np.eye(size)
    distance = np.sum((sample - target) ** 2)
    squares = np.sum(samples**2, axis=1)
    noise = (np.sum(squares**2) / num - np.sum(sample**2)) / num  # sum over r of |x x' - S|^2, over num^2
    share = min(1.0, noise / distance) if distance > 0 else 1.0
    return (share * target + (1 - share) * sample) * scale**2
