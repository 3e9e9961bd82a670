"""Closed forms of the models' widths and shifts, against the published and simulated figures."""

import numpy as np
import pytest
import sympy as sp

from coulombgas.symbolic import (
    data_chain_factor,
    discrete_width2,
    persistent_chain_factor,
    rbm_drift,
    rbm_finite_rate_width2,
    rbm_mean_eigenvalue,
    rbm_memory,
    rbm_potential,
    rbm_relaxation,
    rbm_variance,
    rbm_width2,
    teacher_student_scatter2,
    teacher_student_shift2,
    teacher_student_symmetric_width2,
    teacher_student_width2,
    two_layer_rate,
    two_layer_variance,
    two_layer_width2,
)


def test_mean_eigenvalues_of_the_paper_setting():
    """<x>/x_s of the six levels at alpha = 0.02, B = 16, highest first."""
    kappa = np.round(6 - 2 * np.cos(2 * np.pi * np.arange(10) / 10), 12)
    levels = np.sort(9 - kappa)[::-1]
    means = [rbm_mean_eigenvalue(i, levels, 9, 0.02 / 16) / x for i, x in enumerate(levels)]
    assert [round(float(means[i]), 4) for i in (0, 1, 3, 5, 7, 9)] == [1.0060, 0.9970, 0.9947, 0.9915, 0.9844, 0.9696]


def test_diagonal_variance_is_the_squared_width():
    assert rbm_variance(3, 3, 0.01, same=True, sigma_h2=2) == pytest.approx(rbm_width2(3, 0.01, sigma_h2=2))


def test_width_of_a_simulated_mode():
    """40 000 updates of 50 chains of one discrete mode, alpha Omega = 0.6; 3% covers the sampling error five times."""
    rng = np.random.default_rng(7)
    x, total, count = np.zeros(50), 0.0, 0
    for step in range(4000):
        x = x - 0.6 * x + 0.6 / np.sqrt(8) * np.sqrt(2) * 1.5 * rng.normal(size=50)
        if step > 50:
            total, count = total + np.sum(x**2), count + 50
    exact = float(discrete_width2(0.6, 1.0, 1.5, 0.6 / 8))
    assert total / count == pytest.approx(exact, rel=0.03)
    assert total / count != pytest.approx(exact * (1 - 0.3), rel=0.03), "the control: without the finite-rate factor"


def test_drift_is_minus_the_slope_of_the_potential():
    x, kappa, mu2 = sp.symbols("x kappa mu2", positive=True)
    assert sp.cancel(sp.diff(rbm_potential(x, kappa, mu2), x) + rbm_drift(x, kappa, mu2)) == 0


def fresh_batch(rng, num, batch):
    z = rng.normal(size=(num, batch, 2))
    return np.einsum("nbi,nbj->nij", z, z) / batch


def test_teacher_student_width_in_a_simulation():
    """2x2 students, fresh inputs every update, alpha = 0.5, B = 4: <S^2> = 4 s^2 within 3 standard errors (0.27%)."""
    rng = np.random.default_rng(8)
    alpha, batch, eps, num = 0.5, 4, 0.1, 20_000
    error, squares = np.zeros((num, 2, 2)), []
    for step in range(60):
        noise = rng.normal(size=(num, 2, 2))
        symmetric = (noise + np.swapaxes(noise, 1, 2)) / np.sqrt(2) * eps / np.sqrt(batch)
        error = error - alpha * error @ fresh_batch(rng, num, batch) + alpha * symmetric
        if step % 10 == 9 and step > 15:
            squares.append((error[:, 0, 0] - error[:, 1, 1]) ** 2 + (error[:, 0, 1] + error[:, 1, 0]) ** 2)
    energy = np.mean(squares, axis=0) / 4
    width2, standard_error = energy.mean(), energy.std() / np.sqrt(num)
    assert abs(width2 - teacher_student_width2(alpha, batch, eps, 2)) < 3 * standard_error
    shift = error.trace(axis1=1, axis2=2) / 2  # variance s^2/2 + that of the common shift
    expected = teacher_student_width2(alpha, batch, eps, 2) / 2 + teacher_student_shift2(alpha, batch, eps)
    assert abs(shift.var() / expected - 1) < 3 * np.sqrt(2 / num) * 1.5  # 1.5: a little heavier tails than Gaussian
    assert abs(width2 - teacher_student_symmetric_width2(alpha, batch, eps, 2)) > 5 * standard_error  # the controls
    assert abs(width2 - alpha / batch * eps**2 * 2 / (2 - alpha)) > 5 * standard_error


