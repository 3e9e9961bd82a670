"""Spacing laws and their comparison, by hand or in closed form."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from coulombgas._interval import summarise
from coulombgas.inference import compare_laws, predictive_checks
from coulombgas.inference.spacing_laws._catalogue import find_model
from coulombgas.inference.spacing_laws._compare import (
    _posterior_quantiles,
    _standardised,
    _untied,
    rank_laws,
    widely_applicable,
)
from coulombgas.inference.spacing_laws._criticism import _check
from coulombgas.inference.spacing_laws._fit import GroupModelFit, ModelFit, collect_problems
from tests.inference.synthetic import student_spectra


def test_the_width_of_many_pairs_is_an_inverse_chi():
    """As of a few, ΣS²/2s² ~ χ²(2n); 3000 of them, whose likelihood is below the smallest number."""
    (problem,) = collect_problems(student_spectra(replicas=3000), find_model("pair"))
    square = (np.diff(problem.group.levels, axis=1)[:, 0] ** 2).sum()
    found = _posterior_quantiles(find_model("pair"), "width", problem) * problem.data.scale
    exact = np.sqrt(square / 2 / stats.chi2.isf((np.arange(400) + 0.5) / 400, 6000))
    np.testing.assert_allclose(found[10:-10], exact[10:-10], rtol=1e-3)


def predicted(spacing):
    """Left out, S has the density S a Q^a/(Q + S²/2)^(a + 1) with a = n − 1 and Q = ΣS²/2 of the others."""
    rest, a = (spacing**2).sum() / 2 - spacing**2 / 2, len(spacing) - 1
    return np.sum(np.log(spacing) + np.log(a) + a * np.log(rest) - (a + 1) * np.log(rest + spacing**2 / 2))


def test_a_law_of_one_parameter_predicts_by_its_exact_posterior():
    spectra = student_spectra(replicas=40)
    (problem,) = collect_problems(spectra, find_model("pair"))
    exact = predicted(np.diff(problem.group.levels, axis=1)[:, 0] / problem.data.scale)
    for seed in (0, 1):
        assert compare_laws(spectra, ("pair",), seed=seed).scores[0].elpd == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize(
    ("behind", "told"), [([10.0] + [0.0] * 9, True), ([1.0] * 10, False), ([3.0] + [0.0] * 9, False)]
)
def test_a_verdict_that_rests_on_one_observation_is_told(behind, told):
    """A law that is behind by 10 at one observation, by 1 at each of ten, and by 3, which decides nothing."""
    best = -np.linspace(2, 3, 10)
    found = rank_laws({"one": np.tile(best, (100, 1)), "other": np.tile(best - behind, (100, 1))})
    assert found.scores[1].difference == pytest.approx(sum(behind))
    assert bool(found.warnings) == told


def test_waic_is_the_mean_density_less_the_variance_of_its_logarithm():
    values = np.random.default_rng(7).normal(size=(5, 3))
    expected = sum(np.log(np.mean(np.exp(one))) - sum((one - one.mean()) ** 2) / 4 for one in values.T)
    assert widely_applicable(values) == pytest.approx(expected)


def tied():
    """Pairs of which the first has two equal levels."""
    spectra = student_spectra(replicas=30)
    levels = spectra.eigenvalue.values.astype(float)
    levels[0, 0, 0, 1] = levels[0, 0, 0, 0]
    return spectra.assign(eigenvalue=(spectra.eigenvalue.dims, levels)), np.abs(levels).max()


def test_ties_count_as_half_the_resolution():
    """Levels near 2, stored with 52 bits after the first; a law without a density at zero predicts so."""
    spectra, largest = tied()
    (problem,) = collect_problems(spectra, find_model("known-gap"))
    found = _untied(problem)
    assert problem.data.values.min() == 0
    assert found.data.values.min() * found.data.scale == pytest.approx(2.0**-53 * largest, abs=0)
    assert compare_laws(spectra, ("pair",)).scores[0].elpd == pytest.approx(predicted(found.data.values), abs=0.1)


def test_a_p_value_is_that_of_a_rank_either_way():
    """Three of nine at or above: twice 3.5/10; the negative of a statistic has the same."""
    values, replicated = np.array([6.5]), np.arange(1.0, 10.0)[:, None]
    for sign in (1, -1):
        found = _check(lambda row, sign=sign: float(sign * row[0]), values, replicated)
        assert found.p_value == pytest.approx(0.7)


def group_of(values, **draws):
    draws = {name: np.asarray(value, float).reshape(2, -1) for name, value in draws.items()}
    return GroupModelFit(
        path="made up", learning_rate=0.1, batch_size=4, center=0.0, gap=0.0, values=values, draws=draws,
        parameters={name: summarise(value) for name, value in draws.items()}, r_hat=1.0, ess=400.0, divergences=0,
    )  # fmt: skip


def test_draws_take_part_in_the_units_of_the_values():
    """Levels of mean 5 and standard deviation 2; a width of 3 is 1.5 of them, a centre of 6 is half of one above."""
    model = find_model("density")
    (problem,) = collect_problems(student_spectra(replicas=20), model)
    problem = replace(problem, data=replace(problem.data, shift=5.0, scale=2.0))
    fit = group_of(np.ones(20), center=np.full(10, 6.0), width=np.full(10, 3.0))
    found = _standardised(model, problem, fit)
    np.testing.assert_allclose(found["center"], 0.5)
    np.testing.assert_allclose(found["width"], 1.5)


@pytest.mark.parametrize("draws", [400, 1000])
def test_there_are_four_hundred_replications(draws):
    values = stats.rayleigh.ppf((np.arange(50) + 0.5) / 50)
    fit = ModelFit(model="pair", groups=(group_of(values, width=np.linspace(0.9, 1.1, draws)),))
    checks = predictive_checks(fit)
    assert {check.replicated.size for check in checks.values()} == {400}
    assert checks["mean"].observed == pytest.approx(values.mean())
