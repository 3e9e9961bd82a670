"""Numbers in and below the models: logarithms, factors of Wishart matrices, gradients element by element."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulombgas.models import GaussianRBM, MatrixDyson, Setting, TeacherStudent
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


SETTING = Setting(learning_rate=jnp.float32(0.1), key=jnp.array([1, 2], jnp.uint32), batch_size=4)
REPLICAS = 20_000


def gradients(model, weights):
    """Of many replicas with the same weights, (row, column, replica)."""
    many = np.repeat(np.asarray(weights, np.float32)[..., None], REPLICAS, axis=-1)

    def run(weights, keys):
        return model.gradient(weights, None, key=keys, setting=SETTING, step=jnp.uint32(0))[0]

    return np.asarray(jax.jit(run)(many, words(REPLICAS)), dtype=np.float64)


def test_elements_of_matrix_noise_are_independent_with_the_variance_of_goe():
    """Noise² q/B off the diagonal and twice that on it; means r (X − X₀). Five standard errors of 20 000 replicas."""
    noise2 = np.array([[1.0, 2.0, 0.5], [2.0, 3.0, 1.5], [0.5, 1.5, 0.7]])
    model = MatrixDyson(target=(1.0, 2.0, 4.0), rate=2.0, noise2=noise2)
    weights = np.array([[1.5, 0.2, -0.1], [0.2, 2.0, 0.3], [-0.1, 0.3, 3.0]])
    drawn = gradients(model, weights)
    variance = noise2 * (1 + np.eye(3)) / 4
    rest = drawn - 2 * (weights - np.diag([1.0, 2.0, 4.0]))[..., None]
    assert (np.abs(rest.mean(axis=-1)) < 5 * np.sqrt(variance / REPLICAS)).all()
    np.testing.assert_allclose(rest.var(axis=-1), variance, rtol=5 * np.sqrt(2 / REPLICAS))
    parts = rest[np.triu_indices(3)]
    assert np.abs(np.corrcoef(parts) - np.eye(6)).max() < 5 / np.sqrt(REPLICAS)


def test_label_noise_of_a_student_is_symmetric_and_independent():
    """At the teacher the gradient is the noise alone: ε²/B off the diagonal, 2ε²/B on it; five standard errors."""
    student = TeacherStudent(teacher=(1.0, 2.0, 3.0), noise=0.8, inputs="fresh")
    drawn = gradients(student, np.diag([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(drawn, np.swapaxes(drawn, 0, 1))
    expected = 0.8**2 / 4 * (1 + np.eye(3))
    np.testing.assert_allclose(drawn.var(axis=-1), expected, rtol=5 * np.sqrt(2 / REPLICAS))
    assert np.abs(np.corrcoef(drawn[np.triu_indices(3)]) - np.eye(6)).max() < 5 / np.sqrt(REPLICAS)


@pytest.mark.parametrize("mean", [None, (0.1,) * 6])
def test_a_machine_on_fewer_data_than_levels_has_the_gradient_of_the_whole_formula(mean):
    """By way of the batch no square matrix is built; with replicas behind, it is. The numbers drawn are the same."""
    rbm = GaussianRBM(num_visible=6, chains="data", sampler="naive", target_mean=mean)
    key = words(1)[:, 0]

    @jax.jit
    def both():
        weights, _ = rbm.start(key=key, setting=SETTING, init="random", dtype=jnp.float32)
        one, _ = rbm.gradient(weights, None, key=key, setting=SETTING, step=jnp.uint32(0))
        behind = jax.tree.map(lambda leaf: leaf[..., None], weights)
        other, _ = rbm.gradient(behind, None, key=key[:, None], setting=SETTING, step=jnp.uint32(0))
        return jax.tree.leaves(one), [leaf[..., 0] for leaf in jax.tree.leaves(other)]

    for one, other in zip(*both(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)


def test_targets_are_the_inverse_levels_of_the_covariance():
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    covariance = rotation @ np.diag([0.5, 0.25, 0.2]) @ rotation.T
    rounded = covariance + 1e-12 * np.triu(np.ones((3, 3)), 1)  # symmetric up to rounding
    np.testing.assert_allclose(GaussianRBM(target_covariance=rounded).target_modes, [5.0, 4.0, 2.0], rtol=1e-9)