def test_scatter_of_the_width_over_input_sets():
    """The exact covariance of E given 3000 sets of inputs, alpha = 0.02, B = 4: mean s^2 and scatter sqrt(T)."""
    rng = np.random.default_rng(9)
    alpha, batch, eps, num = 0.02, 4, 0.1, 3000
    exchange = np.eye(4)[[0, 2, 1, 3]]  # vec E -> vec of its transpose
    kick = alpha**2 / batch * eps**2 * (np.eye(4) + exchange)
    covariance = np.zeros((num, 4, 4))
    for _ in range(200):
        factor = np.eye(2) - alpha * fresh_batch(rng, num, batch)
        both = np.einsum("ik,nlj->nijkl", np.eye(2), factor).reshape(num, 4, 4)  # vec(E F) = both vec(E)
        covariance = both @ covariance @ np.swapaxes(both, 1, 2) + kick
    g = covariance.reshape(num, 2, 2, 2, 2)
    energy = g[:, 0, 0, 0, 0] + g[:, 1, 1, 1, 1] - 2 * g[:, 0, 0, 1, 1]
    energy += g[:, 0, 1, 0, 1] + g[:, 1, 0, 1, 0] + 2 * g[:, 0, 1, 1, 0]
    width2 = energy / 4 / (1 - (1 - alpha) ** 400)  # not quite stationary after 200 updates
    assert width2.mean() == pytest.approx(teacher_student_width2(alpha, batch, eps, 2), rel=3 * 0.071 / np.sqrt(num))
    scatter = width2.std() / width2.mean()
    expected = np.sqrt(teacher_student_scatter2(alpha, batch, 2))
    assert scatter == pytest.approx(expected, rel=3 / np.sqrt(2 * num) + alpha)  # alpha: the next order
    assert scatter != pytest.approx(expected * np.sqrt(2), rel=0.2)


def test_two_layer_variance_at_leading_order_and_in_a_case_by_hand():
    assert two_layer_width2(2, 0.1 / 16, 0.3) == pytest.approx(0.1 / 16 * 2 * 0.09)
    # one mode: V (2 - αr(1 + 2/B)) = αr ν²/B, by hand from V = V(1-αr)² + (αr)²[(V + V)/B + ν²/B]
    rate, batch, noise, r = 0.1, 4, 0.3, 3.0
    by_hand = rate * r * noise**2 / batch / (2 - rate * r * (1 + 2 / batch))
    assert two_layer_variance([r], 0, rate, batch, noise) == pytest.approx(by_hand)
    assert two_layer_variance([4.0, 3.0], 0, 1e-6, 8, noise) == pytest.approx(1e-6 * 4 * noise**2 / 16, rel=1e-4)


def test_two_layer_variance_reproduces_the_measured_network():
    """Teacher (0.5, 3, 3, 3), α = 0.1, B = 4, ν = 0.02: 6.59(3)e-6 and 8.24(7)e-5 by an independent simulation."""
    levels = (0.5, 3.0, 3.0, 3.0)
    rows = [[float(two_layer_rate(one, two)) for two in levels] for one in levels]
    first, second = (float(two_layer_variance(rows[i], i, 0.1, 4, 0.02)) for i in (0, 1))
    assert first == pytest.approx(6.51e-6, rel=1e-3)
    assert second == pytest.approx(8.22e-5, rel=1e-3)
    assert abs(first - 6.59e-6) < 3 * 0.03e-6
    assert abs(second - 8.24e-5) < 3 * 0.07e-5


@pytest.mark.parametrize(("rate", "measured", "error"), [(0.1, 1.9305, 0.0061), (0.2, 1.952, 0.009)])
def test_persistent_chains_reproduce_the_measured_width(rate, measured, error):
    """PCD-1, κ = 4, μ² = 9 by an independent simulation; control: coloured noise on an instantaneous force."""
    relaxation, memory = float(rbm_relaxation(5.0, 5.0, 9.0, rate)), float(rbm_memory(5.0, 5.0, 9.0, 1))
    factor = float(rbm_finite_rate_width2(5.0, 9.0, rate, 1, 1) / (2 * 5.0 * rate))
    assert abs(factor - measured) < 3 * error
    assert factor == pytest.approx(float(persistent_chain_factor(relaxation, memory)))
    kept = memory * (1 - relaxation)
    coloured = (1 + kept) / (1 - kept) / (1 - relaxation / 2)
    assert abs(coloured - measured) > 6 * error


def test_restarted_chains_are_wider_by_the_force_that_they_lack():
    relaxation, memory = 0.0625, (5 / 9) ** 2
    assert data_chain_factor(1e-9, memory) == pytest.approx(1.446, abs=1e-3)
    # the variance of d' = (1 - λ(1-ρ)) d + λ η by iteration, over λ/2
    variance = 0.0
    for _ in range(4000):
        variance = (1 - relaxation * (1 - memory)) ** 2 * variance + relaxation**2
    assert data_chain_factor(relaxation, memory) == pytest.approx(variance / (relaxation / 2))
