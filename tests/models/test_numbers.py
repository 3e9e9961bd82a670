"""Numbers below the models, one by one: logarithms, factors of Wishart matrices, one matrix without replicas."""

import jax
import jax.numpy as jnp
import numpy as np

from coulombgas.models._linalg import singular_values, symmetric_eigenvalues
from coulombgas.models._random import _log_single, fold, normals, wishart_factor


def words(num):
    return fold(jnp.array([[7], [8]], jnp.uint32), jnp.arange(num, dtype=jnp.uint32))


def test_logarithms_are_exact_to_two_units_in_the_last_place():
    """Over all exponents of the grid of uniforms, against NumPy in double precision."""
    grid = np.concatenate([np.exp(np.linspace(np.log(2.0**-25), 0, 40_000, endpoint=False)), [0.5, 0.7, 0.71, 0.99999]])
    x = grid.astype(np.float32)
    exact = np.log(x.astype(np.float64))
    found = np.asarray(jax.jit(_log_single)(x), dtype=np.float64)
    assert (np.abs(found - exact) <= 2 * np.spacing(np.abs(exact).astype(np.float32))).all()


def test_normals_are_tailed_as_normals_are():
    """Fourth and sixth moments, 3 and 15, of two million numbers: five standard errors are 0.04 and 0.4."""
    drawn = np.asarray(jax.jit(lambda k: normals(k, (20,)))(words(100_000)), dtype=np.float64).ravel()
    for power, exact, higher in ((4, 3.0, 105.0), (6, 15.0, 10395.0)):
        error = np.sqrt((higher - exact**2) / drawn.size)
        assert abs((drawn**power).mean() - exact) < 5 * error


def test_the_factor_of_a_wishart_matrix_is_lower_trapezoidal_and_its_parts_are_independent():
    """Correlations of the five numbers of a 3 × 2 factor and of their squares: five standard errors of 40 000."""
    factor = np.asarray(jax.jit(lambda k: wishart_factor(k, 3, 2))(words(40_000)), dtype=np.float64)
    assert (factor[0, 1] == 0).all()
    parts = np.stack([factor[0, 0], factor[1, 1], factor[1, 0], factor[2, 0], factor[2, 1]])
    for rows in (parts, parts**2):
        assert np.abs(np.corrcoef(rows) - np.eye(5)).max() < 5 / np.sqrt(40_000)


def test_levels_of_one_matrix_without_replicas(x64):
    a = np.random.default_rng(0).normal(size=(5, 3))
    levels, values = jax.jit(lambda a: (symmetric_eigenvalues(a.T @ a), singular_values(a)))(a)
    np.testing.assert_allclose(levels, np.linalg.eigvalsh(a.T @ a), rtol=1e-10)
    np.testing.assert_allclose(values, np.linalg.svd(a, compute_uv=False)[::-1], rtol=1e-10)
