"""The scaling rule across settings: does only α/B count, and how far do settings scatter?"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from coulombgas._arviz import effective_sample_size, r_hat
from coulombgas._interval import summarise
from coulombgas.inference._parts import ScalingFit, SettingFit, diagnostic_warnings
from coulombgas.inference._problem import Problem
from coulombgas.inference._programs import RuleData, SettingTemperatures, scaling_rule

from ._exact import sample_rule

_EXPONENTS = ("alpha_exponent", "batch_exponent")
_PADDED_SETTINGS = 16  # so that few programs are compiled
_WIDER = 2.0
_MOVED = 0.5  # posterior standard deviations that an end may move under the wider prior
SAMPLER: dict[str, Any] = {"dense_mass": True, "target_accept": 0.95}


def identified_exponents(learning_rate: np.ndarray, batch_size: np.ndarray) -> tuple[bool, bool]:
    """Whether the settings identify the exponents of α and of B, apart from the prefactor and from each other.

    If α and B vary in lockstep (B ∝ α^p at all settings), only a combination of a and b is known: neither is reported.
    """
    alpha = np.log(learning_rate) - np.log(learning_rate).mean()
    batch = np.log(batch_size) - np.log(batch_size).mean()
    varies = (bool(np.ptp(alpha) > 1e-6), bool(np.ptp(batch) > 1e-6))
    if all(varies) and np.linalg.matrix_rank(np.stack([alpha, batch]), tol=1e-6) < 2:
        return False, False
    return varies


def fit_scaling(
    settings: Sequence[SettingFit], *, seed: int, num_chains: int, num_warmup: int, num_draws: int
) -> ScalingFit:
    """Posterior of (a, b, scatter) from the posteriors of the settings' log temperatures.

    The likelihood of a setting is Gaussian in log T with the mean and standard deviation of its posterior (accurate to
    1% for 50 degrees of freedom); the scatter adds in quadrature. The draws are the independent ones of
    :func:`sample_rule`. The same fit with priors twice as wide is included.
    """
    options = {"seed": seed, "num_chains": num_chains, "num_warmup": num_warmup, "num_draws": num_draws}
    return fit_log_temperatures(*columns(settings), *log_temperatures(settings), **options)


def fit_log_temperatures(
    alpha: np.ndarray, batch: np.ndarray, mean: np.ndarray, error: np.ndarray, *, seed: int, num_chains: int,
    num_warmup: int, num_draws: int,
) -> ScalingFit:  # fmt: skip
    """The same from log temperatures (setting,), up to a common constant, and their independent errors."""
    identified = identified_exponents(alpha, batch)
    problem = rule_problem(both_priors(_temperatures(alpha, batch, mean, error, identified)))
    draws = problem.draw(seed=seed, num_chains=num_chains, num_warmup=num_warmup, num_draws=num_draws)
    sites = {name: value for name, value in draws.sites.items() if known(name, identified)}
    return summarise_rule(sites, 0, identified, alpha, batch, method="two-stage")


def rule_problem(data: SettingTemperatures) -> Problem:
    """The scaling rule given the settings' log temperatures, drawn exactly; ``data`` has a leading axis of problems."""
    shape = np.shape(data.log_temperature)[:1]
    start = {"_level": np.zeros(shape), "scatter": np.full(shape, 0.1)}
    start |= {name: np.ones(shape) for name in _EXPONENTS}
    return Problem(program=scaling_rule, data=data, start=start, sampler=SAMPLER, exact=_draw_exactly)


def _draw_exactly(
    data: SettingTemperatures, seed: Sequence[int], num_chains: int, num_draws: int
) -> dict[str, np.ndarray]:
    return sample_rule(data, seed=seed, num_chains=num_chains, num_draws=num_draws)


def known(name: str, identified: tuple[bool, bool]) -> bool:
    """Whether the settings determine a site; an exponent only if identified."""
    return name not in _EXPONENTS or identified[_EXPONENTS.index(name)]


def both_priors(data):
    """A problem twice: with the normal priors, and with priors twice as wide."""
    doubled = jax.tree.map(lambda leaf: np.stack([leaf, leaf]), data)
    return doubled._replace(rule=doubled.rule._replace(prior_scale=np.array([1.0, _WIDER])))


def summarise_rule(
    sites: dict[str, np.ndarray],
    divergences: int,
    identified: tuple[bool, bool],
    alpha: np.ndarray,
    batch: np.ndarray,
    method: str,
) -> ScalingFit:
    """The result from draws under both priors, (prior, chain, draw, ...)."""
    own = {name: value[0] for name, value in sites.items()}
    flat = [value.reshape(*value.shape[:2], -1)[..., i] for value in own.values() for i in range(value[0, 0].size)]
    worst = max(r_hat(value) for value in flat)
    names = [name for name in (*_EXPONENTS, "scatter") if name in sites]
    shown, wider = ({name: summarise(sites[name][row]) for name in names} for row in (0, 1))
    return ScalingFit(
        draws=own,
        alpha_exponent=shown.get("alpha_exponent"),
        batch_exponent=shown.get("batch_exponent"),
        prefactor=summarise(np.exp(own["log_prefactor"])),
        scatter=shown["scatter"],
        r_hat=worst,
        ess=min(effective_sample_size(value) for value in flat),
        divergences=divergences,
        warnings=(
            *_remarks(identified, alpha, batch),
            *_sensitivities(shown, wider),
            *diagnostic_warnings(worst, divergences),
        ),
        wider_prior=wider,
        method=method,
    )


