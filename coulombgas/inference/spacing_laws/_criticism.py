"""Is the law correct, and does the prior matter? Posterior predictive checks, prior sensitivity, Binder cumulant."""

from collections.abc import Callable
from dataclasses import dataclass, field

import jax
import numpy as np
from numpyro.infer import Predictive

from coulombgas._checks import InputError, check_finite_array, check_seed
from coulombgas._interval import Interval, summarise
from coulombgas._precision import in_x64
from coulombgas.inference._programs import WIDE
from coulombgas.inference._result import TemperatureFit

from ._catalogue import bound, find_model, standardise
from ._fit import ModelFit
from ._programs import Observations

_REPLICATIONS = 400  # resolve a p-value of 0.005


@dataclass(frozen=True)
class PredictiveCheck:
    """One statistic of the data against its distribution under the fitted model.

    Attributes:
        observed: its value in the data.
        replicated: its values in replicated data sets, shape (draw,).
        p_value: two-sided posterior predictive p-value.
    """

    observed: float
    replicated: np.ndarray = field(repr=False)
    p_value: float


def _relative_spread(values: np.ndarray) -> float:
    return float(values.std() / np.abs(values).mean())


def _smallest(values: np.ndarray) -> float:
    return float(np.quantile(values, 0.02))


def _largest(values: np.ndarray) -> float:
    return float(np.quantile(values, 0.98))


def _skewness(values: np.ndarray) -> float:
    deviation = values - values.mean()
    return float((deviation**3).mean() / (deviation**2).mean() ** 1.5)


STATISTICS: dict[str, Callable[[np.ndarray], float]] = {
    "mean": lambda values: float(values.mean()),
    "relative spread": _relative_spread,
    "skewness": _skewness,
    "2% quantile": _smallest,
    "98% quantile": _largest,
    "maximum": lambda values: float(values.max()),
}


@in_x64
def predictive_checks(fit: ModelFit, group: int = 0, *, seed: int = 0) -> dict[str, PredictiveCheck]:
    """Posterior predictive checks of one level group of a fitted model.

    Args:
        fit: from :func:`fit_model`.
        group: which level group.
        seed: seed of the replications.

    Returns:
        For each statistic the observed value, 400 replications and the p-value; drawn by ``plot.predictive``.
    """
    seed = check_seed(seed)
    if not 0 <= group < len(fit.groups):
        raise InputError(f"`group` must lie between 0 and {len(fit.groups) - 1}, got {group}.")
    chosen, model = fit.groups[group], find_model(fit.model)
    data = standardise(chosen.values, model.observable)
    draws = {}
    for name, value in chosen.draws.items():
        flat = value.ravel()[:: max(1, value.size // _REPLICATIONS)][:_REPLICATIONS]
        scaled = (flat - (data.shift if name == "center" else 0.0)) / data.scale
        draws[name] = scaled if name in model.scales else flat
    blank = Observations(None, np.ones(len(data.values), dtype=bool), np.float64(chosen.gap / data.scale))
    replicated = Predictive(bound(model), draws)(jax.random.key(seed), blank)[model.observable]
    replicated = np.asarray(replicated, dtype=np.float64) * data.scale + data.shift
    return {name: _check(statistic, chosen.values, replicated) for name, statistic in STATISTICS.items()}


def _check(statistic: Callable[[np.ndarray], float], values: np.ndarray, replicated: np.ndarray) -> PredictiveCheck:
    observed = statistic(values)
    own = np.array([statistic(row) for row in replicated])
    above = (np.sum(own >= observed) + 0.5) / (len(own) + 1)
    return PredictiveCheck(observed, own, float(2 * min(above, 1 - above)))


def prior_sensitivity(fit: TemperatureFit) -> list[float]:
    """Shift of log T, in posterior standard deviations, when the prior of log T is squared.

    By importance weights on the draws; below 0.1 the prior does not matter. The prior is Normal(0, 10) in log T.

    Returns:
        One number for each setting; 0 for a temperature relative to the first setting, which has no such prior.
    """
    shifts = []
    for setting in fit.settings:
        if setting.temperature is None:
            shifts.append(0.0)
            continue
        log = np.log(setting.temperature_draws.ravel())
        exponent = -0.5 * (log / WIDE) ** 2
        weights = np.exp(exponent - exponent.max())
        shifts.append(float(abs(np.average(log, weights=weights) - log.mean()) / log.std()))
    return shifts


def binder_cumulant(levels: np.ndarray, *, num_draws: int = 2000, seed: int = 0) -> Interval:
    r"""Binder cumulant :math:`U_4 = 1 - \langle y^4\rangle/(3\langle y^2\rangle^2)` of levels around their mean.

    0 for a single Gaussian level, 4/27 for the levels of a degenerate pair (ALP24, arXiv:2407.16427, (28)). The
    posterior is the Bayesian bootstrap over replicas, which needs no law.

    Args:
        levels: shape (replica, mode) of one level group, or (replica,).
        num_draws: bootstrap draws.
        seed: seed of the draws.

    Raises:
        InputError: for fewer than 10 replicas or levels that are all the same.
    """
    seed = check_seed(seed)
    values = check_finite_array("levels", levels)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) < 10:
        raise InputError(f"`levels` must have shape (replica, mode) with at least 10 replicas, got {values.shape}.")
    if not np.ptp(values) > 0:
        raise InputError("`levels` are all the same: no cumulant.")
    values = values - values.mean()
    weights = np.random.default_rng(seed).standard_exponential((num_draws, len(values)))
    weights /= weights.sum(axis=1, keepdims=True)
    m1, m2, m3, m4 = (weights @ (values**power).mean(axis=1) for power in (1, 2, 3, 4))
    second = m2 - m1**2
    fourth = m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
    return summarise(1 - fourth / (3 * second**2))
