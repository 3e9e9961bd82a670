"""Log densities of the programs that fits sample, at some points, against SciPy's laws."""

import numpy as np
import pytest
from numpyro.infer.util import log_density
from scipy import stats

from coulombgas._interval import summarise
from coulombgas._precision import x64
from coulombgas.inference import SettingFit
from coulombgas.inference._programs import (
    SettingEnergies,
    SettingResponse,
    common_temperature,
    response_temperature,
)
from coulombgas.inference._records import collect_records
from coulombgas.inference._settings import prepare_settings
from coulombgas.inference.scaling._joint import _collect, joint_scaling_rule
from coulombgas.inference.temperature._groups import find_curves
from coulombgas.inference.temperature._spectrum import SpectrumData, whole_spectrum
from tests.inference.synthetic import student_spectra

GRID = np.array([0.0, 1.0, 3.0])


def random(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def log_density_of(program, data, **sites):
    """Log density and the value of every site."""
    with x64():
        total, trace = log_density(program, (data,), {}, sites)
        return float(total), {name: np.asarray(site["value"]) for name, site in trace.items()}


def at(temperature, table):
    return np.array([np.interp(temperature, GRID, column) for column in table.T])


def energies_of(groups=4):
    freedom = np.array([20.0, 7.0, 300.0, 50.0])[:groups]
    ratio = np.array([0.5, 2.0, 3.0, 1.0])[:groups]
    return SettingEnergies(freedom * ratio * 1.1, freedom, ratio, np.arange(groups) != 3)


def chi_squared(energies, temperature, log_ratio=0.0):
    """Log density of energies Q with Q/s² ~ χ²(f), s² = T · (s²/T) · R, of the groups that are used."""
    width2 = temperature * energies.width2_per_temperature * np.exp(log_ratio)
    return stats.chi2(energies.freedom, scale=width2).logpdf(energies.energy)[energies.used].sum()


@pytest.mark.parametrize("temperature", [0.4, 1.7])
def test_the_density_of_a_temperature_is_that_of_its_energies(temperature):
    energies = energies_of()
    prior = stats.lognorm(10.0).logpdf(temperature)
    total, _ = log_density_of(common_temperature, energies, temperature=temperature)
    assert total == pytest.approx(prior + chi_squared(energies, temperature))
    log_ratio, error, deviation = random(3, 4), abs(random(3, 4, seed=1)), random(4)
    total, _ = log_density_of(
        response_temperature, SettingResponse(energies, GRID, log_ratio, error),
        temperature=temperature, _response_error=deviation,
    )  # fmt: skip
    response = at(temperature, log_ratio) + at(temperature, error) * deviation
    exact = prior + stats.norm.logpdf(deviation).sum() + chi_squared(energies, temperature, response)
    assert total == pytest.approx(exact)


@pytest.mark.parametrize("temperature", [0.4, 1.7])
def test_the_density_of_a_whole_spectrum_is_that_of_widths_and_means(temperature):
    energies, num = energies_of(3), np.array([20.0, 30.0, 5.0])
    tables = {name: random(3, 3, seed=i) for i, name in enumerate(("ratio", "ratio_error", "shift", "shift_error"))}
    center, deviation = np.array([1.0, 2.0, 4.0]), random(2, 3)
    data = SpectrumData(
        energy=energies.energy, mean=center + 0.1, freedom=energies.freedom, num_levels=num, fixed_point=center,
        width2_per_temperature=energies.width2_per_temperature, grid=GRID, log_ratio=tables["ratio"],
        log_ratio_error=tables["ratio_error"], shift=tables["shift"], shift_error=tables["shift_error"],
    )  # fmt: skip
    total, _ = log_density_of(whole_spectrum, data, temperature=temperature, _response_error=deviation)
    now = {name: at(temperature, table) for name, table in tables.items()}
    response = now["ratio"] + now["ratio_error"] * deviation[0]
    width = np.sqrt(temperature * energies.width2_per_temperature * np.exp(response))
    means = stats.norm(center + now["shift"] + now["shift_error"] * deviation[1], width / np.sqrt(num))
    exact = stats.lognorm(10.0).logpdf(temperature) + stats.norm.logpdf(deviation).sum()
    exact += chi_squared(energies, temperature, response) + means.logpdf(data.mean).sum()
    assert total == pytest.approx(exact)


def fit_alone(rate, batch):
    """A setting fitted by itself, of which the joint rule takes the temperature."""
    draws = rate / batch * np.exp(0.05 * random(4, 50, seed=batch))
    return SettingFit(
        path="made up", model="teacher-student", learning_rate=rate, batch_size=batch, temperature=summarise(draws),
        temperature_draws=draws, levels=(), num_replicas=400, r_hat=1.0, ess=200.0, divergences=0,
    )  # fmt: skip


@pytest.mark.parametrize("scatter", [0.02, 0.4])
def test_the_joint_posterior_is_that_of_the_rule_and_the_energies(scatter):
    """Of the data that a fit collects: log T ~ N(rule, scatter), times dlog T/dz, times the law of the energies."""
    settings = prepare_settings(collect_records(student_spectra(((0.1, 16), (0.1, 64), (0.05, 16)))), 1e-3)
    alone = [fit_alone(setting.record.learning_rate, setting.record.batch_size) for setting in settings]
    data = _collect(settings, find_curves(settings), alone)
    a, b, level, z = 1.2, 0.7, -5.0, random(16)
    total, sites = log_density_of(
        joint_scaling_rule, data, alpha_exponent=a, batch_exponent=b, scatter=scatter, _level=level, _standard=z
    )
    alpha, batch = np.log([one.learning_rate for one in alone]), np.log([one.batch_size for one in alone])
    mean = level + a * (alpha - alpha.mean()) - b * (batch - batch.mean())
    temperature = sites["temperature"][:3]
    own, error = (np.array([getattr(np.log(one.temperature_draws), how)() for one in alone]) for how in ("mean", "std"))
    narrow = scatter * error / np.hypot(scatter, error)  # of rule and setting together
    np.testing.assert_allclose(
        np.log(temperature), (mean / scatter**2 + own / error**2) * narrow**2 + narrow * z[:3], rtol=1e-9
    )
    exact = stats.norm(mean, scatter).logpdf(np.log(temperature)).sum() + np.log(narrow).sum()
    for setting, one in zip(settings, temperature, strict=True):
        (group,) = setting.groups
        width2 = one * group.width2_per_temperature
        exact += stats.chi2(group.freedom, scale=width2).logpdf(group.energy)
    priors = stats.norm(1.0, 1.0).logpdf([a, b]).sum() + stats.norm(0.0, 10.0).logpdf(level)
    priors += stats.halfnorm(scale=0.5).logpdf(scatter) + stats.norm.logpdf(z[3:]).sum()
    assert total == pytest.approx(exact + priors)
