"""Tracy-Widom laws: published moments, Fredholm determinants, asymptotics of both tails, eigenvalues of matrices."""

import functools
import math

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from scipy import special, stats

from coulombgas._checks import InputError
from coulombgas.ensembles import hermite_eigenvalues
from coulombgas.laws import TracyWidom
from derivations._painleve import EDGES, HastingsMcLeod, log_density_and_logit

pytestmark = pytest.mark.usefixtures("x64")
BETAS = (1, 2, 4)


def painleve(beta, s):
    """Our variable to that of Painlevé and Fredholm."""
    return s * math.sqrt(2) if beta == 4 else s


@functools.cache
def determinants(s):
    """det(1 ∓ Ai(x + y + s)) on (0, ∞) by Gauss-Legendre quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(48)
    t, w = 8 * (nodes + 1), np.sqrt(8 * weights)
    kernel = w[:, None] * special.airy(t[:, None] + t[None] + s)[0] * w
    return np.linalg.det(np.eye(48) - kernel), np.linalg.det(np.eye(48) + kernel)


def fredholm(s, beta):
    """Ferrari and Spohn 2005; Bornemann 2010."""
    minus, plus = determinants(s)
    return {1: minus, 2: minus * plus, 4: (minus + plus) / 2}[beta]


@pytest.mark.parametrize(
    ("beta", "mean", "variance"),
    [
        (1, -1.2065335745820, 1.6077810345810),
        (2, -1.7710868074117, 0.8131947928329),
        (4, -2.3068848932411, 0.5177237207726),
    ],
)  # fmt: skip
def test_published_mean_and_variance(beta, mean, variance):
    """F. Bornemann, Markov Process. Relat. Fields 16 (2010), Table 4; β = 4 in the usual scaling."""
    law = TracyWidom(beta)
    assert float(law.mean) == pytest.approx(mean, abs=1e-11)
    assert float(law.variance) == pytest.approx(variance, abs=1e-11)
    nodes, weights = np.polynomial.legendre.leggauss(300)
    x = -2 + 12 * nodes
    mass = 12 * weights * np.exp(np.asarray(law.log_prob(jnp.asarray(x))))
    assert mass.sum() == pytest.approx(1, abs=1e-9)
    assert np.sum(mass * x) == pytest.approx(mean, abs=1e-8)


@pytest.mark.parametrize("beta", BETAS)
def test_cdf_and_density_against_fredholm_determinants(beta):
    law = TracyWidom(beta)
    s = np.linspace(-8, 5, 27)
    np.testing.assert_allclose(law.cdf(s), [fredholm(painleve(beta, x), beta) for x in s], atol=1e-12)
    # eighth-order central differences of the determinant
    h, stencil = 0.05, {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
    inner = s[::3]
    slope = [
        sum(c * (fredholm(painleve(beta, x + k * h), beta) - fredholm(painleve(beta, x - k * h), beta)) / h
            for k, c in stencil.items())
        for x in inner
    ]  # fmt: skip
    np.testing.assert_allclose(np.exp(law.log_prob(inner)), slope, atol=1e-9)


@pytest.mark.full(
    "test_cdf_and_density_against_fredholm_determinants in test_tracy_widom.py and "
    "test_cdf_is_the_integral_and_icdf_inverts_it[tracy-widom 1] in test_protocol.py"
)
@pytest.mark.parametrize("beta", BETAS)
def test_quantiles_to_1e_8(beta):
    law = TracyWidom(beta)
    u = jnp.asarray([0.005, 0.05, 0.3, 0.5, 0.9, 0.99, 0.999])
    x = law.icdf(u)
    np.testing.assert_allclose([fredholm(painleve(beta, float(v)), beta) for v in x], u, atol=1e-11)
    for v, p in zip(x, u, strict=True):
        slope = math.exp(float(law.log_prob(v)))
        assert abs(fredholm(painleve(beta, float(v)), beta) - float(p)) / slope < 1e-8


def test_published_quantiles_of_beta_1():
    """I. M. Johnstone, Ann. Stat. 29 (2001), Table 1."""
    u = jnp.asarray([0.01, 0.05, 0.10, 0.30, 0.50, 0.70, 0.90, 0.95, 0.99])
    expected = [-3.90, -3.18, -2.78, -1.91, -1.27, -0.59, 0.45, 0.98, 2.02]
    np.testing.assert_allclose(TracyWidom(1).icdf(u), expected, atol=0.006)


def test_right_tail_keeps_its_relative_accuracy():
    """1 − F2 = ∫K_Ai(x, x) up to the square of itself, at densities down to 1e-120."""
    law = TracyWidom(2)
    for s in (6.0, 15.0, 30.0):
        ai, dai = mp.airyai(s), mp.airyai(s, derivative=1)
        density = dai**2 - s * ai**2
        assert float(law.log_prob(s)) == pytest.approx(float(mp.log(density)), abs=1e-9)
    # β = 1: F1' = Ai(s)/2 up to the square
    for s in (8.0, 25.0):
        assert float(TracyWidom(1).log_prob(s)) == pytest.approx(float(mp.log(mp.airyai(s) / 2)), abs=1e-8)


def test_left_tail_keeps_its_relative_accuracy():
    """log F2 = −t³/12 − log t/8 + ζ'(−1) + log 2/24 + 3/(64t³) + …, and the same for β = 1, with its derivative."""
    law = TracyWidom(2)
    t = 30.0
    log_f = -(t**3) / 12 - math.log(t) / 8 + float(mp.zeta(-1, derivative=1)) + math.log(2) / 24 + 3 / (64 * t**3)
    slope = t**2 / 4 + 1 / (8 * t) + 9 / (64 * t**4)
    assert float(law.log_prob(-t)) == pytest.approx(log_f + math.log(slope), abs=1e-7)
    constant = float(mp.zeta(-1, derivative=1)) / 2 - 11 * math.log(2) / 48
    log_f1 = -(t**3) / 24 - t**1.5 / (3 * math.sqrt(2)) - math.log(t) / 16 + constant - t**-1.5 / (24 * math.sqrt(2))
    slope1 = t**2 / 8 + math.sqrt(t / 2) / 2 + 1 / (16 * t)
    assert float(TracyWidom(1).log_prob(-t)) == pytest.approx(log_f1 + math.log(slope1), abs=5e-6)


