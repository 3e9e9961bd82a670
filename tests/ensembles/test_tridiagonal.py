"""The tridiagonal solvers against dense LAPACK, on the host and through the device route."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulombgas.ensembles import bidiagonal_singular_values, tridiagonal_eigenvalues
from coulombgas.ensembles._tridiagonal import _bisection, _golub_kahan


def _entries(n, batch=()):
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.normal(size=(*batch, n))), jnp.asarray(rng.normal(size=(*batch, n - 1)))


def _dense(d, e):
    rows = zip(np.asarray(d), np.asarray(e), strict=True)
    return np.stack([np.diag(a) + np.diag(b, 1) + np.diag(b, -1) for a, b in rows])


@pytest.mark.parametrize(("jitted", "n"), [
    (False, 2), (False, 3), (False, 40), (True, 40),
    *(pytest.param(True, n, marks=pytest.mark.full("test_eigenvalues_agree_with_dense[False-*] and [True-40]"))
      for n in (2, 3)),
])  # fmt: skip
def test_eigenvalues_agree_with_dense(x64, n, jitted):
    d, e = _entries(n, (300,))
    solve = jax.jit(jax.vmap(tridiagonal_eigenvalues)) if jitted else tridiagonal_eigenvalues
    np.testing.assert_allclose(solve(d, e), np.linalg.eigvalsh(_dense(d, e)), atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_any_number_of_axes_before_the_last(x64, n):
    """One matrix, and a batch of 2 × 5: the same as the rows of a batch."""
    d, e = _entries(n, (10,))
    levels = np.linalg.eigvalsh(_dense(d, e))
    many = tridiagonal_eigenvalues(d.reshape(2, 5, n), e.reshape(2, 5, n - 1))
    np.testing.assert_allclose(many, levels.reshape(2, 5, n), atol=1e-12)
    np.testing.assert_allclose(tridiagonal_eigenvalues(d[3], e[3]), levels[3], atol=1e-12)
    values = np.linalg.svd(np.triu(_dense(d, e)), compute_uv=False)[:, ::-1]
    many = bidiagonal_singular_values(d.reshape(2, 5, n), e.reshape(2, 5, n - 1))
    np.testing.assert_allclose(many, values.reshape(2, 5, n), atol=1e-12)
    np.testing.assert_allclose(bidiagonal_singular_values(d[3], e[3]), values[3], atol=1e-12)


def test_bisection_for_accelerators_agrees(x64):
    d, e = _entries(12, (5,))
    a, b = jnp.abs(d), jnp.abs(e)
    levels, values = jax.jit(lambda d, e, a, b: (_bisection(d, e), _golub_kahan(a, b)))(d, e, a, b)
    np.testing.assert_allclose(levels, tridiagonal_eigenvalues(d, e), atol=1e-12)
    np.testing.assert_allclose(values, bidiagonal_singular_values(a, b), atol=1e-12)


def test_singular_values_keep_their_relative_accuracy(x64):
    """B with a = 1e-3^i has singular values over 30 decades; the product of all is the product of the diagonal."""
    a, b = 1e-3 ** jnp.arange(10.0), 0.5 * 1e-3 ** jnp.arange(9.0)
    product = jnp.log(bidiagonal_singular_values(a, b)).sum()
    np.testing.assert_allclose(product, jnp.log(a).sum(), rtol=1e-14)


def test_a_nan_stays_in_its_row():
    d, e = _entries(6, (3,))
    levels = np.asarray(tridiagonal_eigenvalues(d.at[1, 2].set(jnp.nan), e))
    assert np.isnan(levels[1]).all()
    assert np.isfinite(levels[[0, 2]]).all()


def test_one_level():
    assert tridiagonal_eigenvalues(jnp.ones(1), jnp.ones(0))[0] == 1
