"""Causal algebra against dense linear algebra."""

import jax.numpy as jnp
import numpy as np
import pytest

from coulombgas.dmft._causal import (
    causal_inverse,
    running_sum,
    series_inverse,
    series_product,
    series_sqrt,
    stein,
    toeplitz,
    trapezoid,
    volterra,
)

pytestmark = pytest.mark.usefixtures("x64")
KERNEL = np.array([1.3, -0.4, 0.25, 0.1, -0.7, 0.05])


def test_series_are_toeplitz_matrices():
    other = jnp.asarray(KERNEL[::-1].copy())
    dense = toeplitz(jnp.asarray(KERNEL)) @ toeplitz(other)
    np.testing.assert_allclose(dense[:, 0], series_product(jnp.asarray(KERNEL), other), atol=1e-14)
    inverse = series_inverse(jnp.asarray(KERNEL))
    np.testing.assert_allclose(toeplitz(inverse), np.linalg.inv(toeplitz(jnp.asarray(KERNEL))), atol=1e-12)


def test_square_root_squares_back():
    root = series_sqrt(jnp.asarray(KERNEL))
    np.testing.assert_allclose(series_product(root, root), KERNEL, atol=1e-14)


@pytest.mark.parametrize("diagonal", [0.0, 0.6])
def test_stein_solves_its_equation(diagonal):
    kernel = jnp.asarray(KERNEL).at[0].set(diagonal)
    source = jnp.asarray(np.cov(np.random.default_rng(0).normal(size=(6, 20))))
    solution = stein(kernel, source)
    matrix = toeplitz(kernel)
    np.testing.assert_allclose(solution, source + matrix @ solution @ matrix.T, atol=1e-12)


def test_volterra_and_inverse():
    kernel = jnp.asarray(KERNEL).at[0].set(0.0)
    source = jnp.arange(6.0)
    solution = volterra(kernel, source)
    np.testing.assert_allclose(solution, source + toeplitz(kernel) @ solution, atol=1e-13)
    lower = toeplitz(jnp.asarray(KERNEL))
    np.testing.assert_allclose(causal_inverse(lower) @ lower, np.eye(6), atol=1e-13)


def test_trapezoid_is_exact_for_lines_and_the_running_sum_is_not():
    time = 0.1 * np.arange(7)
    np.testing.assert_allclose(trapezoid(7, 0.1) @ (1 + 2 * time), time + time**2, atol=1e-14)
    assert abs(0.1 * running_sum(7) @ (1 + 2 * time) - (time + time**2)).max() > 0.01
