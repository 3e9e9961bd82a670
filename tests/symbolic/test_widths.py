"""Closed forms of the models' widths and shifts, against the published and simulated figures."""

import numpy as np
import pytest
import sympy as sp

from coulombgas.symbolic import (
    discrete_width2,
    rbm_drift,
    rbm_mean_eigenvalue,
    rbm_potential,
    rbm_variance,
    rbm_width2,
    teacher_student_scatter2,
    teacher_student_shift2,
    teacher_student_symmetric_width2,
    teacher_student_width2,
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


def test_two_layer_width_with_and_without_the_finite_rate_factor():
    assert two_layer_width2(2, 0.1, 16, 0.3) == pytest.approx(0.1 / 16 * 2 * 0.09)
    ratio = two_layer_width2(2, 0.1, 16, 0.3, 2) / two_layer_width2(2, 0.1, 16, 0.3)
    assert ratio == pytest.approx(2 / (2 - 0.4 * (1 + 3 / 16)))
