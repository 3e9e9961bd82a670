"""Dense matrices: documented normalisations, Haar measure, ensembles with a source."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from coulombgas import InputError
from coulombgas.ensembles import gaussian_matrix, matrix_levels, source_eigenvalues, unitary_matrix, wishart_matrix

LEVEL = 1e-4  # false-alarm rate of each test


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_entry_variances(beta):
    s, count = 1.5, 20_000
    x = np.asarray(gaussian_matrix(key=jax.random.key(0), n=3, beta=beta, width=s, shape=(count,)))
    np.testing.assert_allclose(x, x.conj().swapaxes(1, 2), atol=1e-5)
    for values, variance in ((x[:, 0, 0].real, s**2), (x[:, 0, 1].real, s**2 / 2)):
        assert LEVEL / 2 < stats.chi2.cdf((values**2).sum() / variance, count) < 1 - LEVEL / 2
    if beta > 1:
        assert LEVEL / 2 < stats.chi2.cdf((x[:, 0, 1].imag ** 2).sum() * 2 / s**2, count) < 1 - LEVEL / 2


def test_gse_levels_are_doubled_in_the_matrix_and_single_in_the_levels(x64):
    matrix = gaussian_matrix(key=jax.random.key(1), n=4, beta=4)
    raw = jnp.linalg.eigvalsh(matrix)
    assert raw.shape == (8,)
    np.testing.assert_allclose(raw[::2], raw[1::2], atol=1e-12)
    np.testing.assert_allclose(matrix_levels(matrix, beta=4), raw[::2], atol=1e-12)


def test_wishart_is_positive_and_has_its_zeros(x64):
    levels = matrix_levels(wishart_matrix(key=jax.random.key(2), m=2, n=4))
    np.testing.assert_allclose(levels[:2], 0, atol=1e-12)
    assert (levels[2:] > 0).all()


def test_unitary_matrices_are_haar():
    """E|tr U²|² = 2 under Haar, and eigenphases are uniform; LAPACK's QR without the phases fails both."""
    u = np.asarray(unitary_matrix(key=jax.random.key(3), n=6, shape=(4000,)))
    np.testing.assert_allclose(u @ u.conj().swapaxes(1, 2), np.broadcast_to(np.eye(6), u.shape), atol=1e-5)

    def p_value(matrices):  # one phase a matrix, picked by index: independent and uniform under Haar
        phases = np.angle(np.linalg.eigvals(matrices))
        return stats.kstest(phases[np.arange(4000), np.arange(4000) % 6], stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue

    def moment(matrices):
        return np.abs(np.trace(matrices @ matrices, axis1=1, axis2=2)) ** 2

    raw = np.random.default_rng(0).normal(size=(2, 4000, 6, 6))
    naive = np.linalg.qr(raw[0] + 1j * raw[1]).Q
    assert abs(moment(u).mean() - 2) < stats.norm.isf(LEVEL / 2) * moment(u).std() / np.sqrt(4000)
    assert p_value(u) > LEVEL
    assert p_value(naive) < 1e-6  # control
    assert abs(np.trace(naive, axis1=1, axis2=2).mean()) > 0.1  # control: Haar has none
    assert abs(np.trace(u, axis1=1, axis2=2).mean()) < 0.1


@pytest.mark.parametrize("gap", [0.0, 0.3, 1.0])
def test_source_pairs_are_rice(gap):
    s = 0.2
    levels = np.asarray(
        source_eigenvalues(jnp.asarray([1.0, 1.0 + gap]), key=jax.random.key(4), width=s, shape=(8000,))
    )
    spacing = levels[:, 1] - levels[:, 0]
    law = stats.rice(b=gap / (np.sqrt(2) * s), scale=np.sqrt(2) * s)
    assert stats.kstest(spacing, law.cdf).pvalue > LEVEL
    wrong = stats.rice(b=gap / (np.sqrt(2) * s), scale=1.1 * np.sqrt(2) * s)
    assert stats.kstest(spacing, wrong.cdf).pvalue < 1e-6


def test_source_takes_a_width_for_each_pair():
    width = jnp.asarray([[0.1, 0.2], [0.2, 0.3]])
    levels = np.asarray(
        source_eigenvalues(jnp.asarray([0.0, 50.0]), key=jax.random.key(5), width=width, shape=(20_000,))
    )
    np.testing.assert_allclose(levels.std(0), [0.1, 0.3], rtol=0.03)
    with pytest.raises(InputError, match="`beta` must be 1 or 2"):
        source_eigenvalues(jnp.zeros(2), key=jax.random.key(0), beta=4)
