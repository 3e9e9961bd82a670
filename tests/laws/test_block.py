"""Joint laws of a group of levels: Mehta's and Selberg's constants by brute force, samples by independent routes."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import pytest
from scipy import stats

from coulombgas._checks import InputError
from coulombgas.laws import GaussianBlock, LaguerreBlock, PairDensity, WignerSurmise

pytestmark = pytest.mark.usefixtures("x64")


def ordered_mass(law, n, low, high, count):
    """Integral over low ≤ x1 ≤ … ≤ xn ≤ high, n ≤ 3: Gauss-Legendre from each level up, in the root of x − low."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    u, w = (nodes + 1) / 2, weights / 2
    grids = np.meshgrid(*[u] * n, indexing="ij")
    measure = np.ones_like(grids[0])
    levels, start = [], np.zeros_like(grids[0])
    for axis, fraction in enumerate(grids):
        shape = [1] * n
        shape[axis] = -1
        length = 1 - start
        position = start + length * fraction
        measure = measure * w.reshape(shape) * length
        levels.append(position)
        start = position
    stacked = np.stack(levels, -1)
    x = low + (high - low) * stacked**2
    jacobian = np.prod(2 * stacked * (high - low), axis=-1)
    return float(np.sum(measure * jacobian * np.exp(np.asarray(law.log_prob(jnp.asarray(x))))))


@pytest.mark.parametrize("beta", [1, 2, 4, 1.5])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_gaussian_block_has_unit_mass(n, beta):
    law = GaussianBlock(0.3, 0.5, n, beta)
    tolerance = 1e-9 if beta in (1, 2, 4) else 1e-5  # |x − y|^1.5 is not smooth
    assert ordered_mass(law, n, 0.3 - 5.0, 0.3 + 5.0, 70) == pytest.approx(1, abs=tolerance)


@pytest.mark.parametrize(("n", "m", "beta"), [
    (1, 1, 1),
    (2, 5, 1),
    (2, 3.5, 4),
    *(pytest.param(*case, marks=pytest.mark.full("test_laguerre_block_has_unit_mass[2-3.5-4] in test_block.py"))
      for case in ((2, 2, 1), (3, 4, 2), (3, 3, 1))),
])  # fmt: skip
def test_laguerre_block_has_unit_mass(n, m, beta):
    """With the exponent −1/2 at x = 0 (m = n, β = 1) among the cases."""
    law = LaguerreBlock(0.6, n, m, beta)
    assert ordered_mass(law, n, 0.0, 60.0, 110) == pytest.approx(1, abs=2e-7)


def test_one_level_is_gaussian_and_two_are_the_pair():
    x = np.linspace(-1, 2, 7)[:, None]
    np.testing.assert_allclose(GaussianBlock(0.3, 0.5, 1).log_prob(x), stats.norm(0.3, 0.5).logpdf(x[:, 0]), rtol=1e-12)
    # joint law of a pair = Gaussian centre of mass times the surmise: ALP24 (70)-(74)
    pair = np.asarray([[-0.2, 0.9], [0.1, 0.4], [0.5, 2.0]])
    centre, spacing = pair.mean(-1), pair[:, 1] - pair[:, 0]
    expected = stats.norm(0.3, 0.5 / math.sqrt(2)).logpdf(centre) + WignerSurmise(0.5).log_prob(spacing)
    np.testing.assert_allclose(GaussianBlock(0.3, 0.5, 2).log_prob(pair), expected, rtol=1e-12)


@pytest.mark.parametrize("beta", [
    1,
    *(pytest.param(beta, marks=pytest.mark.full("test_gaussian_samples_are_eigenvalues[1]")) for beta in (2, 4)),
])  # fmt: skip
def test_gaussian_samples_are_eigenvalues(beta):
    """Tridiagonal model against dense GOE and GUE matrices (KS, false-alarm rate 1e-3), and for every β against the

    trace: variance n s², which a diagonal of half the variance would miss (control).
    """
    n, s, count = 4, 0.7, 4000
    draws = np.asarray(GaussianBlock(1.0, s, n, beta).sample(jax.random.key(beta), (count,)))
    assert (np.diff(draws) >= 0).all()
    trace = draws.sum(-1)
    assert stats.kstest(trace, stats.norm(n * 1.0, math.sqrt(n) * s).cdf).pvalue > 1e-3
    assert stats.kstest(trace, stats.norm(n * 1.0, math.sqrt(n / 2) * s).cdf).pvalue < 1e-6
    if beta == 4:
        return
    rng = np.random.default_rng(beta)
    a = rng.normal(size=(count, n, n)) + (1j * rng.normal(size=(count, n, n)) if beta == 2 else 0)
    # (A + A*)/2 has diagonal variance 1 and off-diagonal components of variance 1/2
    dense = 1.0 + s * np.linalg.eigvalsh((a + a.conj().swapaxes(1, 2)) / 2)
    for level in (0, 2):
        assert stats.ks_2samp(draws[:, level], dense[:, level]).pvalue > 1e-3


