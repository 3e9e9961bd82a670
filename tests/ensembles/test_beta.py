"""Exact β-ensembles: the mistakes found in peers, agreement with dense matrices, batching and errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from coulombgas import InputError
from coulombgas.ensembles import (
    gaussian_matrix,
    hermite_eigenvalues,
    jacobi_eigenvalues,
    laguerre_eigenvalues,
    matrix_levels,
    wishart_matrix,
)

# Every p-value below is of one two-sided test at a fixed seed; a test fails by chance with probability LEVEL.
LEVEL = 1e-4


def _smallest_p(first, second):
    """Bonferroni-corrected Kolmogorov-Smirnov p-value over the modes."""
    pairs = zip(np.asarray(first).T, np.asarray(second).T, strict=True)
    return min(stats.ks_2samp(a, b).pvalue for a, b in pairs) * np.shape(first)[-1]


def _z(values, mean):
    values = np.asarray(values)
    return abs(values.mean() - mean) / (values.std() / np.sqrt(values.size))


def test_goe_mean_spacing_at_unit_off_diagonal_variance():
    levels = hermite_eigenvalues(key=jax.random.key(0), n=2, width=np.sqrt(2.0), shape=(50_000,))
    spacing = np.diff(levels, axis=-1)[:, 0]
    assert _z(spacing, np.sqrt(2 * np.pi)) < stats.norm.isf(LEVEL / 2)
    assert _z(spacing, 2.16) > 50  # control: the spacing of a diagonal of variance 1


@pytest.mark.full("test_any_beta_has_the_exact_second_moment in test_beta.py")
def test_variance_of_the_trace_is_n_times_that_of_the_diagonal():
    trace = np.asarray(hermite_eigenvalues(key=jax.random.key(1), n=50, width=np.sqrt(2.0), shape=(2000,))).sum(-1)
    chi2 = trace.var() * 2000 / 100
    assert LEVEL < stats.chi2.cdf(chi2, 1999) < 1 - LEVEL
    assert stats.chi2.sf(trace.var() * 2000 / 50, 1999) < 1e-20  # control: the wrong normalisation


@pytest.mark.parametrize("beta", [
    1,
    *(pytest.param(beta, marks=pytest.mark.full(
        "test_tridiagonal_agrees_with_dense_gaussian[1], test_any_beta_has_the_exact_second_moment and "
        "test_entry_variances of test_dense.py"
    )) for beta in (2, 4)),
])  # fmt: skip
def test_tridiagonal_agrees_with_dense_gaussian(beta):
    fast = hermite_eigenvalues(key=jax.random.key(2), n=5, beta=beta, width=1.7, shape=(4000,))
    dense = matrix_levels(gaussian_matrix(key=jax.random.key(3), n=5, beta=beta, width=1.7, shape=(4000,)), beta=beta)
    assert _smallest_p(fast, dense) > LEVEL
    wrong = hermite_eigenvalues(key=jax.random.key(2), n=5, beta=1.3 * beta, width=1.7, shape=(4000,))
    assert _smallest_p(wrong, dense) < 1e-8


@pytest.mark.parametrize(("m", "beta"), [
    (4, 1),
    (16, 4),
    *(pytest.param(*case, marks=pytest.mark.full("test_tridiagonal_agrees_with_dense_wishart[4-1] and [16-4]"))
      for case in ((4, 2), (4, 4), (16, 1), (16, 2))),
])  # fmt: skip
def test_tridiagonal_agrees_with_dense_wishart(beta, m):
    """m = 4 takes the route of high relative accuracy, m = 16 the fast one."""
    fast = laguerre_eigenvalues(key=jax.random.key(4), n=4, m=m, beta=beta, width=0.6, shape=(3000,))
    matrices = wishart_matrix(key=jax.random.key(5), m=m, n=4, beta=beta, width=0.6, shape=(3000,))
    dense = matrix_levels(matrices, beta=beta)
    assert _smallest_p(fast, dense) > LEVEL
    wrong = laguerre_eigenvalues(key=jax.random.key(4), n=4, m=m, beta=beta, width=0.65, shape=(3000,))
    assert _smallest_p(wrong, dense) < 1e-8


def test_jacobi_agrees_with_a_dense_manova():
    fast = jacobi_eigenvalues(key=jax.random.key(6), n=3, m1=7, m2=4, shape=(4000,))
    a, b = (wishart_matrix(key=jax.random.key(seed), m=m, n=3, shape=(4000,)) for seed, m in ((7, 7), (8, 4)))
    dense = np.sort(np.linalg.eigvals(np.linalg.solve(np.asarray(a + b), np.asarray(a))).real, axis=-1)
    assert _smallest_p(fast, dense) > LEVEL
    assert _smallest_p(jacobi_eigenvalues(key=jax.random.key(6), n=3, m1=7, m2=5, shape=(4000,)), dense) < 1e-8


def test_any_beta_has_the_exact_second_moment():
    """E Σx² = s² (n + β n (n − 1)/2) by scaling of the joint density; E Σx of Laguerre is β m n s²."""
    for beta in (0.5, 3.7):
        x = np.asarray(hermite_eigenvalues(key=jax.random.key(9), n=5, beta=beta, width=2.0, shape=(4000,)))
        assert _z((x**2).sum(-1), 4 * (5 + beta * 10)) < stats.norm.isf(LEVEL / 2)
        y = np.asarray(laguerre_eigenvalues(key=jax.random.key(9), n=4, m=4.5, beta=beta, width=2.0, shape=(3000,)))
        assert _z(y.sum(-1), beta * 4.5 * 4 * 4) < stats.norm.isf(LEVEL / 2)


def test_laguerre_of_one_level_is_chi_squared():
    x = np.asarray(laguerre_eigenvalues(key=jax.random.key(10), n=1, m=3.5, beta=0.4, shape=(5000,)))[:, 0]
    assert stats.kstest(x, stats.chi2(0.4 * 3.5).cdf).pvalue > LEVEL
    assert stats.kstest(x, stats.chi2(1.8).cdf).pvalue < 1e-8


def test_a_sample_does_not_depend_on_the_batch_around_it():
    small = hermite_eigenvalues(key=jax.random.key(11), n=6, shape=(4,))
    large = hermite_eigenvalues(key=jax.random.key(11), n=6, shape=(9, 5)).reshape(45, 6)
    np.testing.assert_array_equal(small, large[:4])


def test_calling_twice_gives_the_same_and_leaves_numpys_state_alone():
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again = (hermite_eigenvalues(key=jax.random.key(12), n=6, shape=(4,)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_jit_vmap_and_float64(x64):
    keys = jax.random.split(jax.random.key(14), 5)
    one_by_one = [hermite_eigenvalues(key=key, n=8, beta=2.0, width=3.0) for key in keys]
    assert one_by_one[0].dtype == jnp.float64
    jitted = jax.jit(lambda keys, beta, width: jax.vmap(
        lambda key: hermite_eigenvalues(key=key, n=8, beta=beta, width=width))(keys))  # fmt: skip
    np.testing.assert_allclose(jitted(keys, 2.0, 3.0), one_by_one, rtol=1e-13)


def test_width_broadcasts_over_the_batch():
    unit = hermite_eigenvalues(key=jax.random.key(15), n=6, width=np.ones(4), shape=(4,))
    width = np.arange(1.0, 5.0)
    scaled = hermite_eigenvalues(key=jax.random.key(15), n=6, width=width, shape=(4,))
    np.testing.assert_allclose(scaled, unit * width[:, None], rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda key: hermite_eigenvalues(key=key, n=0), "`n` must be at least 1, got 0"),
        (lambda key: hermite_eigenvalues(key=key, n=2, beta=-1.0), "`beta` must be positive"),
        (lambda key: hermite_eigenvalues(key=key, n=2, width=0.0), "`width` must be positive"),
        (lambda key: laguerre_eigenvalues(key=key, n=3, m=2), "`m` must be above n − 1 = 2"),
        (lambda key: jacobi_eigenvalues(key=key, n=3, m1=5, m2=2), "`m2` must be above n − 1 = 2"),
        (lambda key: gaussian_matrix(key=key, n=3, beta=3), "`beta` must be 1, 2 or 4"),
    ],
)
def test_errors_name_argument_value_and_remedy(call, message):
    with pytest.raises(InputError, match=message):
        call(jax.random.key(0))


def test_a_traced_bad_value_raises_at_run_time():
    with pytest.raises(Exception, match="`beta` must be positive"):
        jax.block_until_ready(jax.jit(lambda b: hermite_eigenvalues(key=jax.random.key(0), n=3, beta=b))(-1.0))
