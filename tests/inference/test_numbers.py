"""Tables and likelihoods inside the fits of temperatures, by hand, by a definition or by SciPy."""

from dataclasses import replace

import numpy as np
import numpyro
import pytest
from numpyro.infer.util import log_density
from scipy import special, stats

from coulombgas.inference._programs import SettingEnergies, SettingResponse
from coulombgas.inference._settings import collect_settings
from coulombgas.inference.temperature import _spectrum as spectrum
from coulombgas.inference.temperature._exact import energy_likelihood, tabulate
from coulombgas.inference.temperature._groups import _part, temperature_problem, width_problem
from coulombgas.inference.temperature._remarks import _expected_shifts, remarks
from coulombgas.inference.temperature._spectrum import (
    SpectrumData,
    spectrum_likelihood,
    spectrum_problem,
    spectrum_response,
)
from coulombgas.models import GaussianRBM
from coulombgas.spectra import make_spectra
from coulombgas.theory import Measured, known_response
from tests.inference.test_level_groups import ALPHA, BATCH, WIDTH2, curve_with, levels_of, setting_of

WIDTH = np.sqrt(WIDTH2)


# --- temperatures of level groups ---


def energies_of(levels):
    """Σ (x − x̄)² of the single level, the pair and the triple, and their degrees of freedom."""
    single, pair, triple = levels[:, :1], levels[:, 1:3], levels[:, 3:]
    energy = [((single - single.mean()) ** 2).sum()]
    energy += [((own - own.mean(axis=1, keepdims=True)) ** 2).sum() for own in (pair, triple)]
    return np.array(energy), np.array([1, 2, 5]) * len(levels) - [1, 0, 0]


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_width_has_the_inverse_gamma_law_of_its_energy(share):
    """Quantiles of 20 000 draws: the outer ones to 0.13% of 399 degrees of freedom, of which snapshots have a share."""
    setting = setting_of(levels_of(np.random.default_rng(5), 400))
    setting = replace(setting, effective_replicas=400 * share)
    drawn = width_problem([setting]).draw(num_chains=4, num_draws=5000).sites["temperature"].reshape(3, -1)
    at = [0.025, 0.5, 0.975]
    for own, energy, freedom in zip(drawn, *energies_of(setting.record.levels), strict=True):
        expected = stats.invgamma(share * freedom / 2, scale=share * energy / 2).ppf(at)
        np.testing.assert_allclose(np.quantile(own, at), expected, rtol=0.006 / np.sqrt(share))


def test_a_temperature_is_sought_from_where_its_widths_say():
    """ΣQ/(s²/T) over Σf of the pair and the triple, where s²/T = 2σ²/(2 − α)."""
    setting = setting_of(levels_of(np.random.default_rng(6), 400))
    energy, freedom = energies_of(setting.record.levels)
    expected = energy[1:].sum() / (2 * WIDTH2 * BATCH / ALPHA) / freedom[1:].sum()
    assert temperature_problem([setting], None).start["temperature"] == pytest.approx(expected)


def test_a_response_multiplies_the_widths_in_the_likelihood():
    """log R = 4000 T for the pair and −3000 T for the triple, over temperatures up to 16 times α/B."""
    setting = setting_of(levels_of(np.random.default_rng(6), 40))
    slope, grid = np.array([0.0, 4000.0, -3000.0]), np.linspace(0.0, 1e-3, 5)
    problem = temperature_problem([setting], [replace(curve_with(0.0), log_ratio=np.outer(grid, slope))])
    one = SettingResponse(SettingEnergies(*(x[0] for x in problem.data.energies)), *(x[0] for x in problem.data[1:]))
    temperature = np.array([1e-5, 5e-5, 7e-4])
    energy, freedom = energies_of(setting.record.levels)
    width2 = temperature[:, None] * 2 * WIDTH2 * BATCH / ALPHA * np.exp(temperature[:, None] * slope)
    expected = (stats.chi2(freedom).logpdf(energy / width2) - np.log(width2)).sum(axis=1)
    found, middle = energy_likelihood(one)
    np.testing.assert_allclose(np.diff(found(np.log(temperature))), np.diff(expected), rtol=1e-6)
    assert middle == pytest.approx(np.log(energy.sum() / (2 * WIDTH2 * BATCH / ALPHA) / freedom.sum()))


def test_without_data_the_posterior_is_the_prior():
    """log T ~ N(0, 10), of which the first search reaches six standard deviations to either side."""
    nodes, log_density = tabulate(np.zeros_like, 0.0)
    assert nodes[[0, -1]] == pytest.approx([-60, 60])
    share = np.cumsum(np.exp(log_density))
    middle, upper = np.interp([0.5, 0.975], share / share[-1], nodes)
    assert (middle, upper) == (pytest.approx(0.0, abs=0.1), pytest.approx(19.6, abs=0.1))


def test_progress_of_an_ensemble_is_a_part_of_the_total():
    """Half of the second of four, three eighths of a thousand; and all of them."""
    told = []
    _part(lambda *numbers: told.append(numbers), 1, 4)(5, 10)
    _part(lambda *numbers: told.append(numbers), 3, 4)(10, 10)
    assert told == [(375, 1000), (1000, 1000)]


