"""Numbers of the laws by hand, by SciPy, and by quadrature of the definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from coulombgas.laws import (
    GaussianBlock,
    MarchenkoPastur,
    PairDensity,
    TracyWidom,
    TwoSpeciesDensity,
)
from coulombgas.laws._partition import quadrature_log_z
from coulombgas.laws._rice import unit_cdf, unit_sf

pytestmark = pytest.mark.usefixtures("x64")


def share_below(x, kappa1, kappa2, w1, w2):
    """P(a level ≤ x) for a density ∝ |x₁ − x₂| of two normal levels: SciPy's folded normal law, in short panels."""
    nodes, weights = np.polynomial.legendre.leggauss(30)

    def one(kappa, w, other, wide):
        ends = kappa - 9 * w, min(x, kappa + 9 * w)
        edges = np.unique(np.clip([*np.linspace(*ends, 9), *(other + wide * np.linspace(-8, 8, 5))], *ends))
        half = np.diff(edges)[:, None] / 2
        t = edges[:-1, None] + half * (1 + nodes)
        return np.sum(
            half * weights * stats.norm.pdf(t, kappa, w) * stats.foldnorm.mean(abs(t - other) / wide, 0, wide)
        )

    norm = stats.foldnorm.mean(abs(kappa1 - kappa2) / np.hypot(w1, w2), 0, np.hypot(w1, w2))
    return (one(kappa1, w1, kappa2, w2) + one(kappa2, w2, kappa1, w1)) / norm / 2


def test_levels_of_two_species_with_a_kink_below_a_point():
    """One level a hundred times as narrow, above or below the other, in three units; quantiles of both halves."""
    points, shares = np.array([-0.2, 0.698, 0.75, 1.3]), np.array([0.1, 0.45, 0.8, 0.97])

    @jax.jit
    def both(law, unit):
        scaled = TwoSpeciesDensity(*law[:, None] * unit)
        return scaled.cdf(unit * points), scaled.icdf(jnp.asarray(shares)) / unit

    for law in np.array([[0.3, 0.7, 0.5, 0.005], [0.3, -0.3, 0.5, 0.005]]):
        for unit in (1.0, 1e3, 1e-3):
            found, quantiles = map(np.asarray, both(law, unit))
            np.testing.assert_allclose(found, [share_below(x, *law) for x in points], rtol=1e-8)
            np.testing.assert_allclose([share_below(x, *law) for x in quantiles], shares, rtol=1e-7)


def test_slopes_of_the_distribution_of_rice_by_differences():
    """F and 1 − F by spacing and gap against SciPy's law, each value with its slopes, on both sides of the top."""
    y, delta, step = np.array([0.8, 3.0, 7.0]), np.array([0.6, 2.0, 5.0]), 1e-5

    @jax.jit
    def both(y, delta):
        one, none = jnp.ones_like(y), jnp.zeros_like(y)
        return [[jax.jvp(f, (y, delta), way) for way in ((one, none), (none, one))] for f in (unit_cdf, unit_sf)]

    def exact(name, y, delta):  # at unit width
        return getattr(stats.rice, name)(y, delta / np.sqrt(2), scale=np.sqrt(2))

    for name, found in zip(("cdf", "sf"), both(y, delta), strict=True):
        moves = ((step, 0.0), (0.0, step))
        for (value, slope), (dy, ddelta) in zip(found, moves, strict=True):
            difference = exact(name, y + dy, delta + ddelta) - exact(name, y - dy, delta - ddelta)
            np.testing.assert_allclose(value, exact(name, y, delta), rtol=1e-9)
            np.testing.assert_allclose(slope, difference / (2 * step), rtol=1e-6)


def test_a_pair_seen_from_a_hundred_decades_away():
    """y = x/s → ∞: log ρ → −y²/2, all other terms being lost in rounding."""
    assert float(PairDensity(0.0, 1.9).log_prob(1.9 * 4e102)) == pytest.approx(-8e204, rel=1e-12)


def test_the_ends_of_marchenko_pastur_are_its_first_and_last_quantiles():
    """x̄(1 ∓ √r)² at r = 1/4, and for r = 4 zero, where three of four levels are."""
    law = MarchenkoPastur(np.array([[0.25], [4.0]]), 2.0)
    np.testing.assert_allclose(law.icdf(np.array([0.0, 1.0])), [[0.5, 4.5], [0.0, 18.0]], rtol=1e-12)
    np.testing.assert_allclose(np.exp(np.asarray(law.log_prob(1.0)))[0], np.sqrt(3.5 * 0.5) / np.pi, rtol=1e-12)


def test_edges_of_gaussian_and_wishart_matrices():
    """n = 64: s√(2βn) and s√(β/2)/2, for β = 4 times 2^{−1/6}; X with entries of 1/2 has a quarter of the levels."""
    for beta, edge, scale in ((1, 8 * np.sqrt(2), np.sqrt(1 / 8)), (2, 16.0, 0.5), (4, 16 * np.sqrt(2), 2 ** (-2 / 3))):
        law = TracyWidom.of_gaussian(64, 3.0, beta, center=-1.0)
        assert (float(law.location), float(law.scale)) == pytest.approx((3 * edge - 1, 3 * scale), rel=1e-12)
    law = TracyWidom.of_wishart(25, 25, std=0.5)
    assert (float(law.location), float(law.scale)) == pytest.approx(
        (98 / 4, np.sqrt(98) * (2 / 24.5**0.5) ** (1 / 3) / 4)
    )


def test_draws_of_a_group_have_its_mean_and_width():
    """⟨Σ(x − κ)⟩ = 0 and ⟨Σ(x − κ)²⟩ = s²n(2 + β(n − 1))/2: 4.5 standard errors (false alarm 1e-5) of 4000 draws.

    Control: the second is further than that from its value for β = 1.8.
    """
    draws = np.asarray(GaussianBlock(3.0, 0.5, 3, 2.0).sample(jax.random.key(0), (4000,))) - 3.0
    sums, squares = draws.sum(-1), (draws**2).sum(-1)
    error = squares.std() / np.sqrt(4000)
    assert abs(sums.mean()) < 4.5 * sums.std() / np.sqrt(4000)
    assert abs(squares.mean() - 0.25 * 3 * 6 / 2) < 4.5 * error
    assert abs(squares.mean() - 0.25 * 3 * 5.6 / 2) > 4.5 * error


def test_two_different_wells_by_normal_moments():
    """β = 2: ⟨(x₁ − x₂)²⟩ = s₁² + s₂² + (κ₁ − κ₂)² for normal levels, one a hundred times as narrow, in units of T."""

    def wide(x):
        return x**2 / 2

    def narrow(x):
        return (x - 0.3) ** 2 * 5000

    found = quadrature_log_z((wide, narrow), 2.0, 1.0, (-20.0, 20.0))
    assert float(found) == pytest.approx(np.log(2 * np.pi * 0.01 * (1 + 1e-4 + 0.09)), rel=1e-9)
