"""Temperatures drawn without a Markov chain, against integrals by SciPy and the NumPyro programs that state them."""

from typing import Any

import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.infer.util import log_density
from scipy import stats

from coulombgas._checks import InputError
from coulombgas._precision import x64
from coulombgas.inference import fit_temperature
from coulombgas.inference._programs import SettingEnergies, SettingResponse, common_temperature
from coulombgas.inference.temperature._exact import energy_likelihood, sample_temperature, tabulate
from coulombgas.inference.temperature._spectrum import SpectrumData, spectrum_likelihood

GRID = np.array([0.0, 0.5, 1.0, 4.0])


def energies(scale=1.0, factor=1.0):
    """Four groups at a temperature of about ``scale``, of which one is not used."""
    freedom = factor * np.array([20.0, 7.0, 300.0, 50.0])
    unit = np.array([0.5, 2.0, 3.0, 1.0])
    return SettingEnergies(freedom * unit * scale, freedom, unit, np.arange(4) != 3)


def responding(size, factor=1.0, scale=1.0):
    """The same with a measured response whose errors are of order ``size``; one group's response is known exactly."""
    rng = np.random.default_rng(5)
    error = size * abs(rng.normal(size=(4, 4))) * (np.arange(4) != 1)
    return SettingResponse(energies(scale, factor), scale * GRID, 0.2 * rng.normal(size=(4, 4)), error)


def integrated(data, log_temperature):
    """Log posterior density of log T, each δ integrated over by a sum of 40 001 terms."""
    own, temperature = data.energies, np.exp(log_temperature)
    total = stats.norm(0, 10).logpdf(log_temperature)
    deviation = np.linspace(-12, 12, 40_001)
    for group in np.flatnonzero(own.used):
        log_ratio, error = (
            np.interp(temperature, data.grid, table[:, group]) for table in (data.log_ratio, data.error)
        )
        width2 = temperature * own.width2_per_temperature[group] * np.exp(log_ratio + error * deviation)
        log = stats.norm.logpdf(deviation) + stats.chi2(own.freedom[group], scale=width2).logpdf(own.energy[group])
        total += log.max() + np.log(np.exp(log - log.max()).mean())
    return total


