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


def test_teacher_student_width_in_a_simulation():
    """2x2 students with fresh inputs every update: width within 5% at alpha = 0.3, B = 4 (30 000 matrices)."""
    rng = np.random.default_rng(8)
    alpha, batch, eps, num = 0.3, 4, 0.1, 6000
    error = np.zeros((num, 2, 2))
    squares = []
    for step in range(60):
        z = rng.normal(size=(num, batch, 2))
        covariance = np.einsum("nbi,nbj->nij", z, z) / batch
        noise = rng.normal(size=(num, 2, 2))
        symmetric = (noise + np.swapaxes(noise, 1, 2)) / np.sqrt(2) * eps / np.sqrt(batch)
        error = error - alpha * error @ covariance + alpha * symmetric
        if step >= 55:
            squares.append(np.mean(np.sum(error**2, axis=(1, 2))))
    width2 = float(teacher_student_width2(alpha, batch, eps, 2))
    assert np.mean(squares) == pytest.approx(3 * width2, rel=0.05)
    assert np.mean(squares) != pytest.approx(3 * alpha / batch * eps**2, rel=0.05), "the control: leading order"


def test_two_layer_width_with_and_without_the_finite_rate_factor():
    assert two_layer_width2(2, 0.1, 16, 0.3) == pytest.approx(0.1 / 16 * 2 * 0.09)
    ratio = two_layer_width2(2, 0.1, 16, 0.3, 2) / two_layer_width2(2, 0.1, 16, 0.3)
    assert ratio == pytest.approx(2 / (2 - 0.4 * (1 + 3 / 16)))
