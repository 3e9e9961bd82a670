"""Tables and likelihoods inside the fits of temperatures, by hand, by a definition or by SciPy."""

from dataclasses import replace

import numpy as np
import numpyro
import pytest
from numpyro.infer.util import log_density
from scipy import special, stats

from coulombgas.inference._settings import collect_settings
from coulombgas.inference.temperature import _spectrum as spectrum
from coulombgas.inference.temperature._groups import temperature_problem, width_problem
from coulombgas.inference.temperature._remarks import remarks
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


def test_a_width_has_the_inverse_gamma_law_of_its_energy():
    """Quantiles of 20 000 draws of f ≥ 399 degrees of freedom: the outer ones to 0.13%, 4.5 errors here."""
    setting = setting_of(levels_of(np.random.default_rng(5), 400))
    drawn = width_problem([setting]).draw(num_chains=4, num_draws=5000).sites["temperature"].reshape(3, -1)
    levels, share = setting.record.levels, [0.025, 0.5, 0.975]
    for own, columns in zip(drawn, ((0,), (1, 2), (3, 4, 5)), strict=True):
        part = levels[:, columns]
        energy = ((part - part.mean(axis=0 if len(columns) == 1 else 1, keepdims=True)) ** 2).sum()
        freedom = {1: 399, 2: 800, 3: 2000}[len(columns)]
        expected = stats.invgamma(freedom / 2, scale=energy / 2).ppf(share)
        np.testing.assert_allclose(np.quantile(own, share), expected, rtol=0.006)


def test_a_temperature_is_sought_from_where_its_widths_say():
    """Half of α/B, as in the fit of a whole spectrum, to four errors of the pair and the triple."""
    problem = temperature_problem([setting_of(levels_of(np.random.default_rng(6), 400))], None)
    assert problem.start["temperature"] == pytest.approx(ALPHA / BATCH / 2, rel=4 * np.sqrt(2 / 2800))


@pytest.mark.parametrize(("error", "consistent"), [(0.05, False), (0.15, True)])
def test_a_response_known_to_five_percent_does_not_excuse_a_factor(error, consistent):
    """Widths² that differ by 1.6, log 0.47: 6.6 times √2 · 0.05, and 2.2 times √2 · 0.15."""
    setting = setting_of(levels_of(np.random.default_rng(7), 4000, factors=(1.0, 1.0, np.sqrt(1.6))))
    draws, used = np.full((2, 10), ALPHA / BATCH), np.ones(3, dtype=bool)
    assert remarks(setting, curve_with(error), draws, used)[1] == consistent


@pytest.mark.parametrize(("error", "told"), [(4.0, True), (6.0, False)])
def test_a_mean_strays_beyond_twice_the_error_of_its_shift(error, told):
    """The triple off by ten widths, known to a fortieth of one."""
    far = 10 * WIDTH * np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    setting = setting_of(levels_of(np.random.default_rng(8), 400) + far)
    curve = replace(curve_with(0.0), shift_error=np.full((5, 3), error * WIDTH))
    found, _ = remarks(setting, curve, np.full((2, 10), ALPHA / BATCH), np.ones(3, dtype=bool))
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
    found = spectrum_likelihood(made_up(error))[0](np.log(temperatures))
    np.testing.assert_allclose(np.diff(found), np.diff(np.sum(expected, axis=1)), rtol=1e-6)


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


def test_the_response_of_the_table_goes_through_its_points_at_its_own_rate():
    """Cubics through four points of six groups, within two errors; the shift is that of the means."""
    model = GaussianRBM()
    levels = np.sort(model.fixed_point + 0.03 * np.random.default_rng(0).normal(size=(60, model.num_modes)))
    spectra = make_spectra(levels[None, :, None], learning_rate=[0.1], batch_size=[16], model=model.config())
    (setting,) = collect_settings(spectra)
    found, table = spectrum_response(setting, 0.1 / 16), known_response(model, setting.theory, setting.optimizer)
    center = np.array([group.center for group in setting.theory.groups])
    for index, temperature in enumerate(table.temperature):
        shift = np.array([np.interp(temperature, found.widths.temperature, column) for column in found.shift.T])
        apart = np.log(found.widths.ratio(temperature)) - table.log_ratio[index]
        assert (np.abs(apart) < 2 * table.error[index]).all()
        assert (np.abs(shift + center - table.mean[index]) < 2 * table.mean_error[index]).all()
    assert (np.abs(table.mean - center) > 4 * table.mean_error).any()  # a shift of zero would not pass