def test_laguerre_samples_are_squared_singular_values():
    """KS against W of 6×3, false-alarm rate 1e-3 a level; control: 7×3."""
    rng = np.random.default_rng(0)
    draws = np.asarray(LaguerreBlock(0.5, 3, 6).sample(jax.random.key(1), (4000,)))
    dense = np.linalg.svd(rng.normal(0, 0.5, (4000, 6, 3)), compute_uv=False)[:, ::-1] ** 2
    for level in range(3):
        assert stats.ks_2samp(draws[:, level], dense[:, level]).pvalue > 1e-3
    wrong = np.asarray(LaguerreBlock(0.5, 3, 7).sample(jax.random.key(1), (4000,)))
    assert stats.ks_2samp(wrong[:, 1], dense[:, 1]).pvalue < 1e-6


@pytest.mark.full("test_one_level_is_gaussian_and_two_are_the_pair and test_pair_density_is_the_marginal_...")
def test_a_level_of_a_pair_follows_the_pair_density():
    draws = np.asarray(GaussianBlock(0.0, 1.0, 2).sample(jax.random.key(0), (5000,)))
    one = draws[np.arange(5000), np.random.default_rng(1).integers(0, 2, 5000)]
    cdf = lambda x: np.asarray(PairDensity(0.0, 1.0).cdf(jnp.asarray(x)))  # noqa: E731
    assert stats.kstest(one, cdf).pvalue > 1e-3


def test_batches_jit_and_gradients(reduced):
    """In the reduced form draws have the right shape; whether also the right law: ``test_gaussian_samples_...``."""
    widths = jnp.asarray([0.1, 1.0, 30.0])
    block = GaussianBlock(0.0, widths, 4, jnp.asarray([1.0, 2.0, 4.0]))
    assert block.batch_shape == (3,)
    assert block.event_shape == (4,)
    assert jax.eval_shape(lambda block: block.sample(jax.random.key(1), (2000,)), block).shape == (2000, 3, 4)
    draws = np.sort(np.random.default_rng(1).normal(size=(5, 3, 4))) * np.asarray(widths)[:, None]
    if not reduced:
        many = np.asarray(block.sample(jax.random.key(1), (2000,)))
        assert (np.diff(many.std(axis=(0, 2))) > 0).all()
        draws = many[:5]
    assert block.log_prob(draws).shape == (5, 3)
    again = jax.tree.unflatten(*jax.tree.flatten(block)[::-1])
    np.testing.assert_allclose(jax.jit(lambda law, x: law.log_prob(x))(again, draws), block.log_prob(draws), rtol=1e-12)
    laguerre = LaguerreBlock(widths, 3, 5)
    drawn = jax.eval_shape(lambda law: law.log_prob(law.sample(jax.random.key(0), (2,))), laguerre)
    assert drawn.shape == (2, 3)
    # by the chain rule Σ ∂ log P/∂x · x + ∂ log P/∂s · s = −n (dilatation)
    x = jnp.asarray([-0.5, 0.2, 0.4, 1.1])
    slope = jax.jit(jax.grad(lambda x, s, beta: GaussianBlock(0.0, s, 4, beta).log_prob(x), (0, 1)))
    for beta in (1.0, 2.5):
        slope_x, slope_s = slope(x, 0.7, beta)
        assert np.asarray(x) @ slope_x + 0.7 * slope_s == pytest.approx(-4, rel=1e-10)


@pytest.mark.parametrize("dtype", [
    "float32",
    pytest.param("float64", marks=pytest.mark.full("test_ties_and_extreme_widths_stay_finite[float32]")),
])  # fmt: skip
def test_ties_and_extreme_widths_stay_finite(dtype):
    def gaussian(x, width):
        return GaussianBlock(0.0, width, 3).log_prob(x)

    def laguerre(x, width):
        return LaguerreBlock(width, 3, 3).log_prob(x)

    with jax.enable_x64(dtype == "float64"), numpyro.validation_enabled(False):
        of_gaussian, of_laguerre = (jax.jit(jax.value_and_grad(law, (0, 1))) for law in (gaussian, laguerre))
        for width in np.asarray([1e-12, 1.0, 1e12], dtype):
            for shape in ([-1.0, 0.5, 2.0], [0.0, 0.0, 0.0], [-1.0, 1.0, 1.0]):
                for leaf in jax.tree.leaves(of_gaussian(np.asarray(shape, dtype) * width, width)):
                    assert leaf.dtype == dtype
                    assert np.isfinite(leaf).all()
            for shape in ([0.1, 0.5, 2.0], [0.0, 0.0, 1.0]):
                for leaf in jax.tree.leaves(of_laguerre(np.asarray(shape, dtype) * width * width, width)):
                    assert leaf.dtype == dtype
                    assert np.isfinite(leaf).all()
        assert np.isneginf(gaussian(jnp.asarray([1.0, 0.0, 2.0]), 1.0))
        assert np.isneginf(laguerre(jnp.asarray([-1.0, 0.5, 2.0]), 1.0))


def test_bad_parameters():
    with pytest.raises(InputError, match="`n` must be at least 1"):
        GaussianBlock(0.0, 1.0, 0)
    with pytest.raises(InputError, match="`m` must be above n − 1 = 2"):
        LaguerreBlock(1.0, 3, 2)
    for bad in (0.0, -1.0, math.inf):
        with pytest.raises(ValueError, match="invalid"):
            GaussianBlock(0.0, bad, 2, validate_args=True)
        with pytest.raises(ValueError, match="invalid"):
            LaguerreBlock(1.0, 2, 3, bad if bad else 0.0, validate_args=True)
