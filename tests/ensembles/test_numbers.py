"""Laws of variates and of tall Wishart matrices, against SciPy and exact moments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from coulombgas.ensembles import chi, laguerre_eigenvalues
from coulombgas.ensembles._chi import beta_variate, gamma

NUM = 40_000
BOUND = np.sqrt(-np.log(1e-6 / 2) / 2 / NUM)  # of Kolmogorov's distance: a false alarm in a million


@jax.jit
def variates(key, shape):
    keys = jax.random.split(key, 3)
    return (
        gamma(key=keys[0], shape_parameter=shape),
        chi(key=keys[1], degrees_of_freedom=shape),
        beta_variate(key=keys[2], a=shape, b=jnp.full_like(shape, 2.0)),
    )


def test_variates_have_their_law_and_bad_shapes_are_nan():
    """Kolmogorov's distance of 40 000 gamma, chi and beta variates. Control: a shape 5% larger is refused."""
    shapes = [0.2, 1.0, 3.7, 50.0, -0.5, np.nan]
    drawn = variates(jax.random.key(0), jnp.repeat(jnp.array(shapes), NUM).reshape(-1, NUM))
    powers, lengths, parts = (np.asarray(rows, dtype=float) for rows in drawn)
    for row, shape in enumerate(shapes[:4]):
        assert stats.kstest(powers[row], stats.gamma(shape).cdf).statistic < BOUND
        assert stats.kstest(powers[row], stats.gamma(1.05 * shape).cdf).statistic > BOUND
        assert stats.kstest(lengths[row], stats.chi(shape).cdf).statistic < BOUND
        assert stats.kstest(parts[row], stats.beta(shape, 2).cdf).statistic < BOUND
    assert np.isnan(np.stack([powers, lengths, parts])[:, 4:]).all()


@pytest.mark.parametrize("m", [5.0, 40.0])
def test_moments_of_wide_and_tall_wishart_matrices(m):
    """⟨Σx⟩ = nm and ⟨Σx²⟩ = nm(m + n + 1) for real entries (n = 4), on both routes; 4.5 errors of 20 000 matrices."""
    levels = np.asarray(laguerre_eigenvalues(key=jax.random.key(2), n=4, m=m, shape=(20_000,)), dtype=float)
    for sums, exact in ((levels.sum(1), 4 * m), ((levels**2).sum(1), 4 * m * (m + 5))):
        assert abs(sums.mean() - exact) < 4.5 * sums.std() / np.sqrt(20_000)
