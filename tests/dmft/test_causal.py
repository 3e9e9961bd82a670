"""Causal algebra against dense linear algebra."""

import jax
import numpy as np
import pytest

from coulombgas.dmft import _causal
from coulombgas.dmft._causal import running_sum, trapezoid

pytestmark = pytest.mark.usefixtures("x64")
KERNEL = np.array([1.3, -0.4, 0.25, 0.1, -0.7, 0.05])

series_product, series_inverse, series_sqrt = map(
    jax.jit, (_causal.series_product, _causal.series_inverse, _causal.series_sqrt)
)
causal_inverse, stein, volterra = map(jax.jit, (_causal.causal_inverse, _causal.stein, _causal.volterra))


def toeplitz(kernel):
    return np.asarray(jax.jit(_causal.toeplitz)(kernel))


def test_series_are_toeplitz_matrices():
    dense = toeplitz(KERNEL) @ toeplitz(KERNEL[::-1])
    np.testing.assert_allclose(dense[:, 0], series_product(KERNEL, KERNEL[::-1]), atol=1e-14)
    np.testing.assert_allclose(toeplitz(series_inverse(KERNEL)), np.linalg.inv(toeplitz(KERNEL)), atol=1e-12)


def test_square_root_squares_back():
    root = series_sqrt(KERNEL)
    np.testing.assert_allclose(series_product(root, root), KERNEL, atol=1e-14)


@pytest.mark.parametrize("diagonal", [0.0, 0.6])
def test_stein_solves_its_equation(diagonal):
    kernel = np.array([diagonal, *KERNEL[1:]])
    source = np.cov(np.random.default_rng(0).normal(size=(6, 20)))
    solution, matrix = np.asarray(stein(kernel, source)), toeplitz(kernel)
    np.testing.assert_allclose(solution, source + matrix @ solution @ matrix.T, atol=1e-12)


def test_volterra_and_inverse():
    kernel, source = np.array([0.0, *KERNEL[1:]]), np.arange(6.0)
    solution = np.asarray(volterra(kernel, source))
    np.testing.assert_allclose(solution, source + toeplitz(kernel) @ solution, atol=1e-13)
    lower = toeplitz(KERNEL)
    np.testing.assert_allclose(np.asarray(causal_inverse(lower)) @ lower, np.eye(6), atol=1e-13)


def test_trapezoid_is_exact_for_lines_and_the_running_sum_is_not():
    time = 0.1 * np.arange(7)
    np.testing.assert_allclose(np.asarray(trapezoid(7, 0.1)) @ (1 + 2 * time), time + time**2, atol=1e-14)
    assert abs(0.1 * np.asarray(running_sum(7)) @ (1 + 2 * time) - (time + time**2)).max() > 0.01
