"""One eigenvalue of a pair, degenerate or of two species, against the joint law integrated by brute force."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulombgas.laws import GaussianBlock, PairDensity, TwoSpeciesDensity, TwoSpeciesPair, TwoSpeciesSpacing

pytestmark = pytest.mark.usefixtures("x64")


def marginal(x, kappa1, kappa2, s1, s2):
    """∫|x − y| exp(…) dy on both sides of the kink, symmetrised, normalised numerically: nothing of the closed form."""
    nodes, weights = np.polynomial.legendre.leggauss(400)

    def unnormalised(x, a, sa, b, sb):
        total = 0.0
        for low, high in ((b - 12 * sb, x), (x, b + 12 * sb)):
            y = low + (high - low) * (nodes + 1) / 2
            total += (high - low) / 2 * np.sum(weights * np.abs(x - y) * np.exp(-((y - b) ** 2) / (2 * sb**2)))
        return total * math.exp(-((x - a) ** 2) / (2 * sa**2))

    def both(x):
        return unnormalised(x, kappa1, s1, kappa2, s2) + unnormalised(x, kappa2, s2, kappa1, s1)

    low, high = min(kappa1, kappa2) - 9 * max(s1, s2), max(kappa1, kappa2) + 9 * max(s1, s2)
    grid = low + (high - low) * (nodes + 1) / 2
    mass = (high - low) / 2 * np.sum(weights * np.array([both(t) for t in grid]))
    return both(x) / mass


@pytest.mark.parametrize("x", [-0.7, 0.1, 0.9, 2.4])
def test_pair_density_is_the_marginal_of_the_joint_law(x):
    law = PairDensity(0.4, 0.5)
    assert math.exp(float(law.log_prob(x))) == pytest.approx(marginal(x, 0.4, 0.4, 0.5, 0.5), rel=1e-9)


@pytest.mark.parametrize("x", [-0.7, 0.1, 0.9, 2.4])
def test_two_species_density_is_the_marginal_of_the_joint_law(x):
    law = TwoSpeciesDensity(0.4, 1.2, 0.3, 0.6)
    assert math.exp(float(law.log_prob(x))) == pytest.approx(marginal(x, 0.4, 1.2, 0.3, 0.6), rel=1e-9)


def test_binder_cumulant_of_the_pair():
    """U4 = 4/27 and ⟨y⁴⟩ = 23/4, ALP24 (28)."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    y = 9 * nodes
    mass = 9 * weights * np.exp(np.asarray(PairDensity(0.0, 1.0).log_prob(jnp.asarray(y))))
    second, fourth = np.sum(mass * y**2), np.sum(mass * y**4)
    assert fourth == pytest.approx(23 / 4, rel=1e-12)
    assert 1 - fourth / (3 * second**2) == pytest.approx(4 / 27, rel=1e-12)


def test_equal_species_are_a_degenerate_pair():
    x = np.linspace(-2, 3, 41)
    equal = TwoSpeciesDensity(0.4, 0.4, 0.5, 0.5)
    np.testing.assert_allclose(equal.log_prob(x), PairDensity(0.4, 0.5).log_prob(x), rtol=1e-11)
    np.testing.assert_allclose(equal.cdf(x), PairDensity(0.4, 0.5).cdf(x), rtol=1e-11)
    pairs = np.sort(np.random.default_rng(0).normal(size=(20, 2)), axis=-1)
    block = GaussianBlock(0.4, 0.5, 2).log_prob(pairs)
    np.testing.assert_allclose(TwoSpeciesPair(0.4, 0.4, 0.5, 0.5).log_prob(pairs) + math.log(2), block, rtol=1e-11)


@pytest.mark.parametrize("ratio", [
    0.01,
    *(pytest.param(ratio, marks=pytest.mark.full("test_two_species_cdf_with_very_different_widths[0.01]"))
      for ratio in (0.2, 5.0)),
])  # fmt: skip
def test_two_species_cdf_with_very_different_widths(ratio):
    """The kink of the narrow level's partner: the cdf still is the integral of the density."""
    law = TwoSpeciesDensity(0.0, 0.7, 0.5, 0.5 * ratio)
    nodes, weights = np.polynomial.legendre.leggauss(24)
    ends = np.sort(np.concatenate([np.linspace(-10, 0.9, 300), 0.7 + 0.5 * ratio * np.linspace(-8, 8, 60)]))
    ends = ends[ends <= 0.9]
    x = ends[:-1, None] + np.diff(ends)[:, None] * (nodes + 1) / 2
    mass = np.sum(np.diff(ends)[:, None] * weights / 2 * np.exp(np.asarray(law.log_prob(jnp.asarray(x)))))
    assert float(law.cdf(ends[-1])) == pytest.approx(mass, rel=1e-10)


def test_two_species_joint_law_has_unit_mass():
    """Trapezia on both sides of x1 = x2; the smooth integrand converges beyond all orders except for the kink."""
    law = TwoSpeciesPair(0.0, 1.0, 0.5, 0.8)
    mass_axis, spacing_axis = np.linspace(-7, 8, 401), np.linspace(-12, 12, 2401)
    mass, spacing = np.meshgrid(mass_axis, spacing_axis, indexing="ij")
    density = np.exp(law.log_prob(np.stack([mass + spacing / 2, mass - spacing / 2], axis=-1)))
    total = float(density.sum() * (mass_axis[1] - mass_axis[0]) * (spacing_axis[1] - spacing_axis[0]))
    assert total == pytest.approx(1, abs=1e-4)


def test_two_species_samples_agree_with_both_marginals():
    """10 000 draws, five standard errors (false-alarm rate 6e-7 each); control: the labels exchanged."""
    law = TwoSpeciesPair(0.0, 1.0, 0.3, 0.8)
    draws = np.asarray(law.sample(jax.random.key(2), (10_000,)))
    spacing = TwoSpeciesSpacing(1.0, 0.3, 0.8)
    error = math.sqrt(float(spacing.variance) / 10_000)
    assert np.abs(draws[:, 0] - draws[:, 1]).mean() == pytest.approx(float(spacing.mean), abs=5 * error)
    # E x1 by importance weighting of a plain Gaussian grid
    a, b = np.meshgrid(np.linspace(-3, 3, 601), np.linspace(-6, 8, 701), indexing="ij")
    density = np.exp(np.asarray(law.log_prob(np.stack([a, b], -1))))
    first = float((a * density).sum() / density.sum())
    error = draws[:, 0].std() / 100
    assert draws[:, 0].mean() == pytest.approx(first, abs=5 * error)
    assert abs(draws[:, 1].mean() - first) > 5 * error


def test_two_species_draws_have_the_moments_of_the_law():
    """Of 10 000 draws, five standard errors each: false-alarm rate 1e-6; control: the widths exchanged."""
    law = TwoSpeciesDensity(0.2, 1.0, 0.3, 0.5)
    draws = np.asarray(law.sample(jax.random.key(11), (10_000,)))
    mean, variance = float(law.mean), float(law.variance)
    squares = (draws - mean) ** 2
    assert abs(draws.mean() - mean) < 5 * draws.std() / 100
    assert abs(squares.mean() - variance) < 5 * squares.std() / 100
    assert abs(draws.mean() - float(TwoSpeciesDensity(0.2, 1.0, 0.5, 0.3).mean)) > 5 * draws.std() / 100


def test_bad_parameters():
    with pytest.raises(ValueError, match="invalid"):
        TwoSpeciesPair(0.0, 1.0, -0.5, 0.8, validate_args=True)