# --- what is said of a temperature ---


def said(setting, curve=None, draws=None, used=(True, True, True)):
    draws = np.full((2, 500), ALPHA / BATCH) if draws is None else draws
    return remarks(setting, curve, draws, np.array(used))


@pytest.mark.parametrize(("beyond", "told"), [(20, False), (30, True)])
def test_an_upper_end_beyond_what_was_measured_is_told(beyond, told):
    """Two and three percent of the draws: the end of an interval of 95% is between them."""
    draws = np.full(1000, ALPHA / BATCH)
    draws[:beyond] = 2e-3
    found, _ = said(setting_of(levels_of(np.random.default_rng(7), 40)), curve_with(0.2), draws.reshape(2, 500))
    assert any("T reaches beyond 0.001" in one for one in found) == told


@pytest.mark.parametrize(("factor", "told"), [(9.0, False), (11.0, True), (0.11, False), (0.09, True)])
def test_ten_times_the_temperature_of_a_setting_or_a_tenth_is_far(factor, told):
    setting = setting_of(levels_of(np.random.default_rng(7), 40))
    found, _ = said(setting, draws=np.full((2, 500), factor * ALPHA / BATCH))
    assert any("times α/B" in one for one in found) == told


@pytest.mark.parametrize(("error", "consistent"), [(0.05, False), (0.15, True)])
@pytest.mark.parametrize("single", [True, False])
def test_a_response_known_to_five_percent_does_not_excuse_a_factor(error, consistent, single):
    """Widths² that differ by 1.6, log 0.47: 6.6 times √2 · 0.05, and 2.2 times √2 · 0.15; with two groups or three."""
    setting = setting_of(levels_of(np.random.default_rng(7), 4000, factors=(1.0, 1.0, np.sqrt(1.6))))
    assert said(setting, curve_with(error), used=(single, True, True))[1] == consistent


@pytest.mark.parametrize(("effective", "consistent"), [(4000.0, False), (40.0, True)])
def test_snapshots_know_less_of_a_factor(effective, consistent):
    """Widths² that differ by 1.3, log 0.26: of 4000 replicas 10 errors, of 40 one."""
    setting = setting_of(levels_of(np.random.default_rng(7), 4000, factors=(1.0, 1.0, np.sqrt(1.3))))
    assert said(replace(setting, effective_replicas=effective))[1] == consistent


def test_an_unknown_shift_may_be_three_times_the_width_squared_over_the_level():
    """At twice the temperature of the setting twice that; its width² is 2α/B σ²/(2 − α)."""
    setting = setting_of(levels_of(np.random.default_rng(7), 40))
    setting = replace(setting, theory=replace(setting.theory, mean_shift=None))
    shift, error = _expected_shifts(setting, None, 2 * ALPHA / BATCH)
    np.testing.assert_array_equal(shift, 0)
    np.testing.assert_allclose(error, 2 * 3 * 2 * WIDTH2 / np.array([1.0, 2.0, 4.0]))


@pytest.mark.parametrize(("error", "told"), [(4.0, True), (6.0, False)])
def test_a_mean_strays_beyond_twice_the_error_of_its_shift(error, told):
    """The triple off by ten widths, known to a fortieth of one."""
    far = 10 * WIDTH * np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    setting = setting_of(levels_of(np.random.default_rng(8), 400) + far)
    curve = replace(curve_with(0.0), shift_error=np.full((5, 3), error * WIDTH))
    found, _ = said(setting, curve)
    assert any("levels 3, 4, 5 stray" in one for one in found) == told


# --- a whole spectrum ---


def made_up(log_ratio_error=0.0):
    """Two groups whose response and shift are straight lines in T up to T = 2."""
    grid = np.linspace(0.0, 2.0, 3)
    return SpectrumData(
        energy=np.array([8.0, 30.0]), mean=np.array([1.3, 4.2]), freedom=np.array([9.0, 20.0]),
        num_levels=np.array([10.0, 20.0]), fixed_point=np.array([1.0, 4.0]),
        width2_per_temperature=np.array([0.5, 3.0]), grid=grid, log_ratio=np.outer(grid, [0.4, -0.3]),
        log_ratio_error=np.full((3, 2), log_ratio_error), shift=np.outer(grid, [0.1, 0.2]),
        shift_error=np.full((3, 2), 0.05),
    )  # fmt: skip


def log_probability(temperature, first, second, error):
    """Of the energy and mean of each group: Q/s² is χ²(f), a mean of n levels is normal with variance s²/n."""
    unit, freedom, energy = np.array([0.5, 3.0]), np.array([9.0, 20.0]), np.array([8.0, 30.0])
    width2 = temperature * unit * np.exp(temperature * np.array([0.4, -0.3]) + error * first)
    center = np.array([1.0, 4.0]) + temperature * np.array([0.1, 0.2]) + 0.05 * second
    law = stats.norm(center, np.sqrt(width2 / np.array([10.0, 20.0])))
    return stats.chi2(freedom).logpdf(energy / width2) - np.log(width2) + law.logpdf(np.array([1.3, 4.2]))


