"""Temperature at any noise: the parts of the response, and the whole on trained ensembles."""

import numpy as np
import pytest

from coulombgas.inference import fit_temperature
from coulombgas.models import GaussianRBM
from coulombgas.theory import mean_levels
from coulombgas.theory._ensembles import (
    Measured,
    exact_curve,
    fit_curve,
    learnt_groups,
    linear_log_ratio,
    matrix_curve,
    relaxation_rates,
)
from coulombgas.theory._response_table import tabulated
from coulombgas.training import train


def test_mean_levels_are_the_known_shifts():
    model = GaussianRBM()
    ratio = mean_levels(model, 0.02 / 16) / model.fixed_point
    # arXiv:2407.16427 at α = 0.02, B = 16: the six levels, highest first, derived at matrix level
    expected = [1.0060, 0.9970, 0.9947, 0.9915, 0.9844, 0.9696]
    assert ratio[::-1][[0, 1, 3, 5, 7, 9]] == pytest.approx(expected, abs=1e-4)


def test_linear_ratio_is_the_variance_of_a_mode_with_remembering_noise():
    model, alpha = GaussianRBM(), 0.1
    groups = learnt_groups(model)
    rate = relaxation_rates(model, groups, alpha)[-1]
    memory = (groups[-1].center / model.mu2) ** (2 * model.gibbs_steps)
    # stationary covariance of (x, noise): x' = (1 − λ)x + n, n' = ρn + sqrt(1 − ρ²)ξ, by fixed-point iteration
    step = np.array([[1 - rate, 1.0], [0.0, memory]])
    drive = np.diag([0.0, 1 - memory**2])
    covariance = np.eye(2)
    for _ in range(5000):
        covariance = step @ covariance @ step.T + drive
    white = 1 / (2 * rate)
    assert np.exp(linear_log_ratio(model, groups, alpha)[-1]) == pytest.approx(covariance[0, 0] / white, rel=1e-6)


def test_the_table_belongs_to_the_model_of_the_paper_only():
    reference, measured = tabulated(GaussianRBM())
    assert reference == 0.1
    assert measured.log_ratio.shape == (len(measured.temperature), 6)
    assert measured.error.max() < 0.04
    assert tabulated(GaussianRBM(mu2=10.0)) is None
    assert tabulated(GaussianRBM(gibbs_steps=5)) is None
    assert tabulated(GaussianRBM(num_visible=6)) is None


def test_a_curve_through_exact_points_is_exact():
    temperature = np.array([0.005, 0.01, 0.02])
    truth = 0.05 - 20 * temperature + 300 * temperature**2
    measured = Measured(temperature, truth[:, None], np.full((3, 1), 0.01))
    curve = fit_curve(measured, np.array([0.05]), "test")
    grid = curve.temperature
    assert curve.log_ratio[:, 0] == pytest.approx(0.05 - 20 * grid + 300 * grid**2, abs=1e-10)
    assert curve.error[0, 0] == 0
    assert np.all(np.diff(curve.error[1:, 0]) > -0.01)
    assert not curve.constant
    assert curve.ratio(0.0)[0] == pytest.approx(np.exp(0.05))


def test_far_levels_have_no_response_and_near_ones_have():
    model = GaussianRBM()
    assert exact_curve(model, learnt_groups(model), 0.1, 0.01).constant
    from coulombgas.spectra import LevelGroup

    groups = (LevelGroup(2.0, (0,)), LevelGroup(2.01, (1,)))
    curve = matrix_curve(np.array([2.0, 2.01]), groups, 0.01, 0.01)
    # at s = 0.01 = gap the two levels push each other apart: each fluctuates less than alone; far below it does not
    assert curve.ratio(0.01).max() < 0.85
    assert curve.ratio(1e-4 / 4) == pytest.approx(1.0, abs=0.05)


EIGHT = (100, 50, 25, 16, 10, 8, 5, 4)  # batch sizes at α = 0.05: T from 0.0005 to 0.0125, at another α than the table


@pytest.fixture(scope="module")
def machines(reduced):
    sizes = (EIGHT[0], EIGHT[-1]) if reduced else EIGHT
    replicas = 256 if reduced else 1500
    return train(
        GaussianRBM(), learning_rate=0.05, batch_size=sizes, replicas=replicas, steps=2000, init="fixed-point", seed=11
    )


def ratios(fit):
    """T̂/T of each setting and its posterior standard deviation."""
    temperatures = [(s.temperature, s.true_temperature) for s in fit.settings]
    return np.array([(t.mean / true, t.sd / true) for t, true in temperatures]).T


@pytest.mark.slow
@pytest.mark.parametrize("whole", [False, True])
def test_temperature_from_cold_to_hot(machines, whole):
    fit = fit_temperature(machines, whole_spectrum=whole)
    found, sd = ratios(fit)
    # s² grows more slowly than T up there, so an error of s² counts almost double in T; 3.5 posterior sd, rate 5e-4
    assert np.all(np.abs(found - 1) < 3.5 * sd)
    assert np.all(sd < 0.06)
    # bias below 3% beyond what 3 standard errors explain
    assert abs(found.mean() - 1) < 0.03 + 3 * np.sqrt((sd**2).sum()) / len(sd)
    assert fit.method == ("whole-spectrum" if whole else "response")
    # the Cramér-Rao bound of a cold machine is that of its widths: log T to sqrt(2 / 10 replicas); means only help
    assert sd[0] < 1.3 * np.sqrt(0.2 / machines.sizes["replica"])
    assert all(setting.r_hat < 1.02 for setting in fit.settings)


@pytest.mark.slow
def test_the_leading_formula_is_cold_for_hot_machines(machines):
    hot = fit_temperature(machines, leading_order=True).settings[-1]
    assert hot.temperature.upper < 0.9 * hot.true_temperature


def test_the_table_knows_the_means_too():
    _, measured = tabulated(GaussianRBM())
    model = GaussianRBM()
    first = [group.modes[0] for group in learnt_groups(model)]
    shift = measured.mean - model.fixed_point[first]
    theory = np.array([mean_levels(model, t)[first] for t in measured.temperature]) - model.fixed_point[first]
    # first order in T with corrections of relative order T and α
    assert np.abs(shift / theory - 1)[0].max() < 0.3
    assert measured.mean_error.max() < 0.01
