r"""The posterior of one temperature without a Markov chain.

All that is unknown beside T are the errors of a measured response, one or two standard normal numbers for each level
group, and given T the groups are independent: those errors are integrated over one group at a time. What is left is a
density of log T alone, tabulated between the points where it has fallen to e⁻⁴⁰ of its maximum. The posterior is that
of the NumPyro programs, with independent draws.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float
from scipy.special import wrightomega

from coulombgas._checks import InputError
from coulombgas.inference._programs import WIDE, SettingEnergies, SettingResponse
from coulombgas.inference._sampler import on_the_processor

LogDensity = Callable[[np.ndarray], np.ndarray]
"""Log density or likelihood at log T, (node,), up to a constant."""

_DEPTH = 40.0  # a density below e⁻⁴⁰ of the largest is nothing
_COARSE = 301  # nodes of a round of the search, and of the first over this many powers of e to either side
_REACH = 60.0
_FINE = 1501  # nodes of the table; the draws are interpolated between them
_MAX_ROUNDS = 30
_HERMITE = 24  # nodes of the quadrature over the error of a width
_PRIOR_DRAWS = 512  # nodes where a prior is that is narrower than the first round
_EVEN = 97  # nodes of the sum over the error of a width whose group has a mean too
_WIDTHS = 8.0  # its reach beyond the maximum, in standard deviations


def sample_temperature(
    data: SettingEnergies | SettingResponse,
    seed: Sequence[int],
    num_chains: int,
    num_draws: int,
    *,
    stream: int = 0,
    prior: Any = None,
) -> dict[str, Float[np.ndarray, "chain draw"]]:
    """Independent draws of "temperature" given the energies of one setting, as :func:`common_temperature` and
    :func:`response_temperature` state it.

    Args:
        data: energies of the setting, with or without a measured response.
        seed: seeds of the random numbers.
        num_chains, num_draws: shape of the draws.
        stream: one more seed, for draws of another kind.
        prior: NumPyro distribution of T instead of the program's own.
    """
    table = tabulate(*energy_likelihood(data), prior)
    return {"temperature": draw_from(*table, (*seed, stream), (num_chains, num_draws))}


def energy_likelihood(data: SettingEnergies | SettingResponse) -> tuple[LogDensity, float]:
    """Log likelihood of log T given the energies, and log T at its maximum without a response."""
    energies = data.energies if isinstance(data, SettingResponse) else data
    used = np.asarray(energies.used)
    energy, freedom, unit = (np.asarray(column, float)[used] for column in energies[:3])

    def log_likelihood(log_temperature: np.ndarray) -> np.ndarray:
        log_width2, error = log_temperature[:, None] + np.log(unit), np.zeros(1)
        if isinstance(data, SettingResponse):
            log_ratio, error = interpolated(np.exp(log_temperature), data.grid, data.log_ratio, data.error)
            log_width2, error = log_width2 + log_ratio[:, used], error[:, used]
        return _of_energies(energy, freedom, log_width2, error).sum(axis=1)

    return log_likelihood, float(np.log((energy / unit).sum() / freedom.sum()))


def interpolated(temperature: np.ndarray, grid: np.ndarray, *tables: np.ndarray) -> list[np.ndarray]:
    """Tables (point, group) at temperatures, each (node, group)."""
    return [np.stack([np.interp(temperature, grid, column) for column in np.asarray(t).T], axis=1) for t in tables]


def tabulate(log_likelihood: LogDensity, middle: float, prior: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """log T, (node,), and its log posterior density there up to a constant, wherever it is not negligible.

    Args:
        log_likelihood: of log T.
        middle: log T near the maximum of the likelihood.
        prior: NumPyro distribution of T; log T ~ Normal(0, 10) if none.

    Raises:
        InputError: for a prior without a finite density.
    """
    nodes, log_prior = middle + np.linspace(-_REACH, _REACH, _COARSE), _own_prior
    if prior is not None:
        nodes, log_prior = np.union1d(nodes, _draws_of(prior)), _prior_of(prior)
    low, high = nodes[[0, -1]]
    for _ in range(_MAX_ROUNDS):
        values = log_prior(nodes) + log_likelihood(nodes)
        if not np.isfinite(values.max()) and prior is None:
            raise InputError("`spectra` give no finite density of a temperature: change the unit of the levels.")
        if not np.isfinite(values.max()):
            raise InputError("`prior` gives no finite density of the temperature: choose another distribution.")
        inside = np.flatnonzero(values > values.max() - _DEPTH)
        low, high = nodes[max(inside[0] - 1, 0)], nodes[min(inside[-1] + 1, len(nodes) - 1)]
        if high - low > 0.5 * (nodes[-1] - nodes[0]):
            break
        known = np.linspace(nodes[inside[0]], nodes[inside[-1]], _COARSE)  # may be much narrower than its neighbours
        nodes = np.union1d(np.linspace(low, high, _COARSE), known)
    nodes = np.linspace(low, high, _FINE)
    return nodes, log_prior(nodes) + log_likelihood(nodes)


def draw_from(
    nodes: np.ndarray, log_density: np.ndarray, seed: Sequence[int], shape: tuple[int, int]
) -> Float[np.ndarray, "chain draw"]:
    """T from a table of log T, by inversion of its trapezoidal distribution function."""
    density = np.exp(log_density - log_density.max())
    cumulative = np.concatenate([[0.0], np.cumsum(np.diff(nodes) * (density[1:] + density[:-1]) / 2)])
    share = np.random.default_rng(seed).random(shape)
    return np.exp(np.interp(share, cumulative / cumulative[-1], nodes))


def _of_energies(energy: np.ndarray, freedom: np.ndarray, log_width2: np.ndarray, error: np.ndarray) -> np.ndarray:
    r"""log of :math:`\int\varphi(\delta)\,p(Q \mid s^2 e^{\epsilon\delta})\,d\delta` up to a constant, (node, group).

    With c = f/2 and b = Q/2s² the logarithm of the integrand is h(δ) = −δ²/2 − c(log s² + εδ) − b e^{−εδ}, which is
    concave: Gauss-Hermite quadrature around its maximum.
    """
    half = freedom / 2
    with np.errstate(divide="ignore", over="ignore"):  # Q = 0, and T far from what the data allow
        log_b = np.log(energy / 2) - log_width2
        plain = -half * log_width2 - np.exp(log_b)
    if not np.any(error):
        return plain
    safe = np.where(error > 0, error, 1.0)
    centre, deviation = _maximum(half, log_b, safe)
    node, weight = np.polynomial.hermite.hermgauss(_HERMITE)
    scale = np.sqrt(2) * deviation
    x = centre[..., None] + scale[..., None] * node
    tilt = safe[..., None] * x
    log = -(x**2) / 2 - half[:, None] * (log_width2[..., None] + tilt) - np.exp(log_b[..., None] - tilt)
    return np.where(error > 0, _log_sum(log + node**2 + np.log(weight), scale / np.sqrt(2 * np.pi)), plain)


def of_energies_and_means(
    energy: np.ndarray, freedom: np.ndarray, num: np.ndarray, residual: np.ndarray, log_width2: np.ndarray,
    error: np.ndarray, mean_error: np.ndarray,
) -> np.ndarray:  # fmt: skip
    r"""The same for groups whose mean of ``num`` levels, of variance s²e^{εδ}/num + η², is ``residual`` off, (node,
    group).

    The maximum lies between that without the mean and that with an exactly known one (η = 0), where n r² adds to the
    energy: an even sum over both and what is around them.
    """
    half = freedom / 2
    with np.errstate(divide="ignore"):
        log_b = np.log(energy / 2) - log_width2
        log_known = np.log((energy + num * residual**2) / 2) - log_width2
    safe = np.maximum(error, 1e-8)
    maxima = [_maximum(half, log_b, safe), _maximum(half + 0.5, log_known, safe)]
    (first, narrow), (second, other) = maxima
    reach = _WIDTHS * np.maximum(narrow, other)
    low, high = np.minimum(first, second) - reach, np.maximum(first, second) + reach
    step = (high - low) / (_EVEN - 1)
    x = low[..., None] + step[..., None] * np.arange(_EVEN)
    tilt = error[..., None] * x
    with np.errstate(over="ignore"):  # T far from what the data allow
        variance = np.exp(log_width2[..., None] + tilt) / num[:, None] + mean_error[..., None] ** 2
        log = -(x**2) / 2 - half[:, None] * (log_width2[..., None] + tilt) - np.exp(log_b[..., None] - tilt)
        log += -np.log(variance) / 2 - residual[..., None] ** 2 / (2 * variance)
    return _log_sum(log, step / np.sqrt(2 * np.pi))


def _maximum(half: np.ndarray, log_b: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where h is largest, and (−h″)^−1/2 there.

    u = bε² e^{−εδ} solves u + log u = log(bε²) + cε², whose solution is the Wright function ω, and h″ = −1 − u.
    """
    u = wrightomega(log_b + 2 * np.log(error) + half * error**2)
    return u / error - half * error, 1 / np.sqrt(1 + u)


def _log_sum(log: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """log(factor Σ exp(log)) over the last axis."""
    top = log.max(axis=-1)
    return top + np.log(np.exp(log - top[..., None]).sum(axis=-1) * factor)


def _own_prior(log_temperature: np.ndarray) -> np.ndarray:
    return -((log_temperature / WIDE) ** 2) / 2


def _prior_of(prior: Any) -> LogDensity:
    def log_prior(log_temperature: np.ndarray) -> np.ndarray:
        temperature = np.exp(log_temperature)
        with on_the_processor():
            inside = np.asarray(prior.support(temperature))
            if not inside.any():
                return np.full_like(temperature, -np.inf)
            value = prior.log_prob(np.where(inside, temperature, temperature[inside][0]))
        return np.where(inside, value, -np.inf) + log_temperature

    return log_prior


def _draws_of(prior: Any) -> np.ndarray:
    """log T of some draws from a prior, so that the search meets it however narrow it is."""
    with on_the_processor(), np.errstate(divide="ignore"):
        draws = np.log(np.asarray(prior.sample(jax.random.key(0), (_PRIOR_DRAWS,)), float))
    return draws[np.isfinite(draws)]
