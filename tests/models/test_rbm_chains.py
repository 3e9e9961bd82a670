"""The RBM's chains: one draw for k Gibbs steps, its memory, and the same law through every sampler."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from coulombgas.models import GaussianRBM, Setting, fold
from coulombgas.models._rbm_chains import collapsed_chain, collapsed_step, gram_chain, naive_chain
from coulombgas.theory import find_theory
from coulombgas.training import train

KAPPA = (4.0, 6.0)  # a = x_s/μ² = 5/9, 1/3


@pytest.mark.parametrize("gibbs_steps", [1, 2, 3, 5, 8])
def test_collapsed_step_is_the_power_series(gibbs_steps, x64):
    matrix = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)))
    power, covariance, a = collapsed_step(matrix, mu2=9.0, sigma_h2=0.5, gibbs_steps=gibbs_steps)
    a = np.asarray(a)
    np.testing.assert_allclose(power, np.linalg.matrix_power(a, gibbs_steps), rtol=1e-10)
    series = sum(np.linalg.matrix_power(a, j) for j in range(2 * gibbs_steps)) / 9.0
    np.testing.assert_allclose(covariance, series, rtol=1e-10)


jitted_fold = jax.jit(fold)


def jitted(draw, model, *arguments):
    return jax.jit(partial(draw, model))(*arguments)


def moments(samples):
    samples = np.asarray(samples)
    gram = np.einsum("ibr,jbr->ijr", samples, samples)
    return [np.asarray(samples, np.float64).mean(axis=1), gram[np.tril_indices(4)]]


@pytest.fixture(scope="module")
def state():
    """A model, keys, a matrix and chains: the same for every replica."""
    model = GaussianRBM(num_visible=4, num_hidden=3, gibbs_steps=2, sigma_h2=0.8)
    keys = jitted_fold(jnp.array([[5], [6]], jnp.uint32), np.arange(6000, dtype=np.uint32))
    random = np.random.default_rng(1)
    matrix = np.repeat(0.8 * random.normal(size=(4, 3, 1)).astype(np.float32), 6000, axis=2)
    return model, keys, matrix, np.repeat(random.normal(size=(4, 9, 1)).astype(np.float32), 6000, axis=2)


WATCHED = "test_collapsed_step_is_the_power_series and test_chains_remember_by_the_power_of_the_gibbs_steps[2-naive]"


@pytest.mark.full(WATCHED)
def test_samplers_have_the_same_first_and_second_moments(state):
    """Chains after k steps from one state: 5 standard errors on 4 + 10 moments."""
    model, keys, matrix, chain = state
    bias = np.full((4, 6000), 0.7, np.float32)
    naive = moments(jitted(naive_chain, model, matrix, bias, chain, keys))
    fast = moments(jitted(collapsed_chain, model, matrix, bias, chain, jitted_fold(keys, 1)))
    for a, b in zip(naive, fast, strict=True):
        error = np.sqrt((a.var(axis=-1) + b.var(axis=-1)) / 6000)
        assert (np.abs(a.mean(axis=-1) - b.mean(axis=-1)) < 5 * error).all()
    single = GaussianRBM(num_visible=4, num_hidden=3, gibbs_steps=1)
    wrong = moments(jitted(naive_chain, single, matrix, bias, chain, keys))
    assert (np.abs(wrong[1].mean(axis=-1) - fast[1].mean(axis=-1)) > 5 * error).any()


def test_gram_matrices_of_chains_have_the_law_of_the_chains(state):
    """Means and variances of the 10 second moments after k steps; 5 standard errors of the means."""
    model, keys, matrix, chain = state
    factor = np.linalg.cholesky(chain[..., 0] @ chain[..., 0].T)
    factor = np.repeat(factor[..., None], 6000, axis=2)
    gram = jitted(partial(gram_chain, batch_size=9), model, matrix, factor, jitted_fold(keys, 2))
    without_bias = jitted(collapsed_chain, model, matrix, None, chain, jitted_fold(keys, 3))
    a, b = moments(gram)[1], moments(without_bias)[1]
    error = np.sqrt((a.var(axis=-1) + b.var(axis=-1)) / 6000)
    assert (np.abs(a.mean(axis=-1) - b.mean(axis=-1)) < 5 * error).all()
    np.testing.assert_allclose(a.var(axis=-1), b.var(axis=-1), rtol=0.15)


@pytest.mark.parametrize("sampler", ["naive", "collapsed"])
@pytest.mark.parametrize("gibbs_steps", [
    2,
    pytest.param(1, marks=pytest.mark.full("test_chains_remember_by_the_power_of_the_gibbs_steps[2-*]")),
])  # fmt: skip
def test_chains_remember_by_the_power_of_the_gibbs_steps(sampler, gibbs_steps):
    """Over n updates at fixed weights <φ(n)φ(0)> = aᵏⁿ/κ and Cov(φ²(n), φ²(0)) = 2a²ᵏⁿ/κ² in each mode.

    3.5 standard errors on 12 numbers: false alarm 6e-3. Control: the memory of one Gibbs step more.
    """
    model = GaussianRBM(target=KAPPA, gibbs_steps=gibbs_steps, sampler=sampler)
    replicas, batch = 4000, 8
    setting = Setting(learning_rate=jnp.float32(0.0), key=jnp.zeros(2, jnp.uint32), batch_size=batch)
    keys = fold(jnp.array([[7], [8]], jnp.uint32), jnp.arange(replicas, dtype=jnp.uint32))

    @jax.jit
    def history(keys):
        weights, first = model.start(key=fold(keys, 1), setting=setting, init="fixed-point", dtype=np.float32)

        def update(chain, step):
            _, chain = model.gradient(weights, chain, key=fold(keys, step), setting=setting, step=step)
            return chain, chain

        return first, jax.lax.scan(update, first, jnp.arange(10, 13))[1]

    first, later = (np.asarray(part, np.float64) for part in history(keys))
    kappa = np.array(KAPPA)[:, None, None]
    first, later = first * np.sqrt(kappa), later * np.sqrt(kappa)

    def distances(memory):
        for n, chain in enumerate(later, start=1):
            for mode, a in enumerate(memory):
                for one, two, expected in (
                    (first[mode], chain[mode], a**n),
                    (first[mode] ** 2 - 1, chain[mode] ** 2 - 1, 2 * a ** (2 * n)),
                ):
                    product = (one * two).mean(axis=0)
                    yield abs(product.mean() - expected) / (product.std() / np.sqrt(replicas))

    a = (9.0 - np.array(KAPPA)) / 9.0
    assert max(distances(a**gibbs_steps)) < 3.5
    assert max(distances(a ** (gibbs_steps + 1))) > 10


def widened(gibbs_steps, rate):
    """(1 + ρ)/(1 − ρ) and 1/(1 − λ/(2m)) of both modes, with ρ and λ."""
    model = GaussianRBM(target=KAPPA, gibbs_steps=gibbs_steps, sampler="gram")
    x = model.fixed_point
    memory = (x / 9.0) ** (2 * gibbs_steps)
    relaxation = 2 * rate * x / (9.0 - x) ** 2
    m = (1 + memory) / (1 - memory)
    return model, memory, relaxation, m / (1 - relaxation / (2 * m))


@pytest.mark.parametrize("gibbs_steps", [1, 3])
def test_memory_widens_the_levels_of_the_theory(gibbs_steps):
    """PCD-k at small T: s² = 2T x_s m/(1 − λ/(2m)), m = (1 + ρ)/(1 − ρ), ρ = (x_s/μ²)²ᵏ, λ = 2αx_s/κ²."""
    model, *_, factor = widened(gibbs_steps, 0.1)
    theory = find_theory(model, learning_rate=0.1, batch_size=512)
    np.testing.assert_allclose(theory.mode_width2, 0.2 / 512 * model.fixed_point * factor, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.full(
    "test_memory_widens_the_levels_of_the_theory and test_chains_remember_by_the_power_of_the_gibbs_steps"
)
@pytest.mark.parametrize("gibbs_steps", [1, 3])
def test_memory_widens_the_levels(gibbs_steps):
    """The width of trained levels: 3.5 standard errors on two modes: false alarm 1e-3.

    Controls: no memory, and coloured noise on an instantaneous force, which is what this library once had.
    """
    rate, batch, replicas = 0.1, 512, 200_000
    model, memory, relaxation, factor = widened(gibbs_steps, rate)
    run = train(model, learning_rate=rate, batch_size=batch, replicas=replicas, steps=150, init="fixed-point", seed=3)
    levels = run.eigenvalue.values[0, :, 0].astype(np.float64)
    measured, error = levels.var(axis=0) / (2 * rate / batch * model.fixed_point), np.sqrt(2 / replicas)
    assert (np.abs(measured / factor - 1) < 3.5 * error + 2e-3).all()  # 2e-3: next order in T
    assert np.abs(measured - 1).max() > 4.5 * error
    lagged = memory * (1 - relaxation)
    coloured = (1 + lagged) / (1 - lagged) / (1 - relaxation / 2)
    assert gibbs_steps != 1 or np.abs(measured / coloured - 1).max() > 3 * error


@pytest.mark.slow
def test_every_sampler_trains_to_the_same_law(reduced):
    """Two-sample Kolmogorov-Smirnov on all three levels after training; false alarm 1e-3 by Bonferroni over 6 tests.

    Control: chains of one Gibbs step, whose longer memory makes the levels wider.
    """
    if reduced:
        pytest.skip("reduced form: `test_every_sampler_and_layout_has_the_law_of_a_loop` in tests/training")
    run = {"learning_rate": 0.1, "batch_size": 5, "replicas": 30_000, "steps": 150}

    def levels(seed, **options):
        model = GaussianRBM(num_visible=3, **options)
        found = train(model, init="fixed-point", seed=seed, **run).eigenvalue.values[0, :, 0]
        stayed = np.isfinite(found).all(axis=1)  # of 30 000 machines with chains of one step, one may leave the domain
        assert np.count_nonzero(~stayed) <= 3
        return found[stayed]

    def smallest_p(one, two):
        return min(stats.ks_2samp(a, b).pvalue for a, b in zip(one.T, two.T, strict=True))  # pyright: ignore[reportAttributeAccessIssue]

    naive = levels(1, sampler="naive")
    assert smallest_p(naive, levels(2, sampler="collapsed")) > 1e-3 / 6
    assert smallest_p(naive, levels(3, sampler="gram")) > 1e-3 / 6
    assert smallest_p(naive, levels(2, sampler="collapsed", gibbs_steps=1)) < 1e-6
