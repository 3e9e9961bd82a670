r"""Marchenko-Pastur bulk with a posterior, from the exact joint law of the levels.

The n bulk levels of an M×N noise matrix of variance v obey the Laguerre law with ν = M,

.. math:: \log p = \tfrac{\nu' - n - 1}{2}\sum\log x_i - \frac{\sum x_i}{2v} + \sum_{i<j}\log|x_i - x_j|
   - \tfrac{\nu' n}{2}\log 2v - \log\Gamma_n(\nu'/2) + \mathrm{const},

with ν' = ν − k and n = N − k once k spikes are set aside; each spike at z keeps repelling the bulk with half a charge,
a factor Π(z − x_i)^{1/2} whose normalisation is that of the mean potential of the bulk. Σ log x and Σ x are sufficient:
levels are rigid, and a likelihood that took them as independent draws from the density would be wrong by √N.
(J. Wishart 1928; spikes: Onatski, Moreira, Hallin, arXiv:1306.4867.)

Entries with excess kurtosis κ₄ move all levels together, Var log v = (2 + κ₄)/(MN), and lower Σ log x, as the norms of
the columns scatter by (2 + κ₄)/M: by κ₄N/(2M) to first order (Bai and Silverstein 2004), n times the difference of
ψ(a) − log a between a = M/(2 + κ₄) and M/2 for norms with a gamma law. Its variance grows by the second order,

.. math:: \Delta\mathrm{Var} = \tfrac12\big[(2+\kappa_4)^2 - 4\big]\tfrac{N}{M^2}\big(1 + \tfrac NM\big)
   + \tfrac12\big[(3+\kappa_4)^2 - 9\big]\tfrac{N^2}{M^3},

of the norms of columns and rows and of the products of columns; the posterior of ν is flattened by the ratio of both
variances. Levels of the same entries in random order, where there are any, replace both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy.special import gammaln, polygamma, psi

from coulombgas._checks import InputError, check_choice, check_count, check_finite_array, check_seed
from coulombgas._interval import Interval, summarise
from coulombgas._types import Numeric
from coulombgas.laws import mp_angle, mp_cdf, mp_edges
from coulombgas.spectra import Entries

from ._edge import bulk_kurtosis

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
    entries: Entries | None = None,
    aspect: str = "free",
    num_draws: int = 2000,
    seed: int = 0,
) -> BulkFit:
    """Posterior of variance and effective rows, given how many of the largest levels are spikes.

    Args:
        eigenvalues: positive eigenvalues of WᵀW, ascending, shape (N,), N no larger than ``rows``.
        rows: longer side of the matrix.
        num_spikes: largest levels to set aside.
        kurtosis: excess kurtosis of the entries, where ``entries`` does not tell.
        entries: what is known of the entries.
        aspect: "free" fits the effective number of rows, "shape" takes it as known.
        num_draws: posterior draws.
        seed: seed of the draws.

    Raises:
        InputError: for fewer than four bulk levels, or levels that are not positive and ascending.
    """
    seed = check_seed(seed)
    options = {"kurtosis": kurtosis, "entries": entries, "aspect": aspect, "num_draws": num_draws, "seed": seed}
    return draw_bulk(eigenvalues, rows, num_spikes, **options).fit


def draw_bulk(
    eigenvalues: np.ndarray,
    rows: int,
    num_spikes: int,
    *,
    kurtosis: float,
    entries: Entries | None,
    aspect: str,
    num_draws: int,
    seed: int,
) -> "BulkDraws":
    """The posterior of :func:`fit_bulk` as draws, which are summarised where the fit is asked for."""
    levels = check_positive_levels(eigenvalues)
    check_choice("aspect", aspect, ("free", "shape"))
    check_count("num_spikes", num_spikes, 0)
    if levels.size - num_spikes < MIN_BULK:
        raise InputError(f"`eigenvalues` must hold at least {MIN_BULK} bulk levels, got {levels.size - num_spikes}.")
    check_count("rows", rows, levels.size)
    problem = _Problem(levels, num_spikes, _effect(levels, rows, kurtosis, entries))
    rng = np.random.default_rng(seed)
    nu = problem.draw_rows(rng, num_draws, rows) if aspect == "free" else np.full(num_draws, float(rows))
    return BulkDraws(problem, nu, problem.draw_variance(rng, nu))


def check_positive_levels(eigenvalues: np.ndarray) -> np.ndarray:
    """Positive levels, ascending."""
    levels = check_finite_array("eigenvalues", eigenvalues, ndim=1)
    if levels.size and (levels[0] <= 0 or (np.diff(levels) < 0).any()):
        raise InputError("`eigenvalues` must be positive and ascend: leave zero modes out and sort them.")
    return levels


class _Effect(NamedTuple):
    """What entries that are not Gaussian do to the levels."""

    kurtosis: float
    """Of the total Σx."""
    log_shift: float
    """By which Σ log x is lowered, for each level."""
    flattening: float
    """Ratio of the variances of N log⟨x⟩ − Σ log x with these and with Gaussian entries."""
    shape: float
    """Kurtosis of the entries that make no level of their own."""
    rows: int
    levels: np.ndarray
    """Mean levels of the entries in random order; empty where unknown."""
    distance: float


def _effect(levels: np.ndarray, rows: int, kurtosis: float, entries: Entries | None) -> _Effect:
    """What the kurtosis of the entries, or levels of the same entries in random order, does to the fit."""
    columns, size = levels.size, rows * levels.size
    shape = bulk_kurtosis(rows, columns, kurtosis, entries)
    mean, variance = log_ratio_moments(rows, columns)
    shuffled = None if entries is None else entries.shuffled
    if shuffled is None:
        shift = (_log_bias(rows / 2) - _log_bias(rows / (2 + shape))) * columns
        # Σ log x is that of the squared lengths of columns, of relative variance (2 + κ)/M, and of their cosines u, for
        # which ⟨u⁴⟩ − ⟨u²⟩² changes by κ²/M³: lengths do not enter, so no term linear in κ is of order N²/M³
        spread = ((2 + shape) ** 2 - 4) / 2 * columns / rows**2 + shape**2 / 2 * columns**2 / rows**3
    else:
        shift, spread = shuffled.log_mean - mean, shuffled.log_sd**2 - variance
    # single large entries widen the total as well
    large = () if entries is None else entries.large
    total = shape + sum(one**4 for one in large) / size / (levels.sum() / size) ** 2
    return _Effect(
        kurtosis=total, log_shift=shift / columns, flattening=max(1 + spread / variance, 0.5), shape=shape, rows=rows,
        levels=np.array(shuffled.levels if shuffled else ()), distance=shuffled.distance if shuffled else 0.0,
    )  # fmt: skip


def log_ratio_moments(rows: int, columns: int) -> tuple[float, float]:
    """Mean and variance of N log⟨x⟩ − Σ log x for Gaussian entries, from Bartlett's decomposition."""
    half = (rows - np.arange(columns)) / 2
    whole = rows * columns / 2
    mean = columns * (psi(whole) - np.log(columns)) - psi(half).sum()
    return float(mean), float(polygamma(1, half).sum() - columns**2 * polygamma(1, whole))


