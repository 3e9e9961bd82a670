"""The Wigner surmise, Rice, Brody and Poisson laws against SciPy and mpmath."""

import math

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from scipy import special, stats

from coulombgas.laws import Brody, PoissonSpacing, RiceSpacing, WignerSurmise, matrix_pair_spacing

pytestmark = pytest.mark.usefixtures("x64")
S = np.geomspace(1e-6, 12, 60)


@pytest.mark.parametrize("beta", [
    1,
    4,
    *(pytest.param(beta, marks=pytest.mark.full("test_surmise_is_a_chi_law[4] in test_spacing.py"))
      for beta in (2, 0.7)),
])  # fmt: skip
def test_surmise_is_a_chi_law(beta):
    """S/(√2 s) is chi with β + 1 degrees of freedom."""
    law, other = WignerSurmise(0.7, beta), stats.chi(beta + 1, scale=math.sqrt(2) * 0.7)
    np.testing.assert_allclose(law.log_prob(S), other.logpdf(S), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(law.cdf(S), other.cdf(S), rtol=1e-11, atol=1e-300)
    np.testing.assert_allclose(law.mean, other.mean(), rtol=1e-12)
    np.testing.assert_allclose(law.variance, other.var(), rtol=1e-10)
    np.testing.assert_allclose(law.icdf(0.2), other.ppf(0.2), rtol=1e-11)


def test_quantiles_of_a_surmise_are_those_of_a_gamma_law():
    """S²/4s² is Gamma((β + 1)/2); the tails relative to their size."""
    beta = np.array([[0.05], [1.7], [40], [400]])
    law, shape = WignerSurmise(0.7, beta), (beta + 1) / 2
    tails = np.array([2.0**-40, 1e-3, 0.1, 0.4])
    np.testing.assert_allclose(law.icdf(tails), 1.4 * np.sqrt(special.gammaincinv(shape, tails)), rtol=1e-9)
    np.testing.assert_allclose(law.icdf(1 - tails), 1.4 * np.sqrt(special.gammainccinv(shape, tails)), rtol=1e-9)


def test_surmise_of_the_paper():
    """ALP24 (74)-(76): ⟨S⟩ = √π s and P(s) = (π/2) s exp(−πs²/4)."""
    law = WignerSurmise(0.4)
    assert float(law.mean) == pytest.approx(math.sqrt(math.pi) * 0.4, rel=1e-14)
    s = S / float(law.mean)
    expected = np.log(np.pi / 2 * s) - np.pi * s**2 / 4 - math.log(float(law.mean))
    np.testing.assert_allclose(law.log_prob(S), expected, rtol=1e-12)


def test_static_and_traced_beta_agree():
    static, traced = WignerSurmise(0.7, 2), WignerSurmise(0.7, jnp.asarray(2.0))
    np.testing.assert_allclose(static.log_prob(S), traced.log_prob(S), rtol=1e-12)
    slope = jax.grad(lambda beta: WignerSurmise(0.7, beta).log_prob(1.1))(2.0)
    step = 1e-6
    numeric = (
        stats.chi(3 + step, scale=0.7 * 2**0.5).logpdf(1.1) - stats.chi(3 - step, scale=0.7 * 2**0.5).logpdf(1.1)
    ) / (2 * step)
    assert float(slope) == pytest.approx(float(numeric), rel=1e-6)


@pytest.mark.parametrize("gap", [0.0, 0.3, 2.0, 12.0])
def test_rice_is_scipys(gap):
    width = 0.5
    law, other = RiceSpacing(gap, width), stats.rice(gap / (math.sqrt(2) * width), scale=math.sqrt(2) * width)
    points = np.abs(gap + np.linspace(-3, 3, 31)) + 1e-3
    np.testing.assert_allclose(law.log_prob(points), other.logpdf(points), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(law.cdf(points), other.cdf(points), rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(law.mean, other.mean(), rtol=1e-10)
    np.testing.assert_allclose(law.variance, other.var(), rtol=1e-6)


@pytest.mark.parametrize(("gap", "spacing"), [(3.0, 1e-3), (10.0, 1.0), (1.0, 15.0), (50.0, 38.0), (300.0, 301.0)])
def test_rice_to_thirty_digits(gap, spacing):
    """Tails far beyond SciPy's reach, by mpmath."""
    with mp.workdps(30):

        def density(s):
            return s / 2 * mp.exp(-((s - gap) ** 2) / 4) * mp.besseli(0, s * gap / 2) * mp.exp(-s * gap / 2)

        log_density = float(mp.log(density(mp.mpf(spacing))))
        start = max(0.0, spacing - 30)
        below = mp.quad(density, mp.linspace(start, spacing, 12)) if spacing < gap + 1 else None
        above = mp.quad(density, mp.linspace(spacing, spacing + 30, 12)) if below is None else None
    law = RiceSpacing(gap, 1.0)
    assert float(law.log_prob(spacing)) == pytest.approx(log_density, rel=1e-12, abs=1e-12)
    if below is not None:
        assert float(law.cdf(spacing)) == pytest.approx(float(below), rel=1e-11)
    else:
        assert 1 - float(law.cdf(spacing)) == pytest.approx(float(above), abs=1e-13)


@pytest.mark.parametrize("gap", [13.9, 14.3, 1e4, 1e8])
def test_rice_moments_do_not_cancel(gap):
    """Both sides of the switch to the asymptotic series, and gaps at which Δ² + 4s² − ⟨S⟩² is all rounding."""
    with mp.workdps(60):
        z = mp.mpf(gap) ** 2 / 4
        mean = mp.sqrt(mp.pi) * mp.hyp1f1(mp.mpf(-1) / 2, 1, -z)
        variance = mp.mpf(gap) ** 2 + 4 - mean**2
    law = RiceSpacing(gap, 1.0)
    assert float(law.mean) == pytest.approx(float(mean), rel=1e-13)
    assert float(law.variance) == pytest.approx(float(variance), rel=1e-11)


def test_rice_at_no_gap_is_the_surmise():
    np.testing.assert_allclose(RiceSpacing(0.0, 0.7).log_prob(S), WignerSurmise(0.7).log_prob(S), rtol=1e-12)
    np.testing.assert_allclose(RiceSpacing(0.0, 0.7).cdf(S), WignerSurmise(0.7).cdf(S), rtol=1e-11)


def test_rice_is_the_spacing_of_the_matrix_of_two_species():
    """Kolmogorov-Smirnov, 20 000 matrices, false-alarm rate 1e-3; control: the gap of the centres alone."""
    key = jax.random.key(0)
    noise = np.asarray(jax.random.normal(key, (3, 20_000)))
    s1, s2, delta = 0.3, 0.5, 0.6
    difference = delta + s1 * noise[0] - s2 * noise[1]
    spacing = np.hypot(difference, math.hypot(s1, s2) * noise[2])
    law = matrix_pair_spacing(1.0, 1.0 + delta, s1, s2)
    assert stats.kstest(spacing, lambda x: np.asarray(law.cdf(jnp.asarray(x)))).pvalue > 1e-3
    wrong = RiceSpacing(delta, s1)
    assert stats.kstest(spacing, lambda x: np.asarray(wrong.cdf(jnp.asarray(x)))).pvalue < 1e-6


@pytest.mark.parametrize("q", [0.0, 0.4, 1.0, 2.5])
def test_brody_is_a_weibull_law(q):
    """Not capped at q = 1."""
    scale = 0.8 / math.gamma(1 + 1 / (q + 1))
    law, other = Brody(q, 0.8), stats.weibull_min(q + 1, scale=scale)
    np.testing.assert_allclose(law.log_prob(S), other.logpdf(S), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(law.cdf(S), other.cdf(S), rtol=1e-11)
    assert float(law.mean) == pytest.approx(other.mean(), rel=1e-13)
    assert float(law.variance) == pytest.approx(other.var(), rel=1e-10)


def test_brody_joins_poisson_and_the_surmise():
    np.testing.assert_allclose(Brody(0.0, 0.8).log_prob(S), PoissonSpacing(0.8).log_prob(S), rtol=1e-12, atol=1e-12)
    width = 0.8 / math.sqrt(math.pi)
    np.testing.assert_allclose(Brody(1.0, 0.8).log_prob(S), WignerSurmise(width).log_prob(S), rtol=1e-11, atol=1e-11)


def test_brody_finds_the_exponent_by_maximum_likelihood():
    """A density summed without its logarithm would not. 20 000 draws: standard error about 0.008; six of them."""
    data = Brody(1.4, 1.0).sample(jax.random.key(5), (20_000,))
    grid = np.linspace(1.3, 1.5, 41)
    best = grid[np.argmax(jax.lax.map(lambda q: Brody(q).log_prob(data).sum(), grid))]
    assert float(best) == pytest.approx(1.4, abs=0.05)


def test_a_tie_has_the_slope_of_the_law():
    """At S = 0 the derivative by the width is that of log P, −2/s."""
    assert float(jax.grad(lambda w: WignerSurmise(w).log_prob(0.0))(0.5)) == pytest.approx(-4)
    assert float(jax.grad(lambda w: WignerSurmise(w).log_prob(0.0))(1e-12)) == pytest.approx(-2e12)
