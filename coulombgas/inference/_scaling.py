"""The scaling rule across settings: does only α/B count, and how far do settings scatter?"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from ._arviz import effective_sample_size, r_hat
from ._interval import summarise
from ._models import SettingTemperatures, scaling_rule, scaling_rule_alpha, scaling_rule_batch, scaling_rule_fixed
from ._nuts import sample_batch
from ._result import ScalingFit, SettingFit, diagnostic_warnings

_MODELS = {
    (True, True): scaling_rule,
    (True, False): scaling_rule_alpha,
    (False, True): scaling_rule_batch,
    (False, False): scaling_rule_fixed,
}
_PADDED_SETTINGS = 16


def identified_exponents(learning_rate: np.ndarray, batch_size: np.ndarray) -> tuple[bool, bool]:
    """Whether the settings tell the exponents of α and of B apart from the prefactor and from each other.

    With α and B in lockstep (B ∝ α^p at all settings) only a combination of a and b is known: neither is reported.
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

    The likelihood of a setting is Gaussian in log T with the mean and standard deviation of its posterior (which for
    50 degrees of freedom is right to 1%); the scatter adds in quadrature.
    """
    alpha, batch = _columns(settings)
    identified = identified_exponents(alpha, batch)
    data, initial = _problem(settings, identified)
    draws = sample_batch(
        _MODELS[identified], data, initial, seed=seed, num_chains=num_chains, num_warmup=num_warmup,
        num_draws=num_draws, dense_mass=True, target_accept=0.99,
    )  # fmt: skip
    sites = {name: value[0] for name, value in draws.sites.items()}
    worst = max(r_hat(value) for value in sites.values())
    divergences = int(draws.diverging.sum())
    known = {name: summarise(sites[name]) if name in sites else None for name in ("alpha_exponent", "batch_exponent")}
    return ScalingFit(
        draws=sites,
        alpha_exponent=known["alpha_exponent"],
        batch_exponent=known["batch_exponent"],
        prefactor=summarise(np.exp(sites["log_prefactor"])),
        scatter=summarise(sites["scatter"]),
        r_hat=worst,
        ess=min(effective_sample_size(value) for value in sites.values()),
        divergences=divergences,
        warnings=(*_remarks(identified, alpha, batch, len(settings)), *diagnostic_warnings(worst, divergences)),
    )


def scaling_log_likelihood(settings: Sequence[SettingFit], *, free: bool, seed: int = 0) -> np.ndarray:
    """Log predictive density of each setting's log temperature, (draw, setting), with free or with unit exponents."""
    alpha, batch = _columns(settings)
    identified = identified_exponents(alpha, batch) if free else (False, False)
    data, initial = _problem(settings, identified)
    options = {"num_chains": 4, "num_warmup": 400, "num_draws": 500}
    draws = sample_batch(
        _MODELS[identified], data, initial, seed=seed, dense_mass=True, target_accept=0.99, **options
    )  # fmt: skip
    sites = {name: value[0].ravel()[:, None] for name, value in draws.sites.items()}
    a, b = (sites.get(name, 1.0) for name in ("alpha_exponent", "batch_exponent"))
    rule = sites["log_prefactor"] + a * np.log(alpha) - b * np.log(batch)
    mean, error = _log_temperatures(settings)
    return stats.norm.logpdf(mean, rule, np.sqrt(sites["scatter"] ** 2 + error**2))


def _columns(settings: Sequence[SettingFit]) -> tuple[np.ndarray, np.ndarray]:
    alpha = np.array([setting.learning_rate for setting in settings])
    return alpha, np.array([float(setting.batch_size) for setting in settings])


def _log_temperatures(settings: Sequence[SettingFit]) -> tuple[np.ndarray, np.ndarray]:
    logs = [np.log(setting.temperature_draws) for setting in settings]
    return np.array([log.mean() for log in logs]), np.array([log.std() for log in logs])


def _problem(settings: Sequence[SettingFit], identified: tuple[bool, bool]):
    alpha, batch = _columns(settings)
    mean, error = _log_temperatures(settings)
    data = _pad(mean, error, np.log(alpha), np.log(batch))
    return data, _initial(mean, np.log(alpha), np.log(batch), identified)


def _pad(mean, error, log_alpha, log_batch) -> SettingTemperatures:
    num = len(mean)
    size = -(-num // _PADDED_SETTINGS) * _PADDED_SETTINGS
    columns = [np.pad(column, (0, size - num), mode="edge")[None] for column in (mean, error, log_alpha, log_batch)]
    return SettingTemperatures(*columns, used=(np.arange(size) < num)[None])


def _initial(mean, log_alpha, log_batch, identified) -> dict[str, np.ndarray]:
    """Least squares of the rule."""
    columns, names, rest = [np.ones_like(mean)], ["log_prefactor"], mean.copy()
    for name, column, free in (
        ("alpha_exponent", log_alpha, identified[0]),
        ("batch_exponent", -log_batch, identified[1]),
    ):
        if free:
            columns.append(column)
            names.append(name)
        else:
            rest = rest - column
    design = np.stack(columns, axis=1)
    solution = np.linalg.lstsq(design, rest, rcond=None)[0]
    scatter = max(float(np.std(rest - design @ solution)), 0.02)
    values = dict(zip(names, solution, strict=True)) | {"scatter": scatter}
    return {name: np.array([value]) for name, value in values.items()}


def _remarks(identified, alpha, batch, num: int) -> tuple[str, ...]:
    found = []
    if not identified[0]:
        why = "only one learning rate" if np.ptp(alpha) == 0 else "learning rate and batch size vary in lockstep"
        found.append(f"alpha_exponent is not identified ({why}); 1 assumed")
    if not identified[1]:
        why = "only one batch size" if np.ptp(batch) == 0 else "learning rate and batch size vary in lockstep"
        found.append(f"batch_exponent is not identified ({why}); 1 assumed")
    if num <= 1 + sum(identified):
        found.append("no more settings than parameters: the scatter is what its prior says")
    return tuple(found)
