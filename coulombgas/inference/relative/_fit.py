r"""Relative temperatures of several settings of one model, without a theory.

Near one fixed point the variance of every level is proportional to the temperature, :math:`\log\sigma^2_{si} =
\log T_s + c_i` (physics of linear noise: the Lyapunov equation is linear in T). With weights that are the same in all
settings, :math:`\sum_i w_i\log s^2_{si}` is :math:`\log T_s` up to one constant, and its errors are independent
between settings.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy import special

from coulombgas._checks import check_count
from coulombgas._interval import Interval, summarise

from ._agreement import Agreement, agreeing_levels
from ._fixed_point import strays
from ._levels import LevelData, Usable, name_levels, usable_levels
from ._variances import LogVariances, log_variances


@dataclass(frozen=True, kw_only=True)
class RelativeTemperature:
    """Temperature of one setting relative to the first one.

    Attributes:
        path, learning_rate, batch_size: the setting.
        num_replicas: replicas used.
        log_draws: draws of log(T/T_first), shape (chain, draw); 0 for the first setting. All settings share the error
            of the first one in them.
        log_temperature: estimate of log T up to a constant that all settings share (0 at the first).
        log_error: its standard error, independent between settings, including the first.
        same_fixed_point: False if the mean levels contradict those of the other settings.
        warnings: warnings about this setting, one sentence each.
    """

    path: str
    learning_rate: float
    batch_size: int
    num_replicas: int
    log_draws: Float[np.ndarray, "chain draw"] = field(repr=False)
    log_temperature: float
    log_error: float
    same_fixed_point: bool
    warnings: tuple[str, ...] = ()

    @property
    def relative_temperature(self) -> Interval:
        """T/T_first: posterior mean and 95% interval."""
        return summarise(np.exp(self.log_draws))


@dataclass(frozen=True, kw_only=True)
class RelativeFit:
    """Relative temperatures of all settings.

    Attributes:
        settings: one :class:`RelativeTemperature` for each setting, in their order.
        weights: weight of each level, shape (mode,), of sum 1; 0 for levels left out.
        warnings: warnings that concern all settings: levels left out and why.
    """

    settings: tuple[RelativeTemperature, ...]
    weights: Float[np.ndarray, "mode"] = field(repr=False)
    warnings: tuple[str, ...] = ()


def fit_relative_temperatures(
    settings: Sequence[LevelData], *, seed: int = 0, num_chains: int = 4, num_draws: int = 1000
) -> RelativeFit:
    """Ratios of the temperatures of several settings of one model, from the variances of its levels.

    Levels that do not fluctuate, are distorted by the wall at 0, or whose variances grow by another factor than the
    rest (false-alarm rate 1e-3) are left out and named; settings at another fixed point (false-alarm rate 1e-4) are
    named and do not enter the weights and the agreement of levels.

    Args:
        settings: at least two settings of one model, with at least three replicas each, all near one fixed point.
        seed: seed of the draws.
        num_chains, num_draws: shape of the draws.

    Raises:
        InputError: when there is only one setting, the numbers of modes differ, a setting has fewer than 3 replicas, or
            nothing fluctuates.
    """
    shape = (check_count("num_chains", num_chains), check_count("num_draws", num_draws))
    usable = usable_levels(settings)
    levels = [setting.levels[:, usable.modes] for setting in usable.settings]
    astray = strays(levels, _rough_log_temperatures(levels))
    reference = np.array([index for index in range(len(levels)) if index not in astray])
    variances = log_variances(levels, reference.tolist())
    agreement = agreeing_levels(variances, reference)
    estimate, error = _mean_over_levels(variances, agreement)
    draws = _draw(estimate, error, np.random.default_rng(seed), shape)
    rows = tuple(
        _row(usable, index, astray.get(index), estimate - estimate[0], error[index], draws[index] - draws[0])
        for index in range(len(levels))
    )
    weights = np.zeros(usable.settings[0].levels.shape[1])
    weights[usable.modes] = agreement.weights
    return RelativeFit(settings=rows, weights=weights, warnings=_sentences(usable, agreement))


def _row(
    usable: Usable, index: int, astray: np.ndarray | None, estimate: np.ndarray, error: float, draws: np.ndarray
) -> RelativeTemperature:
    setting = usable.settings[index]
    return RelativeTemperature(
        path=setting.path, learning_rate=setting.learning_rate, batch_size=setting.batch_size,
        num_replicas=len(setting.levels), log_draws=draws, log_temperature=float(estimate[index]),
        log_error=float(error), same_fixed_point=astray is None,
        warnings=(*usable.of_setting[index], *_astray(setting, astray, usable.modes)),
    )  # fmt: skip


def _rough_log_temperatures(levels: Sequence[np.ndarray]) -> np.ndarray:
    """Median over levels of the log variance about its mean over settings."""
    logs = np.log([x.var(axis=0, ddof=1) for x in levels])
    return np.median(logs - logs.mean(axis=0), axis=1)


def _mean_over_levels(variances: LogVariances, agreement: Agreement) -> tuple[np.ndarray, np.ndarray]:
    weights = agreement.weights
    error2 = np.einsum("i,sij,j->s", weights, variances.covariance, weights)
    return variances.estimate @ weights, np.sqrt(np.maximum(error2, agreement.spread**2))


def _draw(
    estimate: np.ndarray, error: np.ndarray, rng: np.random.Generator, shape: tuple[int, int]
) -> Float[np.ndarray, "setting chain draw"]:
    r"""Draws of log T: :math:`\log T - \log\hat T = \psi(f/2) - \log g`, g ~ Gamma(f/2).

    With :math:`\psi'(f/2)` = error² this is the posterior of a variance with f degrees of freedom under a flat prior of
    its logarithm: exact for one Gaussian level, Gaussian for large f.
    """
    half = _inverse_trigamma(error**2)[:, None, None]
    gamma = rng.standard_gamma(np.broadcast_to(half, (len(half), *shape)))
    return estimate[:, None, None] + special.digamma(half) - np.log(gamma)


def _inverse_trigamma(values: np.ndarray) -> np.ndarray:
    """x with ψ'(x) = value, by Newton's iteration on 1/ψ', which is nearly linear: it converges from this start."""
    x = 0.5 + 1.0 / values
    for _ in range(10):  # converges quadratically
        trigamma = special.polygamma(1, x)
        x = x + trigamma * (1.0 - trigamma / values) / special.polygamma(2, x)
    return x


def _astray(setting: LevelData, found: np.ndarray | None, modes: np.ndarray) -> tuple[str, ...]:
    if found is None:
        return ()
    where = f" (mean of {name_levels(modes[found])})" if len(found) else ""
    return (
        f"{setting.label} rests at another fixed point{where}: its temperature cannot be compared with the others'; "
        "start all settings from one minimum",
    )


def _sentences(usable: Usable, agreement: Agreement) -> tuple[str, ...]:
    """Warnings about all settings: levels left out, and variances without a common factor."""
    found = list(usable.warnings)
    left_out = usable.modes[list(agreement.left_out)]
    if len(left_out):
        found.append(f"left out {name_levels(left_out)}: variance not ∝ the common temperature (false-alarm rate 1e-3)")
    if not agreement.common:
        found.append(
            "the variances of the levels do not grow by one common factor (false-alarm rate 1e-3) and give no "
            "temperature: the intervals include their spread; check that all settings are stationary and at one "
            "fixed point"
        )
    return tuple(found)