def _log_bias(shape: float) -> float:
    """⟨log x⟩ − log⟨x⟩ of a gamma law."""
    return float(psi(shape) - np.log(shape))


class _Problem:
    """Sufficient statistics of one bulk and its conditional laws."""

    def __init__(self, levels: np.ndarray, num_spikes: int, effect: _Effect) -> None:
        self.size = levels.size - num_spikes
        self.bulk, self.spikes = levels[: self.size], levels[self.size :]
        self.sum = float(self.bulk.sum())
        self.sum_log = float(np.log(self.bulk).sum()) + effect.log_shift * self.size
        self.effect = effect

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
        return self.sum / dof * np.exp(-np.sqrt(1 + self.effect.kurtosis / 2) * log_ratio)

    def best_variance(self, rows: float) -> float:
        """Most probable v at ν = ``rows``."""
        return self.sum / float(self._degrees(np.array([rows]))[0])

    def distance(self, variance: float, rows: float) -> tuple[float, float]:
        """Largest displacement of a level from its place, in levels, and what noise exceeds in 1% of cases."""
        size, effect = self.size, self.effect
        if effect.levels.size:
            rows, columns = effect.rows, effect.levels.size
            variance = self.sum / effect.levels[:size].sum()
            counted = columns * mp_cdf(self.bulk, variance, rows, columns)
            place = columns * mp_cdf(effect.levels[:size], 1.0, rows, columns)
            return float(np.abs(counted - place).max()), effect.distance
        law = variance, rows - self.spikes.size, size
        # kurtosis moves the counting function by −(κ₄/2π) sin 2φ, x = Mv(1 + r + 2√r cos φ)
        moved = effect.shape / (2 * np.pi) * np.sin(2 * mp_angle(self.bulk, *law))
        counted = size * mp_cdf(self.bulk, *law) - moved
        return float(np.abs(counted - np.arange(size) - 0.5).max()), float(0.45 + 0.48 * np.log(size))

    def _degrees(self, nu: np.ndarray) -> np.ndarray:
        """n(ν' − Σ 1/ℓ): degrees of freedom left in Σx, each spike of strength ℓ taking its share."""
        effective = nu - self.spikes.size
        dof = self.size * effective
        for _ in range(6 if self.spikes.size else 0):
            strength = spike_strength(self.spikes[:, None], self.sum / dof, effective, self.size)
            dof = self.size * np.maximum(effective - (1 / strength).sum(axis=0), 0.2 * effective)
        return dof

    def _log_marginal(self, nu: np.ndarray) -> np.ndarray:
        """Log posterior of ν with v integrated out around its conditional mode."""
        n, effective = self.size, nu - self.spikes.size
        variance = self.sum / self._degrees(nu)
        gammas = gammaln((effective[:, None] - np.arange(n)) / 2).sum(axis=1)
        strength = spike_strength(self.spikes[:, None], variance, effective, n)
        potential = (np.log(effective * variance) + bulk_potential(strength, n / effective)).sum(axis=0)
        mass = (
            (effective - n - 1) / 2 * self.sum_log
            - self.sum / (2 * variance)
            - effective * n / 2 * np.log(2 * variance)
            - gammas
            - n / 2 * potential
            - np.log(effective) / 2  # width of v at given ν
        )
        return mass / self.effect.flattening - np.log(nu)  # prior


