"""Coulomb gases in any potential: log Z against exact constants, the law, its samples, pseudo-likelihood intervals."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import gammaln

from coulombgas._checks import InputError
from coulombgas.laws import (
    CoulombGas,
    GaussianBlock,
    PartitionFunction,
    TwoSpeciesPair,
    _coulomb_gas,
    composite_estimate,
    partition_function,
    pseudo_log_prob,
)
from coulombgas.laws._annealing import Population
from coulombgas.laws._composite import _conditional
from coulombgas.laws._coulomb_gas import _temperature_nodes
from coulombgas.laws._partition import log_weight_integral, quadrature_log_z

pytestmark = pytest.mark.usefixtures("x64")


def well(x):
    return x**2 / 2


def quartic(x):
    return x**4 / 4


def left(x):
    return (x + 0.5) ** 2 / 2


def right(x):
    return 2 * (x - 0.5) ** 2


THREE = (left, well, right)
UNUSED = PartitionFunction(np.array([-20.0, 20.0]), np.zeros(1), np.zeros(1), np.ones(1))


def mehta(n, beta, s):
    j = np.arange(1, n + 1)
    power = n + beta * n * (n - 1) / 2
    return (
        n / 2 * math.log(2 * math.pi) + power * math.log(s) + np.sum(gammaln(1 + j * beta / 2) - gammaln(1 + beta / 2))
    )


def hankel(n, potential):
    """log Z at β = 2: n! det of the moments (Andréief), in extended precision by mpmath."""
    import mpmath as mp

    with mp.workdps(40):

        def moment(k):
            return mp.quad(lambda x: x**k * mp.exp(-potential(x)), [-mp.inf, -1, 0, 1, mp.inf])

        moments = [moment(k) for k in range(2 * n - 1)]
        matrix = mp.matrix([[moments[i + j] for j in range(n)] for i in range(n)])
        return float(mp.log(mp.factorial(n) * mp.det(matrix)))


@pytest.mark.parametrize(("n", "beta"), [(1, 1.0), (2, 1.5), (2, 4.0), (3, 1.0), (3, 1.5)])
def test_quadrature_gives_mehtas_constant(n, beta, reduced):
    """Also where the wells are narrow in wide bounds."""
    if reduced and (n, beta) in ((2, 1.5), (3, 1.0)):
        pytest.skip("reduced form: one, two and three levels, β whole or not")
    log_z = jax.jit(lambda t: quadrature_log_z((well,) * n, beta, t, (-50.0, 80.0)))
    for temperature in (1e-4, 1.0, 7.0):
        assert float(log_z(temperature)) == pytest.approx(mehta(n, beta, math.sqrt(temperature)), abs=1e-9)


def test_quadrature_with_three_different_wells():
    """The sum over the six orders of the levels against a plain product rule on the ordered cube."""
    nodes, weights = np.polynomial.legendre.leggauss(110)
    u, w = (nodes + 1) / 2, weights / 2
    first = -9 + 18 * u[:, None, None]
    second = first + (9 - first) * u[None, :, None]
    third = second + (9 - second) * u[None, None, :]
    measure = 18 * (9 - first) * (9 - second) * w[:, None, None] * w[None, :, None] * w
    weight = [[np.exp(-potential(x)) for x in (first, second, third)] for potential in THREE]
    boltzmann = sum(weight[a][0] * weight[b][1] * weight[c][2] for a, b, c in itertools.permutations(range(3)))
    expected = np.sum(measure * (second - first) * (third - first) * (third - second) * boltzmann)
    assert float(quadrature_log_z(THREE, 1.0, 1.0, (-9.0, 9.0))) == pytest.approx(math.log(expected), abs=1e-8)


def test_two_levels_are_the_two_species_pair():
    law = TwoSpeciesPair(-0.5, 0.5, 1.0, 0.5)
    gas = CoulombGas((left, right), 1.0, bounds=(-15.0, 15.0))
    draws = np.random.default_rng(0).normal([-0.5, 0.5], [1.0, 0.5], (20, 2))
    np.testing.assert_allclose(gas.log_prob(draws), law.log_prob(draws), rtol=1e-9)


def test_an_ordered_gas_is_the_block(monkeypatch):
    """Density of three levels in ascending order, with and without annealed normalisation; draws are put in order."""
    settings = {"num_levels": 3, "bounds": (-30.0, 30.0), "ordered": True}
    block, levels = GaussianBlock(0.0, 1.0, 3), np.sort(np.random.default_rng(1).normal(size=(20, 3)))
    gas = CoulombGas(well, 1.0, **settings)
    expected = np.asarray(block.log_prob(levels))
    np.testing.assert_allclose(gas.log_prob(levels), expected, rtol=1e-9)
    ratio = np.array([mehta(3, 1.0, 1.0) - mehta(3, 0.0, 1.0)])
    known = PartitionFunction(np.zeros(2), ratio, np.zeros(1), np.ones(1))
    np.testing.assert_allclose(CoulombGas(well, 1.0, partition=known, **settings).log_prob(levels), expected, rtol=1e-9)
    with pytest.warns(UserWarning, match="Out-of-support"):
        assert np.isneginf(gas.log_prob(levels[:, ::-1])).all()
    annealed = jnp.asarray(np.random.default_rng(2).normal(size=(1, 512, 3)))
    monkeypatch.setattr(_coulomb_gas, "anneal", lambda *_, **__: Population(annealed, jnp.zeros(1)))
    draws = np.asarray(gas.sample(jax.random.key(0), (100,)))
    assert draws.shape == (100, 3)
    assert (np.diff(draws) > 0).all()
    assert set(draws.ravel()) <= set(np.asarray(annealed).ravel())


def test_the_rbm_potential_reaches_its_wall():
    """V of ALP24 (35) at one level: (36) integrated by SciPy."""
    mu2, kappa, temperature = 9.0, 4.0, 0.1

    def potential(x):
        return -(x**2) / (2 * kappa) - x - mu2 * jnp.log1p(-x / mu2)

    expected, _ = integrate.quad(
        lambda x: (1 - x / mu2) ** (mu2 / temperature) * math.exp((x + x**2 / (2 * kappa)) / temperature), 0, mu2
    )
    assert float(log_weight_integral(potential, temperature, (0.0, mu2))) == pytest.approx(
        math.log(expected), rel=1e-10
    )


def test_the_temperature_derivative_is_the_mean_energy():
    """d log Z/d(1/T) = −⟨ΣV⟩ = −(n/2 + βn(n−1)/4) T for n levels in one quadratic well."""
    slope = jax.grad(lambda t: CoulombGas(well, t, num_levels=3, bounds=(-40.0, 40.0)).log_z)(2.0)
    assert float(slope) * 2.0 == pytest.approx(3 / 2 + 6 / 4, rel=1e-7)


@pytest.mark.slow
def test_annealing_gives_mehtas_constant_within_its_error(reduced):
    """n = 5, β = 1: standardised errors over seeds have unit scale (|z| < 5 each: false-alarm rate below 1e-5), and the

    quoted error is small. Control: the constant of β = 1.2.
    """
    seeds = 1 if reduced else 40
    scores = []
    for seed in range(seeds):
        result = partition_function(
            well, key=jax.random.key(seed), temperature=1.0, num_levels=5, bounds=(-30.0, 30.0), num_particles=256
        )
        gas = CoulombGas(well, 1.0, num_levels=5, bounds=(-30.0, 30.0), partition=result)
        error = float(result.error[0])
        assert error < 0.03
        scores.append((float(gas.log_z) - mehta(5, 1.0, 1.0)) / error)
        assert abs(float(gas.log_z) - mehta(5, 1.2, 1.0)) > 8 * error
    assert np.abs(scores).max() < 5
    if not reduced:
        assert 0.7 < np.std(scores) < 1.4


@pytest.mark.slow
def test_annealing_in_a_quartic_well_against_the_hankel_determinant(reduced):
    if reduced:
        pytest.skip("reduced form: against Mehta's constant and, in other wells, against quadrature")
    result = partition_function(
        quartic, key=jax.random.key(0), temperature=1.0, num_levels=4, beta=2.0, bounds=(-8.0, 8.0), num_particles=512
    )
    gas = CoulombGas(quartic, 1.0, num_levels=4, beta=2.0, bounds=(-8.0, 8.0), partition=result)
    assert float(gas.log_z) == pytest.approx(hankel(4, lambda x: x**4 / 4), abs=5 * float(result.error[0]))


def test_the_normalisation_between_the_nodes():
    """Chebyshev coefficients of log Z/ΠZ_i for x²/2: (n + βn(n − 1)/2) log s in excess, exact at two nodes."""
    nodes = _temperature_nodes((0.2, 1.0), 2)
    values = np.array([mehta(5, 1.0, math.sqrt(t)) - mehta(5, 0.0, math.sqrt(t)) for t in nodes])
    angles = np.pi * np.array([1, 3]) / 4
    known = PartitionFunction(np.log([0.2, 1.0]), np.array([values.mean(), values @ np.cos(angles)]), values, nodes)
    for temperature in (0.2, 0.25, 0.6, 1.0):
        gas = CoulombGas(well, temperature, num_levels=5, bounds=(-30.0, 30.0), partition=known)
        assert float(gas.log_z) == pytest.approx(mehta(5, 1.0, math.sqrt(temperature)), abs=1e-9)
    outside = CoulombGas(well, 1.5, num_levels=5, bounds=(-30.0, 30.0), partition=known)
    assert np.isneginf(outside.log_prob(jnp.arange(5.0)))


@pytest.mark.slow
@pytest.mark.full("test_the_normalisation_between_the_nodes and test_annealing_gives_mehtas_constant_within_its_error")
def test_annealing_over_temperatures_with_distinct_wells():
    """Three wells that overlap, where quadrature is exact: five standard errors at a temperature between the nodes."""
    result = partition_function(
        THREE, key=jax.random.key(1), temperature=(0.2, 1.0), bounds=(-9.0, 9.0), num_nodes=4, num_particles=256
    )
    for temperature in (0.25, 0.6):
        annealed = CoulombGas(THREE, temperature, bounds=(-9.0, 9.0), partition=result).log_z
        exact = quadrature_log_z(THREE, 1.0, temperature, (-9.0, 9.0))
        assert float(annealed) == pytest.approx(float(exact), abs=5 * float(result.error.max()))
    outside = CoulombGas(THREE, 1.5, bounds=(-9.0, 9.0), partition=result)
    assert np.isneginf(outside.log_prob(jnp.zeros(3) + jnp.arange(3.0)))


@pytest.mark.full("test_an_ordered_gas_is_the_block and test_samples_of_distinct_wells_keep_their_labels")
def test_log_prob_and_samples_of_an_ordered_gas():
    """Five levels: density of the block; samples by KS (false-alarm rate 1e-3); control T = 1.3."""
    count = 2000
    settings = {"num_levels": 5, "bounds": (-30.0, 30.0), "ordered": True}
    result = partition_function(
        well, key=jax.random.key(2), temperature=1.0, num_levels=5, bounds=(-30.0, 30.0), num_particles=256
    )
    gas = CoulombGas(well, 1.0, partition=result, **settings)
    block = GaussianBlock(0.0, 1.0, 5)
    exact = block.sample(jax.random.key(3), (count,))
    difference = np.asarray(gas.log_prob(exact) - block.log_prob(exact))
    assert np.ptp(difference) < 1e-9
    assert abs(difference[0]) < 5 * float(result.error[0])
    draws = np.asarray(gas.sample(jax.random.key(4), (count,)))
    hot = np.asarray(GaussianBlock(0.0, math.sqrt(1.3), 5).sample(jax.random.key(5), (count,)))
    for level in (1, 4):
        assert stats.ks_2samp(draws[:, level], np.asarray(exact)[:, level]).pvalue > 1e-3
    assert stats.ks_2samp(draws[:, 4], hot[:, 4]).pvalue < 1e-3


def test_samples_of_distinct_wells_keep_their_labels(reduced):
    """Against normal pairs drawn again with their distance as weight: KS of either label, false-alarm rate 1e-3."""
    count = 300 if reduced else 2000
    gas = CoulombGas((left, right), 1.0, bounds=(-15.0, 15.0))
    draws = np.asarray(gas.sample(jax.random.key(6), (count,)))
    rng = np.random.default_rng(7)
    pairs = rng.normal([-0.5, 0.5], [1.0, 0.5], (200_000, 2))
    distance = np.abs(np.diff(pairs)[:, 0])
    exact = pairs[rng.choice(len(pairs), count, p=distance / distance.sum())]
    for label in (0, 1):
        assert stats.ks_2samp(draws[:, label], exact[:, label]).pvalue > 1e-3
    assert stats.ks_2samp(draws[:, 0], exact[:, 1]).pvalue < 1e-6


def test_pseudo_likelihood_of_three_wells():
    """Σ log of the joint density over its integral along each level, on a fine grid by NumPy."""
    gas = CoulombGas(THREE, 0.7, bounds=(-15.0, 15.0), partition=UNUSED)
    levels = np.random.default_rng(4).normal(size=(5, 3))
    grid, step = np.linspace(-12, 12, 24_001, retstep=True)

    def density(x):
        repulsion = np.abs((x[..., 1] - x[..., 0]) * (x[..., 2] - x[..., 0]) * (x[..., 2] - x[..., 1]))
        return repulsion * np.exp(-sum(potential(x[..., k]) for k, potential in enumerate(THREE)) / 0.7)

    expected = 3 * np.log(density(levels))
    for k in range(3):
        moved = np.repeat(levels[:, None], grid.size, axis=1)
        moved[..., k] = grid
        expected -= np.log(density(moved).sum(axis=1) * step)
    np.testing.assert_allclose(pseudo_log_prob(gas, levels), expected, rtol=1e-5)


@pytest.mark.full("test_pseudo_likelihood_of_three_wells in test_coulomb_gas.py")
def test_pseudo_likelihood_is_the_conditional_law():
    """Each term integrates to one over its own level."""
    gas = CoulombGas((left, well, right), jnp.asarray(0.7), bounds=(-15.0, 15.0))
    others = jnp.asarray([-0.3, 0.8])
    grid = jnp.linspace(-12, 12, 4001)
    rows = jnp.stack([jnp.full_like(grid, others[0]), grid, jnp.full_like(grid, others[1])], axis=-1)
    joint = gas.log_prob(rows)
    conditional = np.exp(np.asarray(joint))
    conditional /= conditional.sum() * float(grid[1] - grid[0])
    ours = np.exp(np.asarray(jax.jit(jax.vmap(lambda row: _conditional(gas, 1, row)))(rows)))
    np.testing.assert_allclose(ours, conditional, rtol=1e-4, atol=1e-6)


def test_godambes_covariance_of_a_mean_and_a_deviation():
    """ℓ of two normal levels that in truth are one: H⁻¹JH⁻¹ and H⁻¹ in closed form, by NumPy."""
    data = np.random.default_rng(9).normal(0.3, 1.4, 40)
    result = composite_estimate(
        lambda theta, x: -(((x - theta[0]) * jnp.exp(-theta[1])) ** 2) / 2 * 2 - 2 * theta[1], data, [0.0, 0.1]
    )
    mean, deviation = data.mean(), data.std()
    standard = (data - mean) / deviation
    np.testing.assert_allclose(result.estimate, [mean, math.log(deviation)], atol=1e-8)
    inverse = np.diag([deviation**2, 0.5]) / (2 * len(data))
    scores = 2 * np.stack([standard / deviation, standard**2 - 1], axis=-1)
    np.testing.assert_allclose(result.curvature_covariance, inverse, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(result.covariance, inverse @ scores.T @ scores @ inverse, rtol=1e-6, atol=1e-9)
    reach = stats.norm.ppf(0.95) * np.sqrt(np.diag(result.covariance))
    ends = result.estimate + reach * np.array([[-1], [1]])
    np.testing.assert_allclose(result.interval(0.9), ends.T, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.full("test_godambes_covariance_of_a_mean_and_a_deviation and test_pseudo_likelihood_of_three_wells")
def test_godambe_intervals_cover_where_the_curvature_does_not():
    """log T from 60 spectra of 4 levels by pseudo-likelihood, 90% intervals over repeated data sets.

    Coverage of Godambe's within the binomial ±4σ band; the curvature's interval is the control and must be too narrow.
    """
    repeats = 2000
    draws = np.asarray(GaussianBlock(0.0, 1.0, 4).sample(jax.random.key(8), (repeats, 60)))

    def log_density(theta, levels):
        gas = CoulombGas(well, jnp.exp(theta[0]), num_levels=4, bounds=(-12.0, 12.0), partition=UNUSED)
        return pseudo_log_prob(gas, levels)

    estimates, godambe, naive = [], [], []
    for data in draws:
        result = composite_estimate(log_density, data, [0.1])
        estimates.append(result.estimate[0])
        godambe.append(result.covariance[0, 0])
        naive.append(result.curvature_covariance[0, 0])
    estimates, reach = np.array(estimates), stats.norm.ppf(0.95)
    cover = np.mean(np.abs(estimates) < reach * np.sqrt(godambe))
    narrow = np.mean(np.abs(estimates) < reach * np.sqrt(naive))
    band = 4 * math.sqrt(0.9 * 0.1 / repeats)
    assert 0.9 - band - 0.02 < cover < 0.9 + band
    # 0.79 expected, from the ratio of the two variances; 0.11 less than Godambe's
    assert narrow < 0.85


@pytest.mark.parametrize(("arguments", "message"), [
    ({"potentials": well}, "`num_levels` must be given"),
    ({"potentials": (well, left), "num_levels": 3}, "`num_levels` must be 2"),
    ({"potentials": ()}, "`potentials` must be a function"),
    ({"potentials": (well,), "bounds": (1.0, 1.0)}, "`bounds` must be two finite numbers"),
    ({"potentials": (well,), "bounds": (-math.inf, 1.0)}, "`bounds` must be two finite numbers"),
    ({"potentials": (well, left), "ordered": True}, "`ordered` must be False"),
    ({"potentials": well, "num_levels": 4, "beta": 1.5}, "`partition` must come from partition_function"),
    ({"potentials": (well,), "beta": 0.0}, "`beta` must be positive"),
])  # fmt: skip
def test_bad_arguments(arguments, message):
    settings = {"temperature": 1.0, "bounds": (-9.0, 9.0)} | arguments
    with pytest.raises(InputError, match=message):
        CoulombGas(settings.pop("potentials"), settings.pop("temperature"), **settings)
    with pytest.raises(ValueError, match="invalid"):
        CoulombGas((well,), -1.0, bounds=(-9.0, 9.0), validate_args=True)


def test_bad_temperatures():
    for temperature in (0.0, (1.0, 0.5), (1.0, 2.0, 3.0)):
        with pytest.raises(InputError, match="temperature"):
            partition_function(well, key=jax.random.key(0), temperature=temperature, num_levels=2, bounds=(-9.0, 9.0))
