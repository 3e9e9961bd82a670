"""Posteriors, predictions and predictive checks where the answer is known in closed form."""

import numpy as np
import pytest
from scipy import stats

from coulombgas._interval import summarise
from coulombgas.inference import SettingFit, compare_laws, predictive_checks
from coulombgas.inference.scaling._rule import scaling_log_likelihood
from coulombgas.inference.spacing_laws._catalogue import find_model
from coulombgas.inference.spacing_laws._compare import _posterior_quantiles
from coulombgas.inference.spacing_laws._fit import GroupModelFit, ModelFit, collect_problems


@pytest.mark.parametrize("replicas", [10, 40])
def test_the_width_of_pairs_is_an_inverse_chi(teacher_student, replicas):
    """Under a prior flat in log s, ΣS²/2s² ~ χ²(2n): 400 quantiles, the prior's own width of 10 aside."""
    (problem,) = collect_problems(teacher_student(replicas=replicas), find_model("pair"))
    spacings = np.diff(problem.group.levels, axis=1)[:, 0]
    found = _posterior_quantiles(find_model("pair"), "width", problem) * problem.data.scale
    shares = (np.arange(400) + 0.5) / 400
    exact = np.sqrt((spacings**2).sum() / 2 / stats.chi2.isf(shares, 2 * replicas))
    np.testing.assert_allclose(found[10:-10], exact[10:-10], rtol=4e-3)
    # control: one degree of freedom more, which is what a forgotten Jacobian makes
    wrong = np.sqrt((spacings**2).sum() / 2 / stats.chi2.isf(shares, 2 * replicas + 1))
    assert np.abs(wrong / exact - 1).mean() > 5e-3


def rice_spacings(rng, gap: float, width: float, num: int) -> np.ndarray:
    """Spacings of diag(0, gap) plus a GOE matrix of the given width."""
    across = rng.standard_normal((num, 2))
    return np.sqrt((gap + width * np.sqrt(2) * across[:, 0]) ** 2 + 2 * width**2 * across[:, 1] ** 2)


@pytest.mark.parametrize("unit", [1.0, 1e-3, 50.0])
def test_predictive_checks_of_a_known_gap_in_any_unit(unit):
    """Spacings of the law itself: the smallest of six p-values is below 1e-3 once in 200; the seed is fixed.

    Control: for spacings of half the gap it is.
    """
    gap, width = 2.5 * unit, unit
    smallest = []
    for own in (gap, gap / 2):
        values = rice_spacings(np.random.default_rng(2), own, width, 400)
        draws = {"width": width * (1 + 0.02 * np.random.default_rng(3).standard_normal((2, 200)))}
        group = GroupModelFit(
            path="made up", learning_rate=0.1, batch_size=4, center=0.0, gap=gap, values=values, draws=draws,
            parameters={"width": summarise(draws["width"])}, r_hat=1.0, ess=400.0, divergences=0,
        )  # fmt: skip
        checks = predictive_checks(ModelFit(model="known-gap", groups=(group,)))
        smallest.append(min(check.p_value for check in checks.values()))
    assert smallest[0] > 0.01
    assert smallest[1] < 0.01


def fits_on_the_rule(error: float) -> list[SettingFit]:
    """Eight settings whose temperatures are exactly α/B, each known to ``error``."""
    spread = error * stats.norm.isf((np.arange(1000) + 0.5) / 1000).reshape(2, 500)
    found = []
    for rate in (0.01, 0.02, 0.04, 0.08):
        for batch in (4, 16):
            draws = rate / batch * np.exp(spread)
            found.append(SettingFit(
                path="made up", model="rbm", learning_rate=rate, batch_size=batch, temperature=summarise(draws),
                temperature_draws=draws, levels=(), num_replicas=100, r_hat=1.0, ess=1000.0, divergences=0,
            ))  # fmt: skip
    return found


@pytest.mark.parametrize("free", [False, True])
def test_a_prediction_is_no_sharper_than_the_error_of_what_is_predicted(free):
    """log p ≤ −log(√2π e) for a temperature known to e, whatever the scatter; near it for points on the rule."""
    error = 0.2
    density = scaling_log_likelihood(fits_on_the_rule(error), free=free)
    assert density.shape == (2000, 8)
    sharpest = -np.log(np.sqrt(2 * np.pi) * error)
    assert density.max() <= sharpest + 1e-2
    assert np.median(density) > sharpest - 1.0


def test_one_law_alone_is_scored(teacher_student):
    """Its elpd is near the log likelihood at the exact width, less one parameter; there is nothing to differ from."""
    spectra = teacher_student(replicas=40)
    comparison = compare_laws(spectra, ("pair",))
    (score,) = comparison.scores
    (problem,) = collect_problems(spectra, find_model("pair"))
    spacings = np.diff(problem.group.levels, axis=1)[:, 0] / problem.data.scale
    best = np.sqrt((spacings**2).mean() / 2)
    assert (score.difference, comparison.num_observations) == (0.0, 40)
    assert score.elpd == pytest.approx(stats.rayleigh(scale=best).logpdf(spacings).sum() - 1, abs=1.0)
