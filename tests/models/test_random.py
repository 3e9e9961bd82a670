"""Counter-based random numbers: the generator of JAX, the right laws, the same numbers in any company."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from coulombgas.models import fold, key_words, normals, uniforms
from coulombgas.models._random import chi_squared, wishart_factor

FALSE_ALARM = 1e-4  # of each test below, at fixed keys


def words(seed: int, number: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).integers(0, 2**32, (2, number), dtype=np.uint32))


def test_fold_is_that_of_jax():
    key = jax.random.key(7)
    for data in (0, 1, 4_000_000_000):
        assert (fold(key, data) == key_words(jax.random.fold_in(key, data))).all()


def test_replica_draws_the_same_alone_and_in_company():
    keys = words(0, 37)
    together = np.asarray(jax.jit(lambda k: normals(k, (3, 5)))(keys))
    alone = np.asarray(jax.jit(lambda k: normals(k, (3, 5)))(keys[:, 11]))
    np.testing.assert_allclose(together[..., 11], alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normals_are_normal(dtype, x64):
    draws = np.asarray(jax.jit(lambda k: normals(k, (50,), dtype))(words(1, 4000)), dtype=np.float64).ravel()
    assert scipy.stats.kstest(draws, "norm").pvalue > FALSE_ALARM
    assert abs(scipy.stats.kurtosis(draws)) < 4 * np.sqrt(24 / draws.size)
    # the control: a scale wrong by 3%
    assert scipy.stats.kstest(1.03 * draws, "norm").pvalue < FALSE_ALARM


def test_normals_of_one_key_and_of_neighbouring_keys_are_uncorrelated():
    keys = fold(words(2, 1), jnp.arange(20_000, dtype=jnp.uint32))
    draws = np.asarray(jax.jit(lambda k: normals(k, (20,)))(keys), dtype=np.float64)
    correlation = np.corrcoef(draws) - np.eye(20)
    assert np.abs(correlation).max() < 5 / np.sqrt(draws.shape[1])  # 190 pairs, 5 sigma: 1e-4
    lagged = np.mean(draws[:, 1:] * draws[:, :-1], axis=1) * np.sqrt(draws.shape[1])
    assert np.abs(lagged).max() < 4.5
    squares = np.corrcoef(draws[:10] ** 2, draws[10:] ** 2)[:10, 10:]  # the two halves share Box-Muller radii by pair
    assert np.abs(squares).max() < 5 / np.sqrt(draws.shape[1])


def test_tails_reach_five_and_a_half_sigma(reduced):
    draws = np.abs(np.asarray(jax.jit(lambda k: normals(k, (100,)))(words(3, 30_000 if reduced else 100_000))))
    for level in (4.0, 5.0):
        expected = draws.size * 2 * scipy.stats.norm.sf(level)
        assert abs((draws > level).sum() - expected) < 5 * np.sqrt(expected)
    assert np.isfinite(draws).all()


def test_uniforms_are_inside_the_open_interval():
    draws = np.asarray(uniforms(words(4, 20_000), (10,)), dtype=np.float64).ravel()
    assert draws.min() > 0
    assert draws.max() < 1
    assert scipy.stats.kstest(draws, "uniform").pvalue > FALSE_ALARM


def test_chi_squared_has_its_law_for_one_and_many_degrees_of_freedom():
    degrees = (1, 2, 5, 54)
    draws = np.asarray(jax.jit(lambda k: chi_squared(k, degrees))(words(5, 20_000)), dtype=np.float64)
    for row, degree in zip(draws, degrees, strict=True):
        assert scipy.stats.kstest(row, "chi2", args=(degree,)).pvalue > FALSE_ALARM
    assert scipy.stats.kstest(draws[3], "chi2", args=(55,)).pvalue < FALSE_ALARM


@pytest.mark.parametrize("degrees", [
    2, 7, pytest.param(3, marks=pytest.mark.full("test_bartlett_factor_gives_wishart_moments[2] and [7]")),
])  # fmt: skip
def test_bartlett_factor_gives_wishart_moments(degrees):
    factor = np.asarray(jax.jit(lambda k: wishart_factor(k, 3, degrees))(words(6, 30_000)), dtype=np.float64)
    wishart = np.einsum("ikr,jkr->ijr", factor, factor)
    error = np.sqrt(2 * degrees / wishart.shape[2])
    np.testing.assert_allclose(wishart.mean(axis=2), degrees * np.eye(3), atol=5 * error)
    variance = wishart.var(axis=2)
    np.testing.assert_allclose(variance, degrees * (1 + np.eye(3)), rtol=0.12)


def test_keys_and_numbers_of_replicas_are_stored_and_those_of_one_alone_are_not():
    # fused into their readers, the folding of a key is computed again for every number: ten times the cost
    def stored(words):
        jaxpr = jax.make_jaxpr(lambda words: normals(fold(words, 3), (4, 6)))(words)
        return set(re.findall(r"(\w+\[[\d,]+\]) = optimization_barrier", str(jaxpr)))

    assert stored(jnp.zeros((2, 5), jnp.uint32)) == {"u32[2,5]", "c64[12,5]", "f32[24,5]"}
    assert stored(jnp.zeros(2, jnp.uint32)) == set()
