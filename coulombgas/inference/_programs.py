"""The NumPyro models of the fit, written for one problem; :func:`sample_batch` batches them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jaxtyping import Bool, Float

WIDE = 10.0
"""Standard deviation of the logarithm of a scale under its prior, 95% of which lies within eight orders of magnitude
either way."""


class SettingEnergies(NamedTuple):
    """Energies of the level groups of one setting; ``used`` masks padding."""

    energy: Float[Any, "group"]
    freedom: Float[Any, "group"]
    width2_per_temperature: Float[Any, "group"]
    used: Bool[Any, "group"]


class SettingResponse(NamedTuple):
    """A setting whose widths follow a response curve over a grid of temperatures."""

    energies: SettingEnergies
    grid: Float[Any, "point"]
    log_ratio: Float[Any, "point group"]
    error: Float[Any, "point group"]


class SettingTemperatures(NamedTuple):
    """Inferred log temperatures of all settings, for the scaling rule; ``used`` masks padding."""

    log_temperature: Float[Any, "setting"]
    error: Float[Any, "setting"]
    rule: "RuleData"


class RuleData(NamedTuple):
    """Data of the scaling rule: its settings, which exponents they identify and how wide the priors are."""

    log_learning_rate: Float[Any, "setting"]
    log_batch_size: Float[Any, "setting"]
    used: Bool[Any, "setting"]
    free: Bool[Any, "2"]
    prior_scale: Float[Any, ""]


def energy_law(freedom, width2):
    """Law of Q when Q/s² ~ χ²(f)."""
    return dist.Gamma(freedom / 2, 0.5 / width2)


def common_temperature(setting: SettingEnergies) -> None:
    """One temperature for all level groups of a setting, s_g² = T · (s_g²/T). For one group with s²/T = 1 it is s²."""
    temperature = numpyro.sample("temperature", dist.LogNormal(0.0, WIDE))
    width2 = temperature * setting.width2_per_temperature
    with numpyro.plate("group", setting.freedom.shape[0]), numpyro.handlers.mask(mask=setting.used):
        numpyro.sample("energy", energy_law(setting.freedom, width2), obs=setting.energy)


def response_temperature(setting: SettingResponse) -> None:
    """One temperature for all level groups, s_g² = T · (s_g²/T) · R_g(T), including the error of the measured R_g."""
    temperature = numpyro.sample("temperature", dist.LogNormal(0.0, WIDE))
    energies, num = setting.energies, setting.energies.freedom.shape[0]
    at = jax.vmap(lambda column: jnp.interp(temperature, setting.grid, column), in_axes=1)
    with numpyro.plate("group", num):
        deviation = numpyro.sample("_response_error", dist.Normal(0.0, 1.0))
        ratio = jnp.exp(at(setting.log_ratio) + at(setting.error) * deviation)
        width2 = temperature * energies.width2_per_temperature * ratio
        with numpyro.handlers.mask(mask=energies.used):
            numpyro.sample("energy", energy_law(energies.freedom, width2), obs=energies.energy)


def rule_prior(rule: RuleData):
    """log c + a log α − b log B of each setting, and the scatter around it.

    Priors: a, b ~ Normal(1, 1) and scatter ~ HalfNormal(0.5), with standard deviations times ``prior_scale``; log T at
    the middle of the settings ~ Normal(0, 10). An
    exponent that the settings do not identify is 1.
    """
    wide = rule.prior_scale
    exponents = [numpyro.sample(name, dist.Normal(1.0, wide)) for name in ("alpha_exponent", "batch_exponent")]
    a, b = (jnp.where(free, exponent, 1.0) for free, exponent in zip(rule.free, exponents, strict=True))
    scatter = numpyro.sample("scatter", dist.HalfNormal(0.5 * wide))
    # the level is that at the middle of the settings, where it is independent of the exponents
    level = numpyro.sample("_level", dist.Normal(0.0, WIDE))
    middle_alpha, middle_batch = middle(rule.log_learning_rate, rule.used), middle(rule.log_batch_size, rule.used)
    numpyro.deterministic("log_prefactor", level - a * middle_alpha + b * middle_batch)
    return level + a * (rule.log_learning_rate - middle_alpha) - b * (rule.log_batch_size - middle_batch), scatter


def middle(values, used):
    """Mean over the settings, without padding."""
    return jnp.where(used, values, 0.0).sum() / used.sum()


def scaling_rule(data: SettingTemperatures) -> None:
    """log T̂ = log c + a log α − b log B + scatter + error of log T̂ (ALP24, arXiv:2407.16427, (15)-(16): a = b =
    1)."""
    mean, scatter = rule_prior(data.rule)
    error = jnp.sqrt(scatter**2 + data.error**2)
    with numpyro.plate("setting", data.error.shape[0]), numpyro.handlers.mask(mask=data.rule.used):
        numpyro.sample("log_temperature", dist.Normal(mean, error), obs=data.log_temperature)
