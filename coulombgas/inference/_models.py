"""The NumPyro models of the fit, written for one problem; :func:`sample_batch` batches them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jaxtyping import Array, Bool, Float

WIDE = 10.0
"""Standard deviation of the logarithm of a scale under its prior: twenty orders of magnitude either way."""


class GroupEnergy(NamedTuple):
    """Energy Q and freedom f of one level group."""

    energy: Float[Array | np.ndarray, ""]
    freedom: Float[Array | np.ndarray, ""]


class SettingEnergies(NamedTuple):
    """Energies of the level groups of one setting; ``used`` masks padding."""

    energy: Float[Array | np.ndarray, "group"]
    freedom: Float[Array | np.ndarray, "group"]
    width2_per_temperature: Float[Array | np.ndarray, "group"]
    used: Bool[Array | np.ndarray, "group"]


class SettingResponse(NamedTuple):
    """A setting whose widths follow a response curve over a grid of temperatures."""

    energies: SettingEnergies
    grid: Float[Array | np.ndarray, "point"]
    log_ratio: Float[Array | np.ndarray, "point group"]
    error: Float[Array | np.ndarray, "point group"]


class SettingTemperatures(NamedTuple):
    """Inferred log temperatures of all settings, for the scaling rule; ``used`` masks padding."""

    log_temperature: Float[Array | np.ndarray, "setting"]
    error: Float[Array | np.ndarray, "setting"]
    log_learning_rate: Float[Array | np.ndarray, "setting"]
    log_batch_size: Float[Array | np.ndarray, "setting"]
    used: Bool[Array | np.ndarray, "setting"]


def energy_law(freedom, width2):
    """Law of Q when Q/s² ~ χ²(f)."""
    return dist.Gamma(freedom / 2, 0.5 / width2)


def group_width(group: GroupEnergy) -> None:
    """Width of one level group from its energy."""
    width = numpyro.sample("width", dist.LogNormal(0.0, WIDE))
    numpyro.sample("energy", energy_law(group.freedom, width**2), obs=group.energy)


def common_temperature(setting: SettingEnergies) -> None:
    """One temperature behind all level groups of a setting, s_g² = T · (s_g²/T)."""
    temperature = numpyro.sample("temperature", dist.LogNormal(0.0, WIDE))
    width2 = temperature * setting.width2_per_temperature
    with numpyro.plate("group", setting.energy.shape[0]), numpyro.handlers.mask(mask=setting.used):
        numpyro.sample("energy", energy_law(setting.freedom, width2), obs=setting.energy)


def response_temperature(setting: SettingResponse) -> None:
    """One temperature behind all level groups, s_g² = T · (s_g²/T) · R_g(T), the error of the measured R_g inside."""
    temperature = numpyro.sample("temperature", dist.LogNormal(0.0, WIDE))
    energies, num = setting.energies, setting.energies.energy.shape[0]
    at = jax.vmap(lambda column: jnp.interp(temperature, setting.grid, column), in_axes=1)
    with numpyro.plate("group", num):
        deviation = numpyro.sample("response_error", dist.Normal(0.0, 1.0))
        ratio = jnp.exp(at(setting.log_ratio) + at(setting.error) * deviation)
        width2 = temperature * energies.width2_per_temperature * ratio
        with numpyro.handlers.mask(mask=energies.used):
            numpyro.sample("energy", energy_law(energies.freedom, width2), obs=energies.energy)


def _scaling(data: SettingTemperatures, a, b) -> None:
    log_prefactor = numpyro.sample("log_prefactor", dist.Normal(0.0, 10.0))
    scatter = numpyro.sample("scatter", dist.HalfNormal(0.5))
    rule = log_prefactor + a * data.log_learning_rate - b * data.log_batch_size
    error = jnp.sqrt(scatter**2 + data.error**2)
    with numpyro.plate("setting", data.used.shape[0]), numpyro.handlers.mask(mask=data.used):
        numpyro.sample("log_temperature", dist.Normal(rule, error), obs=data.log_temperature)


def _exponent(name: str):
    return numpyro.sample(name, dist.Normal(1.0, 1.0))


def scaling_rule(data: SettingTemperatures) -> None:
    """log T̂ = log c + a log α − b log B + scatter (ALP24 (15)-(16): a = b = 1)."""
    _scaling(data, _exponent("alpha_exponent"), _exponent("batch_exponent"))


def scaling_rule_alpha(data: SettingTemperatures) -> None:
    """The rule where only the learning rate varies."""
    _scaling(data, _exponent("alpha_exponent"), 1.0)


def scaling_rule_batch(data: SettingTemperatures) -> None:
    """The rule where only the batch size varies."""
    _scaling(data, 1.0, _exponent("batch_exponent"))


def scaling_rule_fixed(data: SettingTemperatures) -> None:
    """Both exponents 1: settings that identify neither."""
    _scaling(data, 1.0, 1.0)