@pytest.mark.parametrize(("size", "factor"), [(0.02, 1.0), (0.5, 1.0), (1.0, 0.1), (0.1, 1e4)])
def test_the_errors_of_a_response_are_integrated_over(size, factor):
    data = responding(size, factor)
    nodes, log = tabulate(*energy_likelihood(data))
    near = np.flatnonzero(log > log.max() - 15)
    chosen = near[:: len(near) // 7]
    exact = np.array([integrated(data, node) for node in nodes[chosen]])
    np.testing.assert_allclose(log[chosen] - exact, (log[chosen] - exact)[0], atol=1e-6)
    # control: without the errors it is another density
    without = tabulate(*energy_likelihood(data._replace(error=0 * data.error)))[0]
    assert np.ptp(without) < 0.999 * np.ptp(nodes)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_density_is_that_of_the_program(scale):
    data = energies(scale)
    nodes, log = tabulate(*energy_likelihood(data))
    chosen = np.flatnonzero(log > log.max() - 15)[::150]
    with x64():
        stated = [
            float(log_density(common_temperature, (data,), {}, {"temperature": np.exp(node)})[0]) + node
            for node in nodes[chosen]
        ]
    np.testing.assert_allclose(log[chosen] - stated, (log[chosen] - stated)[0], atol=1e-9)
    assert log[0] < log.max() - 38
    assert log[-1] < log.max() - 38


@pytest.mark.parametrize("factor", [0.02, 1.0, 1e5])
def test_draws_of_one_group_are_an_inverse_chi_squared(factor):
    """Under a prior flat in log T, Q/T ~ χ²(f): 20 000 draws by Kolmogorov-Smirnov, false alarm 1e-4 each."""
    freedom, prior = 300.0 * factor, dist.LogNormal(0.0, 100.0)
    data = SettingEnergies(*(np.array([value]) for value in (freedom, freedom, 1.0)), np.array([True]))
    draws = sample_temperature(data, (3, 0), 4, 5000, prior=prior)["temperature"]
    assert draws.shape == (4, 5000)
    assert stats.kstest(freedom / draws.ravel(), stats.chi2(freedom).cdf).pvalue > 1e-4
    # control: one degree of freedom in a hundred more
    assert stats.kstest(freedom / draws.ravel(), stats.chi2(1.01 * freedom + 0.5).cdf).pvalue < 1e-4


def spectrum(size, off):
    """Three groups whose means are ``off`` standard deviations off."""
    rng, own = np.random.default_rng(6), energies()
    tables = {name: 0.2 * rng.normal(size=(4, 3)) for name in ("log_ratio", "shift")}
    tables |= {f"{name}_error": size * abs(rng.normal(size=(4, 3))) * (np.arange(3) != 1) for name in tables}
    num, centre = np.array([20.0, 14.0, 120.0]), np.array([1.0, 2.0, 4.0])
    expected = centre + np.array([np.interp(1.0, GRID, column) for column in tables["shift"].T])
    mean = expected + off * np.sqrt(own.width2_per_temperature[:3] / num)
    first = (own.energy[:3], mean, own.freedom[:3], num, centre, own.width2_per_temperature[:3], GRID)
    return SpectrumData(*first, *(tables[name] for name in SpectrumData._fields[7:]))


@pytest.mark.parametrize(("size", "off"), [(0.02, 0.0), (0.5, 1.0), (0.1, 30.0), (0.1, -30.0), (0.0, 3.0)])
def test_the_errors_of_widths_and_means_are_integrated_over(size, off):
    data = spectrum(size, off)
    nodes, log = tabulate(*spectrum_likelihood(data))
    near = np.flatnonzero(log > log.max() - 15)
    exact, deviation = [], np.linspace(-12, 12, 40_001)
    for node in nodes[near[:: len(near) // 7]]:
        total = stats.norm(0, 10).logpdf(node)
        for group in range(3):
            ratio, spread, shift, wide = (np.interp(np.exp(node), GRID, table[:, group]) for table in (
                data.log_ratio, data.log_ratio_error, data.shift, data.shift_error
            ))  # fmt: skip
            width2 = np.exp(node) * data.width2_per_temperature[group] * np.exp(ratio + spread * deviation)
            law = stats.norm(data.fixed_point[group] + shift, np.sqrt(width2 / data.num_levels[group] + wide**2))
            terms = stats.norm.logpdf(deviation) + law.logpdf(data.mean[group])
            terms += stats.chi2(data.freedom[group], scale=width2).logpdf(data.energy[group])
            total += terms.max() + np.log(np.exp(terms - terms.max()).mean())
        exact.append(total)
    difference = log[near[:: len(near) // 7]] - np.array(exact)
    np.testing.assert_allclose(difference, difference[0], atol=1e-6)


def test_draws_are_independent_and_differ_between_seeds_problems_and_streams():
    data = responding(0.1)

    def drawn(*seed, **options):
        return np.log(sample_temperature(data, seed, 2, 2000, **options)["temperature"])

    first = drawn(0, 0)
    np.testing.assert_array_equal(first, drawn(0, 0))
    for other in (drawn(1, 0), drawn(0, 1), drawn(0, 0, stream=1)):
        # 4 sd of a correlation of 4000 independent pairs: false alarm 6e-5
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(4000)
    assert abs(np.corrcoef(first[:, 1:].ravel(), first[:, :-1].ravel())[0, 1]) < 4 / np.sqrt(4000)


@pytest.mark.parametrize(
    "prior", [dist.Uniform(1.3, 1.300001), dist.LogNormal(5.0, 1e-3), dist.HalfNormal(1e-4), dist.Uniform(0.1, 100.0)]
)
def test_any_prior_is_met_however_narrow(prior: Any):
    """Mean and spread of log T against a sum over a fine grid of the prior's support."""
    data = energies(1.0, 0.05)
    draws = np.log(sample_temperature(data, (0, 0), 4, 10_000, prior=prior)["temperature"])
    with x64():
        some = np.log(np.asarray(prior.sample(np.array([0, 7], dtype=np.uint32), (4000,)), float))
        spread = np.ptp(some)
        nodes = np.linspace(some.min() - spread, some.max() + spread, 100_001)
        nodes = nodes[np.asarray(prior.support(np.exp(nodes)))]
        log = np.asarray(prior.log_prob(np.exp(nodes))) + nodes
    for energy, freedom, unit, used in zip(*data, strict=True):
        log += used * (-freedom / 2 * nodes - energy / (2 * unit) * np.exp(-nodes))
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    mean = weight @ nodes
    sd = np.sqrt(weight @ (nodes - mean) ** 2)
    assert abs(draws.mean() - mean) < 4.5 * sd / np.sqrt(draws.size)  # false alarm 7e-6
    assert draws.std() == pytest.approx(sd, rel=0.06)


class Nowhere(dist.LogNormal):
    """A distribution that draws numbers to which it gives no density."""

    def log_prob(self, value):
        return np.nan * super().log_prob(value)


def test_a_prior_without_a_density_is_refused():
    with pytest.raises(InputError, match="`prior` gives no finite density of the temperature"):
        sample_temperature(energies(), (0, 0), 2, 100, prior=Nowhere(0.0, 1.0))


def test_a_negative_seed_is_refused(teacher_student):
    with pytest.raises(InputError, match="`seed` must be at least 0, got -1"):
        fit_temperature(teacher_student(replicas=20), seed=-1)
