"""Unrolled small linear algebra against NumPy, with and without replica axes, on both sides of the size switch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulombgas.models._linalg import cholesky, matmul, positive_definite, singular_values, symmetric_eigenvalues


def random_spd(size: int, number: int) -> np.ndarray:
    a = np.random.default_rng(size).normal(size=(size, size, number))
    return np.einsum("ikr,jkr->ijr", a, a) / size + np.eye(size)[..., None]


@jax.jit
def both_factors(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    return cholesky(a), positive_definite(a), matmul(a, b)


@pytest.mark.parametrize("size", [1, 4, 10, 18, 65])  # fused, stored, in panels, in loops
def test_matmul_and_cholesky_agree_with_numpy(size, x64):
    a, b = random_spd(size, 4), np.random.default_rng(0).normal(size=(size, 3, 4))
    # indefinite, singular up to rounding, NaN: each in its own replica
    levels, vectors = np.linalg.eigh(a[..., 0])
    for r, lowest in enumerate((-1e-6, -3.0)[: 2 if size > 1 else 1], start=1):
        a[..., r] = (vectors * np.concatenate([[lowest], levels[1:]])) @ vectors.T
    a[0, 0, 3] = np.nan
    factor, definite, product = both_factors(jnp.asarray(a), jnp.asarray(b))
    np.testing.assert_allclose(product, np.einsum("ikr,kjr->ijr", a, b), 1e-10)
    assert definite.tolist() == ([True, False, False, False] if size > 1 else [True, False, True, False])
    np.testing.assert_allclose(factor[..., 0], np.linalg.cholesky(a[..., 0]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("size", [3, 10])
def test_a_replica_without_axes_behind(size, x64):
    a = random_spd(size, 1)[..., 0]
    np.testing.assert_allclose(jax.jit(cholesky)(jnp.asarray(a)), np.linalg.cholesky(a), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(jax.jit(matmul)(jnp.asarray(a), jnp.asarray(a)), a @ a, rtol=1e-12)


def test_eigenvalues_and_singular_values_are_ascending(x64):
    a = random_spd(5, 3)
    np.testing.assert_allclose(symmetric_eigenvalues(jnp.asarray(a))[:, 1], np.linalg.eigvalsh(a[..., 1]), rtol=1e-10)
    b = np.random.default_rng(1).normal(size=(5, 3, 2))
    np.testing.assert_allclose(
        singular_values(jnp.asarray(b))[:, 0], np.linalg.svd(b[..., 0], compute_uv=False)[::-1], rtol=1e-10
    )
