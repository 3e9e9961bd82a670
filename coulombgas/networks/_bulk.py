r"""Marchenko-Pastur bulk with a posterior, from the exact joint law of the levels.

The n bulk levels of an M×N noise matrix of variance v obey the Laguerre law with ν = M,

.. math:: \log p = \tfrac{\nu' - n - 1}{2}\sum\log x_i - \frac{\sum x_i}{2v} + \sum_{i<j}\log|x_i - x_j|
   - \tfrac{\nu' n}{2}\log 2v - \log\Gamma_n(\nu'/2) + \mathrm{const},

with ν' = ν − k and n = N − k once k spikes are set aside; each spike at z keeps repelling the bulk with half a charge,
a factor Π(z − x_i)^{1/2} whose normalisation is that of the mean potential of the bulk. Σ log x and Σ x are sufficient:
levels are rigid, and a likelihood that took them as independent draws from the density would be wrong by √N.
Entries with excess kurtosis κ₄ move all levels together: Var log v = (2 + κ₄)/(MN).
(J. Wishart 1928; spikes: Onatski, Moreira, Hallin, arXiv:1306.4867.)
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import gammaln

from coulombgas._checks import InputError, check_choice, check_count, check_finite_array
from coulombgas._interval import Interval, summarise
from coulombgas.spectra import Numeric, mp_cdf, mp_edges

MIN_BULK = 4
_NUM_GRID = 160


@dataclass(frozen=True, kw_only=True)
class BulkFit:
    """Posterior of the noise bulk of one matrix.

    Attributes:
        variance: variance v of the noise entries, mean and 95% interval.
        best_variance: most probable variance at the mean of ``rows``: together with it, and not with the mean of
            ``variance``, it places the levels, because the product of both is known far better than either.
        rows: effective number ν of independent rows; the longer side for independent entries.
        aspect: N/ν.
        edge, lower_edge: Marchenko-Pastur edges at the mean of ``rows`` and ``best_variance``.
        num_levels: bulk levels that entered.
        num_spikes: levels set aside above them.
        distance: largest distance of the counting function from the fitted law, in levels.
        distance_limit: what random matrices exceed in about 1% of cases if square, less often if not; from simulations
            of 8 to 512 levels.
        variance_draws, rows_draws: the posterior, shape (draw,).
    """

    variance: Interval
    best_variance: float
    rows: Interval
    aspect: Interval
    edge: float
    lower_edge: float
    num_levels: int
    num_spikes: int
    distance: float
    distance_limit: float
    variance_draws: np.ndarray = field(repr=False)
    rows_draws: np.ndarray = field(repr=False)

    @property
    def fits(self) -> bool:
        """Whether the bulk is compatible with Marchenko-Pastur."""
        return self.distance <= self.distance_limit


def fit_bulk(
    eigenvalues: np.ndarray,
    rows: int,
    *,
    num_spikes: int = 0,
    kurtosis: float = 0.0,
    aspect: str = "free",
    num_draws: int = 2000,
    seed: int = 0,
) -> BulkFit:
    """Posterior of variance and effective rows, given how many of the largest levels are spikes.

    Args:
        eigenvalues: positive eigenvalues of WᵀW, ascending, shape (N,), N no larger than ``rows``.
        rows: longer side of the matrix.
        num_spikes: largest levels to set aside.
        kurtosis: excess kurtosis of the entries.
        aspect: "free" fits the effective number of rows, "shape" takes it as known.
        num_draws: posterior draws.
        seed: seed of the draws.

    Raises:
        InputError: for fewer than four bulk levels, or levels that are not positive and ascending.
    """
    levels = check_finite_array("eigenvalues", eigenvalues, ndim=1)
    check_choice("aspect", aspect, ("free", "shape"))
    check_count("num_spikes", num_spikes, 0)
    if levels.size - num_spikes < MIN_BULK:
        raise InputError(f"`eigenvalues` must hold at least {MIN_BULK} bulk levels, got {levels.size - num_spikes}.")
    if levels[0] <= 0 or (np.diff(levels) < 0).any():
        raise InputError("`eigenvalues` must be positive and ascend: leave zero modes out and sort them.")
    check_count("rows", rows, levels.size)
    problem = _Problem(levels, num_spikes, _shrink(kurtosis, rows * levels.size))
    rng = np.random.default_rng(seed)
    nu = problem.draw_rows(rng, num_draws, rows) if aspect == "free" else np.full(num_draws, float(rows))
    return _summary(problem, nu, problem.draw_variance(rng, nu))


def _shrink(kurtosis: float, num_entries: int) -> float:
    """The sample kurtosis has a standard error of √(24/n): what lies within it counts as zero."""
    return kurtosis * kurtosis**2 / (kurtosis**2 + 24 / num_entries)


class _Problem:
    """Sufficient statistics of one bulk and its conditional laws."""

    def __init__(self, levels: np.ndarray, num_spikes: int, kurtosis: float) -> None:
        self.size = levels.size - num_spikes
        self.bulk, self.spikes = levels[: self.size], levels[self.size :]
        self.sum, self.sum_log = float(self.bulk.sum()), float(np.log(self.bulk).sum())
        self.kurtosis = kurtosis

    def draw_rows(self, rng: np.random.Generator, num: int, shape_rows: int) -> np.ndarray:
        """Draws of ν from its marginal posterior under a prior uniform in log ν."""
        lowest = self.size + self.spikes.size - 1 + 1e-3
        wide = lowest + np.geomspace(1e-3, 30.0 * shape_rows, _NUM_GRID)
        mass = self._log_marginal(wide)
        near = np.flatnonzero(mass > mass.max() - 20)
        left, right = wide[max(near[0] - 1, 0)], wide[min(near[-1] + 1, _NUM_GRID - 1)]
        grid = np.linspace(left, right, _NUM_GRID)
        for _ in range(2):  # zoom until the posterior fills the grid
            mass = self._log_marginal(grid)
            near = np.flatnonzero(mass > mass.max() - 16)
            ends = grid[max(near[0] - 1, 0)], grid[min(near[-1] + 1, _NUM_GRID - 1)]
            grid = np.linspace(*ends, _NUM_GRID)
        mass = self._log_marginal(grid)
        density = np.exp(mass - mass.max())
        cdf = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
        return np.interp(rng.random(num) * cdf[-1], cdf, grid)

    def draw_variance(self, rng: np.random.Generator, nu: np.ndarray) -> np.ndarray:
        """Draws of v given ν: Σx/v is chi-squared, widened or narrowed by the kurtosis of the entries."""
        dof = self._degrees(nu)
        log_ratio = np.log(rng.chisquare(dof) / dof)
        return self.sum / dof * np.exp(-np.sqrt(max(1 + self.kurtosis / 2, 1e-3)) * log_ratio)

    def best_variance(self, rows: float) -> float:
        """Most probable v at ν = ``rows``."""
        return self.sum / float(self._degrees(np.array([rows]))[0])

    def _degrees(self, nu: np.ndarray) -> np.ndarray:
        """n(ν' − Σ 1/ℓ): degrees of freedom left in Σx, each spike of strength ℓ taking its share."""
        effective = nu - self.spikes.size
        dof = self.size * effective
        for _ in range(6):
            strength = spike_strength(self.spikes[:, None], self.sum / dof, effective, self.size)
            dof = self.size * np.maximum(effective - (1 / strength).sum(axis=0), 0.2 * effective)
        return dof

    def _log_marginal(self, nu: np.ndarray) -> np.ndarray:
        """Log posterior of ν with v integrated out around its conditional mode."""
        n, effective = self.size, nu - self.spikes.size
        variance = self.sum / self._degrees(nu)
        gammas = gammaln((effective[:, None] - np.arange(n)) / 2).sum(axis=1)
        # kurtosis lowers Σ log x by κ₄ N/(2M) on average
        logs = self.sum_log + self.kurtosis * n / (2 * effective)
        strength = spike_strength(self.spikes[:, None], variance, effective, n)
        potential = (np.log(effective * variance) + bulk_potential(strength, n / effective)).sum(axis=0)
        return (
            (effective - n - 1) / 2 * logs
            - self.sum / (2 * variance)
            - effective * n / 2 * np.log(2 * variance)
            - gammas
            - n / 2 * potential
            - np.log(effective) / 2  # width of v at given ν
            - np.log(nu)  # prior
        )


def spike_strength(spike: Numeric, variance: Numeric, rows: Numeric, columns: int) -> Any:
    """Strength ℓ = θ²/(M v) that puts an outlier at ``spike`` = M v (1 + ℓ)(1 + r/ℓ); √r, the threshold, inside."""
    ratio = columns / rows
    total = spike / (rows * variance) - 1 - ratio
    return np.maximum((total + np.sqrt(np.maximum(total**2 - 4 * ratio, 0.0))) / 2, np.sqrt(ratio))


def bulk_potential(strength: Numeric, ratio: Numeric) -> Any:
    """Mean of log(z − x) over the Marchenko-Pastur law, x in units of M v, at z = (1 + ℓ)(1 + r/ℓ)."""
    return np.log(strength) / ratio + 1 / strength + (1 - 1 / ratio) * np.log(strength + ratio)


def _summary(problem: _Problem, nu: np.ndarray, variance: np.ndarray) -> BulkFit:
    mean_rows = float(nu.mean())
    best_variance = problem.best_variance(mean_rows)
    spikes = problem.spikes.size
    lower, upper = mp_edges(best_variance, mean_rows - spikes, problem.size)
    counted = problem.size * mp_cdf(problem.bulk, best_variance, mean_rows - spikes, problem.size)
    distance = float(np.abs(counted - np.arange(problem.size) - 0.5).max())
    return BulkFit(
        variance=summarise(variance),
        best_variance=best_variance,
        rows=_interval(nu),
        aspect=_interval((problem.size + spikes) / nu),
        edge=upper,
        lower_edge=lower,
        num_levels=problem.size,
        num_spikes=spikes,
        distance=distance,
        distance_limit=float(0.45 + 0.48 * np.log(problem.size)),
        variance_draws=variance,
        rows_draws=nu,
    )


def _interval(draws: np.ndarray) -> Interval:
    if np.ptp(draws) == 0:
        value = float(draws[0])
        return Interval(value, value, value, 0.0)
    return summarise(draws)
