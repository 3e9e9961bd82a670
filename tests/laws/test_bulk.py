"""Semicircle and Marchenko-Pastur against spectra of large matrices, and the atom."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from coulombgas.laws import MarchenkoPastur, Semicircle

pytestmark = pytest.mark.usefixtures("x64")


def test_semicircle_is_a_beta_law():
    """(x − κ + R)/2R is Beta(3/2, 3/2)."""
    law, other = Semicircle(0.5, 2.0), stats.beta(1.5, 1.5, loc=-1.5, scale=4.0)
    x = np.linspace(-1.49, 2.49, 31)
    np.testing.assert_allclose(law.log_prob(x), other.logpdf(x), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(law.cdf(x), other.cdf(x), rtol=1e-10)
    near = np.array([1e-12, 1e-8, 1e-4]) * 4 - 1.5
    np.testing.assert_allclose(law.cdf(near), other.cdf(near), rtol=1e-3)  # near carries rounding of 1.5


def test_semicircle_of_a_large_group():
    """Radius s√(2n): one GOE spectrum of 800 levels within 2% in Kolmogorov distance; control: radius 10% off."""
    n, s = 800, 0.3
    a = np.random.default_rng(0).normal(0, s, (n, n))
    levels = np.linalg.eigvalsh((a + a.T) / 2)
    law, wrong = Semicircle.of_gaussian(n, s), Semicircle(0.0, 1.1 * s * math.sqrt(2 * n))
    assert stats.kstest(levels, lambda x: np.asarray(law.cdf(jnp.asarray(x)))).statistic < 0.02
    assert stats.kstest(levels, lambda x: np.asarray(wrong.cdf(jnp.asarray(x)))).statistic > 0.02


@pytest.mark.parametrize(("rows", "columns"), [(900, 300), (400, 400), (300, 900)])
def test_marchenko_pastur_of_a_large_matrix(rows, columns):
    """Spectrum of WᵀW within 2% in Kolmogorov distance, the zero eigenvalues included; control: variance 20% off."""
    std = 0.02
    w = np.random.default_rng(1).normal(0, std, (rows, columns))
    levels = np.linalg.eigvalsh(w.T @ w)
    levels[np.abs(levels) < 1e-12] = 0.0
    law = MarchenkoPastur.of_matrix(rows, columns, std)
    wrong = MarchenkoPastur.of_matrix(rows, columns, std * math.sqrt(1.2))

    def distance(law):
        positive = np.sort(levels[levels > 0])
        zeros = columns - len(positive)
        empirical = (zeros + np.arange(1, len(positive) + 1)) / columns
        return np.abs(np.asarray(law.cdf(jnp.asarray(positive))) - empirical).max()

    assert distance(law) < 0.02
    assert distance(wrong) > 0.02
    assert float(law.mean) == pytest.approx(levels.mean(), rel=0.02)
    assert float(law.variance) == pytest.approx(levels.var(), rel=0.04)


def test_edges_of_a_key_matrix():
    """384×64 of standard deviation 0.02: nonzero eigenvalues in [0.05379, 0.30461]."""
    low, high = MarchenkoPastur.of_matrix(384, 64, 0.02).edges
    assert float(low) == pytest.approx(0.05379, abs=5e-6)
    assert float(high) == pytest.approx(0.30461, abs=5e-6)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("law", [lambda ratio: MarchenkoPastur(ratio, 1.7), lambda ratio: Semicircle(0.0, ratio)])
def test_the_density_at_an_edge_is_that_of_the_nearest_number_inside(law, ratio):
    """Density and slope there are finite, and vanish as the root of the distance (or diverge so, where x₋ is 0)."""
    law = law(ratio)
    low, high = (float(edge) for edge in getattr(law, "edges", (-ratio, ratio)))
    for edge, inwards in ((low, 1), (high, -1)):
        at, near, farther = (float(law.log_prob(edge + inwards * d * (high - low))) for d in (0.0, 1e-8, 1e-6))
        rises = near < farther
        assert np.isfinite(at)
        assert (at < near) if rises else (at > near)
        assert abs(farther - near) == pytest.approx(math.log(10), rel=1e-3)


def test_the_atom():
    law = MarchenkoPastur(2.5, 1.0)
    assert float(law.atom) == pytest.approx(0.6)
    assert float(law.log_prob(0.0)) == pytest.approx(math.log(0.6))
    assert float(law.cdf(0.0)) == pytest.approx(0.6)
    assert float(law.cdf(-1e-9)) == 0.0
    assert float(law.cdf(100.0)) == pytest.approx(1.0)
    np.testing.assert_array_equal(law.icdf(jnp.asarray([0.0, 0.3, 0.59])), 0.0)
    low, high = (float(edge) for edge in law.edges)
    angle = np.pi * (np.arange(20_000) + 0.5) / 20_000
    x = low + (high - low) * np.sin(angle / 2) ** 2
    measure = np.sin(angle) * (high - low) / 2 * np.pi / 20_000
    assert np.sum(measure * np.exp(np.asarray(law.log_prob(jnp.asarray(x))))) == pytest.approx(0.4, abs=1e-6)
    assert np.sum(measure * x * np.exp(np.asarray(law.log_prob(jnp.asarray(x))))) == pytest.approx(1.0, abs=1e-6)


def test_no_atom_for_tall_matrices():
    law = MarchenkoPastur(0.5, 1.0)
    assert float(law.atom) == 0
    assert np.isneginf(law.log_prob(0.0))
    assert np.isfinite(MarchenkoPastur(1.0, 1.0).log_prob(1e-9))