@pytest.mark.slow
@pytest.mark.full("test_cdf_and_density_against_fredholm_determinants and those of both tails in test_tracy_widom.py")
def test_the_table_is_what_the_generator_makes():
    """Points of all three panels of every β against the 120-digit Painlevé solution (about three seconds)."""
    solution = HastingsMcLeod()
    for beta in BETAS:
        low, high = EDGES[beta]
        law = TracyWidom(beta)
        for s in (low - 0.1, 0.0, high + 0.1, 2 * low, low + 0.1, -3.0, high - 0.1, 2.5 * high):
            log_density, logit = (float(v) for v in log_density_and_logit(solution, beta, s))
            x = s / math.sqrt(2) if beta == 4 else s
            shift = math.log(2) / 2 if beta == 4 else 0.0
            assert float(law.log_prob(x)) == pytest.approx(log_density + shift, abs=1e-9, rel=1e-12)
            assert float(law.cdf(x)) == pytest.approx(1 / (1 + math.exp(-logit)), rel=1e-9)


def test_edge_and_scale_of_a_gaussian_matrix():
    """Levels fill κ ± s√(2βn); the scale is that of the stochastic Airy operator, for β = 4 in the usual variable."""
    for beta, stretch in ((1, 2**-0.5), (2, 1.0), (4, 2 ** (1 / 3))):
        law = TracyWidom.of_gaussian(64, 0.3, beta, 0.2)
        found = float(law.location), float(law.scale)
        assert found == pytest.approx((0.2 + 0.3 * math.sqrt(128 * beta), 0.3 * stretch / 2), rel=1e-14)


@pytest.mark.full("test_edge_and_scale_of_a_gaussian_matrix and test_the_largest_eigenvalue_of_a_wishart_matrix")
@pytest.mark.parametrize("beta", BETAS)
def test_the_largest_eigenvalue_of_a_gaussian_matrix(beta):
    """n = 200, 1000 spectra: Kolmogorov distance below 0.06 (finite n moves it by about 0.02); control: another β.

    For β = 4 the control is the scaling of the stochastic Airy operator.
    """
    n = 200
    top = np.asarray(hermite_eigenvalues(key=jax.random.key(beta), n=n, beta=float(beta), shape=(1000,)))[:, -1]
    law = TracyWidom.of_gaussian(n, 1.0, beta)
    wrong = (
        TracyWidom(4, law.location, law.scale * 2 ** (1 / 6))
        if beta == 4
        else TracyWidom(3 - beta, law.location, law.scale)
    )
    assert stats.kstest(top, lambda x: np.asarray(law.cdf(jnp.asarray(x)))).statistic < 0.06
    assert stats.kstest(top, lambda x: np.asarray(wrong.cdf(jnp.asarray(x)))).statistic > 0.08


def test_the_largest_eigenvalue_of_a_wishart_matrix():
    rng = np.random.default_rng(0)
    top = [np.linalg.norm(rng.normal(0, 0.3, (60, 40)), 2) ** 2 for _ in range(1000)]
    law = TracyWidom.of_wishart(60, 40, 0.3)
    assert stats.kstest(top, lambda x: np.asarray(law.cdf(jnp.asarray(x)))).statistic < 0.045
    wrong = TracyWidom.of_wishart(60, 42, 0.3)
    assert stats.kstest(top, lambda x: np.asarray(wrong.cdf(jnp.asarray(x)))).statistic > 0.09


def test_float32():
    with jax.enable_x64(False):
        law = TracyWidom(1)
        s = jnp.linspace(-8, 6, 57)
        assert law.cdf(s).dtype == jnp.float32
        low = np.asarray(law.cdf(s), float)
    np.testing.assert_allclose(low, TracyWidom(1).cdf(np.asarray(s, float)), rtol=3e-4, atol=2e-6)


def test_other_beta():
    with pytest.raises(InputError, match="`beta` must be 1, 2 or 4, got 3"):
        TracyWidom(3)