def spike_strength(spike: Numeric, variance: Numeric, rows: Numeric, columns: int) -> Any:
    """Strength ℓ = θ²/(M v) that puts an outlier at ``spike`` = M v (1 + ℓ)(1 + r/ℓ); √r, the threshold, inside."""
    ratio = columns / rows
    total = spike / (rows * variance) - 1 - ratio
    return np.maximum((total + np.sqrt(np.maximum(total**2 - 4 * ratio, 0.0))) / 2, np.sqrt(ratio))


def bulk_potential(strength: Numeric, ratio: Numeric) -> Any:
    """Mean of log(z − x) over the Marchenko-Pastur law, x in units of M v, at z = (1 + ℓ)(1 + r/ℓ)."""
    return np.log(strength) / ratio + 1 / strength + (1 - 1 / ratio) * np.log(strength + ratio)


class BulkDraws:
    """Posterior draws of one bulk, shape (draw,); most of them serve the number of spikes and are never summarised."""

    def __init__(self, problem: _Problem, rows_draws: np.ndarray, variance_draws: np.ndarray) -> None:
        self.problem, self.rows_draws, self.variance_draws = problem, rows_draws, variance_draws
        self.num_spikes = problem.spikes.size

    @cached_property
    def mean_rows(self) -> float:
        """Mean of the rows, to the last bit that of the fit, which adds them in order."""
        return float(np.sort(self.rows_draws).mean()) if np.ptp(self.rows_draws) > 0 else float(self.rows_draws[0])

    @cached_property
    def best_variance(self) -> float:
        """As of :class:`BulkFit`."""
        return self.problem.best_variance(float(self.rows_draws.mean()))

    @cached_property
    def fit(self) -> BulkFit:
        """The draws with their intervals, and how well the law fits."""
        problem, nu, spikes = self.problem, self.rows_draws, self.num_spikes
        mean_rows = float(nu.mean())
        lower, upper = mp_edges(self.best_variance, mean_rows - spikes, problem.size)
        distance, limit = problem.distance(self.best_variance, mean_rows)
        return BulkFit(
            variance=summarise(self.variance_draws),
            best_variance=self.best_variance,
            rows=_interval(nu),
            aspect=_interval((problem.size + spikes) / nu),
            edge=upper,
            lower_edge=lower,
            num_levels=problem.size,
            num_spikes=spikes,
            distance=distance,
            distance_limit=limit,
            variance_draws=self.variance_draws,
            rows_draws=nu,
        )


def mixed(fit: BulkFit, fits: Sequence[BulkFit], weights: np.ndarray, seed: int) -> BulkFit:
    """A fit with the draws of several, in these proportions; variance and edges follow the mean of the rows."""
    rng = np.random.default_rng([seed, 3])
    num = fit.variance_draws.size
    which = rng.choice(len(fits), size=num, p=weights)
    variance = np.choose(which, [one.variance_draws for one in fits])
    nu = np.choose(which, [one.rows_draws for one in fits])
    spikes = fit.num_spikes
    rows = _interval(nu)
    best = fit.best_variance * (fit.rows.mean - spikes) / (rows.mean - spikes)
    lower, upper = mp_edges(best, rows.mean - spikes, fit.num_levels)
    aspect = _interval((fit.num_levels + spikes) / nu)
    return replace(
        fit, variance=summarise(variance), best_variance=best, rows=rows, aspect=aspect, edge=upper, lower_edge=lower,
        variance_draws=variance, rows_draws=nu,
    )  # fmt: skip


def _interval(draws: np.ndarray) -> Interval:
    if np.ptp(draws) == 0:
        value = float(draws[0])
        return Interval(value, value, value, 0.0)
    return summarise(draws)