@pytest.mark.parametrize("temperature", [0.3, 1.7])
def test_the_program_of_a_whole_spectrum_is_the_law_of_energies_and_means(x64, temperature):
    deviation = np.array([[0.5, -1.0], [1.5, 0.2]])
    sites = {"temperature": np.float64(temperature), "_response_error": deviation}
    found = float(log_density(spectrum.whole_spectrum, (made_up(0.2),), {}, sites)[0])
    prior = stats.lognorm(10.0).logpdf(temperature) + stats.norm.logpdf(deviation).sum()
    assert found - prior == pytest.approx(log_probability(temperature, *deviation, 0.2).sum(), rel=1e-6)


@pytest.mark.parametrize("error", [0.0, 0.2])
def test_the_likelihood_of_a_whole_spectrum_is_the_integral_over_its_errors(error):
    """Over both normal errors of each group, on a grid of 161² points up to eight deviations; up to a constant."""
    at, temperatures = np.linspace(-8, 8, 161), np.array([0.3, 0.9, 1.7])
    first, second = np.meshgrid(at, at, indexing="ij")
    prior = stats.norm.logpdf(first) + stats.norm.logpdf(second)
    expected = [
        special.logsumexp(
            prior[..., None] + log_probability(t, first[..., None], second[..., None], error), axis=(0, 1)
        )
        for t in temperatures
    ]
    likelihood, middle = spectrum_likelihood(made_up(error))
    assert middle == pytest.approx(np.log((8 / 0.5 + 30 / 3) / 29))  # of the widths alone, at leading order
    np.testing.assert_allclose(np.diff(likelihood(np.log(temperatures))), np.diff(np.sum(expected, axis=1)), rtol=1e-6)


def test_settings_share_the_response_at_the_hottest_of_their_temperatures(monkeypatch):
    """Levels of 1 and 3 times the temperature, at a batch and a third of it; a made-up response is found again.

    The errors of the leading estimate: four of √(2/3200). A chain starts with a number for each unknown of the program.
    """
    asked = []

    def trained(model, theory, optimizer, leading, theory_at, progress):
        asked.append(leading)
        heat = leading * np.array([1.0, 1.8])
        x = np.array([group.center for group in theory.groups])
        ratio, errors = np.outer(heat, [50.0, -90.0, 20.0]), np.full((2, 3), 0.01)
        return Measured(heat, ratio, errors, np.tile(x, (2, 1)), errors)

    monkeypatch.setattr(spectrum, "trained_response", trained)
    rng, center = np.random.default_rng(9), np.array([1.0, 2.0, 2.0, 4.0, 4.0, 4.0])
    cold, hot = levels_of(rng, 400), center + np.sqrt(3) * (levels_of(rng, 400) - center)
    settings = [setting_of(cold), setting_of(hot)]
    settings[1] = replace(settings[1], theory=replace(settings[1].theory, batch_size=BATCH // 3))
    problem, curves = spectrum_problem(settings)
    assert asked == [pytest.approx(3 * ALPHA / BATCH / 2, rel=4 * np.sqrt(2 / 3200))]
    for curve in curves:
        np.testing.assert_allclose(curve.log_ratio, np.outer(curve.temperature, [50.0, -90.0, 20.0]), rtol=1e-9)
    np.testing.assert_allclose(problem.data.shift, 0, atol=1e-12)  # nor did the means move
    one = SpectrumData(*(column[0] for column in problem.data))
    with numpyro.handlers.seed(rng_seed=0):
        trace = numpyro.handlers.trace(spectrum.whole_spectrum).get_trace(one)
    for name, start in problem.start.items():
        assert start[0].shape == trace[name]["value"].shape


def test_the_response_of_the_table_is_a_cubic_through_its_points_at_its_own_rate():
    """Least squares of T, T² and T³ for six groups, each over its errors: widths, and means from the fixed point."""
    model = GaussianRBM()
    levels = np.sort(model.fixed_point + 0.03 * np.random.default_rng(0).normal(size=(60, model.num_modes)))
    spectra = make_spectra(levels[None, :, None], learning_rate=[0.1], batch_size=[16], model=model.config())
    (setting,) = collect_settings(spectra)
    found, table = spectrum_response(setting, 0.1 / 16), known_response(model, setting.theory, setting.optimizer)
    center = np.array([group.center for group in setting.theory.groups])
    heat, grid = ((100 * x[:, None]) ** [1, 2, 3] for x in (table.temperature, found.widths.temperature))
    for group in range(6):
        for values, errors, curve in (
            (table.log_ratio, table.error, found.widths.log_ratio),
            (table.mean - center, table.mean_error, found.shift),
        ):
            over = 1 / errors[:, group]
            cubic = np.linalg.lstsq(heat * over[:, None], values[:, group] * over, rcond=None)[0]
            np.testing.assert_allclose(curve[:, group], grid @ cubic, rtol=1e-6, atol=1e-9)
