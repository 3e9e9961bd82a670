"""The scaling rule and the temperatures of all settings in one posterior, from the energies."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jaxtyping import Float, Int

from coulombgas.inference._parts import ScalingFit, SettingFit
from coulombgas.inference._problem import Problem
from coulombgas.inference._programs import RuleData, SettingEnergies, energy_law, rule_prior
from coulombgas.inference._settings import SettingData
from coulombgas.inference.temperature._groups import response_tables, setting_energies
from coulombgas.theory import ResponseCurve

from ._rule import (
    both_priors,
    columns,
    identified_exponents,
    initial_rule,
    known,
    log_temperatures,
    padded,
    rule_data,
    summarise_rule,
)


class JointSettings(NamedTuple):
    """All settings at once; ``energies`` are (setting, group)."""

    energies: SettingEnergies
    grid: Float[Any, "setting point"]
    log_ratio: Float[Any, "setting point group"]
    error: Float[Any, "setting point group"]
    curve: Int[Any, "setting curve"]
    """1 where a setting has the measurement error of this curve, which settings may share; no column if there is
    none."""
    log_temperature: Float[Any, "setting"]
    log_temperature_error: Float[Any, "setting"]
    """Approximate log temperature of each setting by itself: guides the sampler without influencing the posterior."""
    rule: RuleData


def joint_scaling_rule(data: JointSettings) -> None:
    r"""Temperatures that follow the rule up to a scatter, and the resulting energies (derived from ALP24
    (arXiv:2407.16427), (14)-(18)).

    .. math::
        \log T_s \sim \mathrm{Normal}(\log c + a\log\alpha_s - b\log B_s,\ \text{scatter}), \qquad
        Q_{sg} \sim T_s\,(s_g^2/T)\,R_g(T_s)\;\chi^2(f_{sg})
    """
    mean, scatter = rule_prior(data.rule)
    log_temperature = _temperatures(data, mean, scatter)
    temperature = jnp.exp(log_temperature)
    numpyro.deterministic("temperature", temperature)
    energies = data.energies
    log_ratio = _responses(data, temperature)
    width2 = temperature[:, None] * energies.width2_per_temperature * jnp.exp(log_ratio)
    with numpyro.handlers.mask(mask=energies.used & data.rule.used[:, None]):
        numpyro.sample("energy", energy_law(energies.freedom, width2), obs=energies.energy)


def _responses(data: JointSettings, temperature):
    """log R_g(T) of each setting, with the errors of measured curves as further unknowns."""
    at = jax.vmap(jax.vmap(jnp.interp, in_axes=(None, None, 1)))
    log_ratio = at(temperature, data.grid, data.log_ratio)
    num_curves, groups = data.curve.shape[1], data.log_ratio.shape[2]
    if num_curves == 0:
        return log_ratio
    deviation: Any = numpyro.sample("_response_error", dist.Normal(0.0, 1.0).expand((num_curves, groups)).to_event(2))
    return log_ratio + at(temperature, data.grid, data.error) * (data.curve @ deviation)


def _temperatures(data: JointSettings, mean, scatter):
    """log T of each setting ~ Normal(mean, scatter), by a variable that is standard normal in the posterior.

    z is the distance of log T from the value favoured by rule and setting together, in units of that posterior's width:
    it samples well whether the scatter is large or zero. ``factor`` is the density of log T times d log T/dz, over the
    density of z.
    """
    own, error = data.log_temperature, data.log_temperature_error
    total = jnp.sqrt(scatter**2 + error**2)
    z = numpyro.sample("_standard", dist.Normal(0.0, 1.0).expand(own.shape).to_event(1))
    residual = scatter * (own - mean) / total**2 + error / total * z  # (log T − mean)/scatter
    log_density = 0.5 * (z**2 - residual**2) + jnp.log(error / total)
    numpyro.factor("_change_of_variables", jnp.where(data.rule.used, log_density, 0.0).sum())
    return mean + scatter * residual


def fit_jointly(
    settings: Sequence[SettingData], curves: Sequence[ResponseCurve] | None, fits: Sequence[SettingFit], options: dict
) -> ScalingFit:
    """The scaling rule with the temperatures of all settings in one posterior, under two priors, like the two-stage
    rule."""
    data = _collect(settings, curves, fits)
    alpha, batch = columns(fits)
    identified = identified_exponents(alpha, batch)
    initial = initial_rule(data.log_temperature[: len(fits)], data.rule) | {
        "_standard": np.zeros(len(data.log_temperature))
    }
    if data.curve.shape[1]:
        initial["_response_error"] = np.zeros((data.curve.shape[1], data.energies.energy.shape[1]))
    start = {name: np.stack([value, value]) for name, value in initial.items()}
    draws = Problem(
        program=joint_scaling_rule,
        data=both_priors(data),
        start=start,
        sampler={"target_accept": 0.99},  # the funnel at small scatter needs small steps
    ).draw(**options)
    sites = {name: value for name, value in draws.sites.items() if known(name, identified)}
    sites["temperature"] = sites["temperature"][..., : len(fits)]
    return summarise_rule(sites, int(draws.diverging[0].sum()), identified, alpha, batch, method="joint")


def _collect(
    settings: Sequence[SettingData], curves: Sequence[ResponseCurve] | None, fits: Sequence[SettingFit]
) -> JointSettings:
    """The data of the joint program: energies, response tables and starting values, padded."""
    energies = setting_energies(settings, curves)
    groups, num = energies.energy.shape[1], len(settings)
    if curves is None:
        tables = (np.tile([0.0, 1.0], (num, 1)), np.zeros((num, 2, groups)), np.zeros((num, 2, groups)))
    else:
        tables = response_tables(curves, groups)
    errors = [curve.error.tobytes() if curve.error.any() else b"" for curve in curves or []] or [b""] * num
    measured = sorted(set(errors) - {b""})
    shared = np.array([[float(error == known) for known in measured] for error in errors]).reshape(num, len(measured))
    alpha, batch = columns(fits)
    rule = rule_data(alpha, batch, identified_exponents(alpha, batch))
    (mean, error), size = log_temperatures(fits), len(rule.used)
    energies = SettingEnergies(*(padded(column, size) for column in energies))
    grid, log_ratio, curve_error = (padded(table, size) for table in tables)
    return JointSettings(
        energies=energies, grid=grid, log_ratio=log_ratio, error=curve_error, curve=padded(shared, size),
        log_temperature=padded(mean, size), log_temperature_error=padded(error, size), rule=rule,
    )  # fmt: skip
