"""Starts, memories and gradients of the built-in models, by what must hold whatever the random numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulombgas.models import GaussianRBM, Setting, TeacherStudent, key_words

KEY = key_words(jax.random.key(3))


def setting(batch_size):
    return Setting(learning_rate=jnp.float32(0.1), key=KEY, batch_size=batch_size)


def start(rbm, batch_size):
    """The memory that a machine starts with."""
    return jax.jit(lambda: rbm.start(key=KEY, setting=setting(batch_size), init="random", dtype=jnp.float32)[1])()


@pytest.mark.parametrize("mean", [None, (0.5, -0.3, 0.1)])
@pytest.mark.parametrize("chains", ["persistent", "data"])
def test_only_persistent_chains_are_remembered(chains, mean):
    rbm = GaussianRBM(target=(3.0, 4.0, 5.0), chains=chains, target_mean=mean)
    memory = start(rbm, 8)
    assert (memory is None) == (chains == "data")


@pytest.mark.parametrize("mean", [None, (0.5, -0.3, 0.1)])
def test_restored_chains_have_the_moments_that_were_asked_for(mean):
    rbm = GaussianRBM(target=(3.0, 4.0, 5.0), target_mean=mean)
    chain, reduce = start(rbm, 9), jax.jit(lambda chain: rbm.reduce_memory(chain, setting=setting(9)))
    asked = reduce(chain)
    other = key_words(jax.random.key(4))
    restored = jax.jit(lambda asked: rbm.restore_memory(asked, key=other, setting=setting(9)))(asked)
    assert np.abs(np.asarray(restored) - np.asarray(chain)).max() > 0.1
    own = np.asarray(restored) @ np.asarray(restored).T / 9
    np.testing.assert_allclose(own, np.asarray(chain) @ np.asarray(chain).T / 9, atol=1e-5)
    for found, wanted in zip(jax.tree.leaves(reduce(restored)), jax.tree.leaves(asked), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("batch", [2, 16])
def test_the_gradient_of_a_student_is_its_error_times_the_covariance_of_the_inputs(batch):
    """Whatever the inputs, E⁻¹G is symmetric and positive, of rank min(N, B), where G E⁻¹ is not."""
    student = TeacherStudent(teacher=(1.0, 2.0, 3.0), noise=1e-9, inputs="fresh")
    weights = np.random.default_rng(1).normal(size=(3, 3)).astype(np.float32)
    step = jnp.uint32(1)
    found = jax.jit(lambda w: student.gradient(w, None, key=KEY, setting=setting(batch), step=step)[0])(weights)
    error = weights - np.diag([1.0, 2.0, 3.0])
    covariance = np.linalg.solve(error, np.asarray(found, dtype=np.float64))
    np.testing.assert_allclose(covariance, covariance.T, atol=1e-4)
    assert np.linalg.matrix_rank(covariance, tol=1e-3) == min(3, batch)
    assert np.linalg.eigvalsh((covariance + covariance.T) / 2).min() > -1e-4
    wrong = np.asarray(found) @ np.linalg.inv(error)
    assert np.abs(wrong - wrong.T).max() > 1e-2