def _sensitivities(own: dict, wider: dict) -> list[str]:
    """Warnings about intervals that depend on the prior."""
    found = []
    for name, value in wider.items():
        moved = max(abs(value.lower - own[name].lower), abs(value.upper - own[name].upper))
        if moved > _MOVED * own[name].sd:
            found.append(
                f"the prior matters: twice as wide it gives {name} in [{value.lower:.3g}, {value.upper:.3g}]; "
                "use more settings"
            )
    return found


def scaling_log_likelihood(settings: Sequence[SettingFit], *, free: bool, seed: int = 0) -> np.ndarray:
    """Log predictive density of each setting's log temperature, (draw, setting), with free or with unit exponents."""
    alpha, batch = columns(settings)
    identified = identified_exponents(alpha, batch) if free else (False, False)
    own = _temperatures(alpha, batch, *log_temperatures(settings), identified)
    draws = sample_rule(own, seed=seed, num_chains=1, num_draws=2000)
    sites = {name: value.reshape(-1, 1) for name, value in draws.items()}
    a, b = (sites[name] if known(name, identified) else 1.0 for name in _EXPONENTS)
    rule = sites["log_prefactor"] + a * np.log(alpha) - b * np.log(batch)
    mean, error = log_temperatures(settings)
    variance = sites["scatter"] ** 2 + error**2
    return -0.5 * ((mean - rule) ** 2 / variance + np.log(2 * np.pi * variance))


def columns(settings: Sequence[SettingFit]) -> tuple[np.ndarray, np.ndarray]:
    """Learning rates and batch sizes."""
    alpha = np.array([setting.learning_rate for setting in settings])
    return alpha, np.array([float(setting.batch_size) for setting in settings])


def log_temperatures(settings: Sequence[SettingFit]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each setting's posterior of log T."""
    logs = [np.log(setting.temperature_draws) for setting in settings]
    return np.array([log.mean() for log in logs]), np.array([log.std() for log in logs])


def _temperatures(
    alpha: np.ndarray, batch: np.ndarray, mean: np.ndarray, error: np.ndarray, identified: tuple[bool, bool]
) -> SettingTemperatures:
    rule = rule_data(alpha, batch, identified)
    size = len(rule.used)
    return SettingTemperatures(padded(mean, size), padded(error, size), rule)


def padded(column: np.ndarray, size: int) -> np.ndarray:
    """Repeat the last row until there are ``size``."""
    return np.concatenate([column, np.repeat(column[-1:], size - len(column), axis=0)])


def rule_data(alpha: np.ndarray, batch: np.ndarray, identified: tuple[bool, bool]) -> RuleData:
    """Data of the rule, padded to a multiple of 16 settings."""
    num = len(alpha)
    size = -(-num // _PADDED_SETTINGS) * _PADDED_SETTINGS
    return RuleData(
        padded(np.log(alpha), size), padded(np.log(batch), size), np.arange(size) < num, np.array(identified),
        np.asarray(1.0),
    )  # fmt: skip


def initial_rule(mean: np.ndarray, rule: RuleData) -> dict[str, np.ndarray]:
    """Least squares of the rule."""
    log_alpha, log_batch = rule.log_learning_rate[: len(mean)], rule.log_batch_size[: len(mean)]
    design: list[np.ndarray] = [np.ones_like(mean)]
    rest = mean.copy()
    for column, free in ((log_alpha, rule.free[0]), (-log_batch, rule.free[1])):
        design.append(column * free)
        rest = rest - (~free) * column
    solution = np.linalg.lstsq(np.stack(design, axis=1), rest, rcond=None)[0]
    scatter = max(float(np.std(rest - np.stack(design, axis=1) @ solution)), 0.02)
    a, b = np.where(rule.free, solution[1:], 1.0)
    level = solution[0] + a * log_alpha.mean() - b * log_batch.mean()
    values = {"_level": level, "scatter": scatter, "alpha_exponent": a, "batch_exponent": b}
    return {name: np.asarray(value, dtype=np.float64) for name, value in values.items()}


def _remarks(identified: tuple[bool, bool], alpha: np.ndarray, batch: np.ndarray) -> tuple[str, ...]:
    """Exponents that are taken as 1 and why, and whether there are settings enough for a scatter."""
    found = []
    for name, values, what, free in zip(
        _EXPONENTS, (alpha, batch), ("learning rate", "batch size"), identified, strict=True
    ):
        if not free:
            why = f"only one {what}" if np.ptp(values) == 0 else "learning rate and batch size vary in lockstep"
            found.append(f"{name} is not identified ({why}); 1 assumed")
    if len(alpha) <= 1 + sum(identified):
        found.append("no more settings than parameters: the scatter is that of its prior")
    return tuple(found)
