"""Unrolled small linear algebra against NumPy, with and without replica axes, on both sides of the size switch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulombgas.models._linalg import cholesky, matmul, positive_definite, singular_values, symmetric_eigenvalues


def random_spd(size: int, number: int) -> np.ndarray:
    a = np.random.default_rng(size).normal(size=(size, size, number))
    return np.einsum("ikr,jkr->ijr", a, a) / size + np.eye(size)[..., None]


@pytest.mark.parametrize("size", [1, 2, 4, 5, 10, 16, 17, 24])
def test_matmul_and_cholesky_agree_with_numpy(size, x64):
    a, b = random_spd(size, 7), np.random.default_rng(0).normal(size=(size, 3, 7))
    np.testing.assert_allclose(jax.jit(matmul)(jnp.asarray(a), jnp.asarray(b)), np.einsum("ikr,kjr->ijr", a, b), 1e-10)
    factor = np.asarray(jax.jit(cholesky)(jnp.asarray(a)))
    for r in range(7):
        np.testing.assert_allclose(factor[..., r], np.linalg.cholesky(a[..., r]), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        jax.jit(cholesky)(jnp.asarray(a[..., 0])), np.linalg.cholesky(a[..., 0]), rtol=1e-9, atol=1e-12
    )
    assert bool(positive_definite(jnp.asarray(a)).all())


@pytest.mark.parametrize("size", [3, 10, 18])
def test_indefinite_singular_and_nan_matrices_are_not_positive_definite(size, x64):
    a = np.repeat(random_spd(size, 1), 4, axis=2)
    levels, vectors = np.linalg.eigh(a[..., 0])
    for r, lowest in enumerate((1.0, -1e-6, -3.0)):
        a[..., r] = (vectors * np.concatenate([[lowest], levels[1:]])) @ vectors.T
    a[0, 0, 3] = np.nan
    assert positive_definite(jnp.asarray(a)).tolist() == [True, False, False, False]


def test_eigenvalues_and_singular_values_are_ascending(x64):
    a = random_spd(5, 3)
    np.testing.assert_allclose(symmetric_eigenvalues(jnp.asarray(a))[:, 1], np.linalg.eigvalsh(a[..., 1]), rtol=1e-10)
    b = np.random.default_rng(1).normal(size=(5, 3, 2))
    np.testing.assert_allclose(
        singular_values(jnp.asarray(b))[:, 0], np.linalg.svd(b[..., 0], compute_uv=False)[::-1], rtol=1e-10
    )
