r"""The posterior of the scaling rule without a Markov chain.

Given the scatter τ the rule is a linear regression with known errors, so that prefactor and exponents are Gaussian and
the likelihood of τ is in closed form; τ itself is drawn from its density on a fine grid. The posterior is that of the
NumPyro model :func:`scaling_rule`, with independent draws however narrow the funnel τ → 0 is.
"""

from collections.abc import Sequence

import numpy as np

from coulombgas.inference._programs import WIDE, SettingTemperatures

_GRID = 6001  # nodes of the scatter; the draws are interpolated between them
_FARTHEST = 6.0  # standard deviations of the prior of the scatter


def sample_rule(
    data: SettingTemperatures, *, seed: int | Sequence[int], num_chains: int, num_draws: int
) -> dict[str, np.ndarray]:
    """Independent draws of "log_prefactor", "scatter", "alpha_exponent" and "batch_exponent", each (chain, draw).

    An exponent that the settings do not identify is 1 in the rule and drawn from its prior, as in the NumPyro model.
    """
    rng = np.random.default_rng(seed)
    regression = _Regression(data)
    scatter = _draw(regression.grid, regression.log_density(regression.grid), rng, num_chains * num_draws)
    level, a, b = regression.draw_coefficients(scatter, rng).T
    log_alpha, log_batch = regression.middles
    used_a, used_b = (np.where(free, value, 1.0) for free, value in zip(data.rule.free, (a, b), strict=True))
    prefactor = level - used_a * log_alpha + used_b * log_batch
    sites = {"log_prefactor": prefactor, "scatter": scatter, "alpha_exponent": a, "batch_exponent": b}
    return {name: value.reshape(num_chains, num_draws) for name, value in sites.items()}


class _Regression:
    """log T̂ − offset = design · (level, a, b) + error, with the Gaussian prior of the coefficients."""

    def __init__(self, data: SettingTemperatures):
        rule, used = data.rule, np.asarray(data.rule.used)
        columns = [np.asarray(c)[used] for c in (rule.log_learning_rate, rule.log_batch_size)]
        self.middles = [float(column.mean()) for column in columns]
        slopes = [columns[0] - self.middles[0], -(columns[1] - self.middles[1])]
        free = np.asarray(rule.free)
        self.design = np.stack([np.ones(used.sum()), *(slope * f for slope, f in zip(slopes, free, strict=True))], 1)
        fixed = sum(slope * (not f) for slope, f in zip(slopes, free, strict=True))
        self.response = np.asarray(data.log_temperature)[used] - fixed
        self.error2 = np.asarray(data.error)[used] ** 2
        width = float(rule.prior_scale)
        self.prior_mean = np.array([0.0, 1.0, 1.0])
        self.prior_precision = 1.0 / np.array([WIDE, width, width]) ** 2
        self.scatter_sd = 0.5 * width
        self.grid = _FARTHEST * self.scatter_sd * np.linspace(0.0, 1.0, _GRID) ** 2

    def _conditional(self, scatter: np.ndarray):
        """Precision matrix and linear term of the coefficients, and the precisions of the settings."""
        weight = 1.0 / (scatter[:, None] ** 2 + self.error2)
        precision = np.einsum("ki,ij,il->kjl", weight, self.design, self.design) + np.diag(self.prior_precision)
        linear = (weight * self.response) @ self.design + self.prior_precision * self.prior_mean
        return precision, linear, weight

    def log_density(self, scatter: np.ndarray) -> np.ndarray:
        """Log posterior density of the scatter, with the coefficients integrated out, up to a constant."""
        precision, linear, weight = self._conditional(scatter)
        explained = np.einsum("kj,kj->k", linear, np.linalg.solve(precision, linear[:, :, None])[:, :, 0])
        misfit = (weight * self.response**2).sum(axis=1) - explained
        prior = -0.5 * (scatter / self.scatter_sd) ** 2
        return prior + 0.5 * (np.log(weight).sum(axis=1) - np.linalg.slogdet(precision)[1] - misfit)

    def draw_coefficients(self, scatter: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(level, a, b) for each scatter, shape (draw, 3)."""
        precision, linear, _ = self._conditional(scatter)
        root = np.linalg.cholesky(np.linalg.inv(precision))
        mean = np.linalg.solve(precision, linear[:, :, None])
        return (mean + root @ rng.standard_normal((len(scatter), 3, 1)))[:, :, 0]


def _draw(grid: np.ndarray, log_density: np.ndarray, rng: np.random.Generator, num: int) -> np.ndarray:
    """Draws from a density tabulated on a grid, by inversion of its trapezoidal distribution function."""
    density = np.exp(log_density - log_density.max())
    cumulative = np.concatenate([[0.0], np.cumsum(np.diff(grid) * (density[1:] + density[:-1]) / 2)])
    return np.interp(rng.random(num), cumulative / cumulative[-1], grid)
