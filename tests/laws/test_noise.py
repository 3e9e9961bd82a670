"""Noise in plain NumPy: Marchenko-Pastur by its resolvent and moments, the edge by Fredholm determinants."""

import numpy as np
import pytest
from scipy import integrate, special

import coulombgas.laws
from coulombgas._precision import x64
from coulombgas.laws import (
    MarchenkoPastur,
    TracyWidom,
    edge_log_density,
    edge_log_survival,
    edge_moments,
    edge_quantile,
    mp_angle,
    mp_cdf,
    mp_density,
    mp_edges,
    mp_nodes,
    mp_quantile,
    wishart_edge,
)

SHAPES = [(0.7, 200.0, 60.0), (0.02**2, 384.0, 64.0), (1.3, 50.0, 50.0), (2.0, 40.0, 90.0), (1.0, 101.5, 33.0)]


@pytest.mark.parametrize("law", SHAPES)
def test_marchenko_pastur_is_that_of_its_stieltjes_transform(law):
    """v n x G² − (x − v(m − n))G + 1 = 0 for the resolvent G of the n levels that do not vanish, m the longer side."""
    variance, rows, columns = law
    long, short = max(rows, columns), min(rows, columns)
    lower, upper = mp_edges(*law)
    x = np.linspace(lower, upper, 41)[1:-1]
    roots = [np.roots([variance * short * t, -(t - variance * (long - short)), 1.0]) for t in x]
    np.testing.assert_allclose(mp_density(x, *law), [abs(pair[0].imag) / np.pi for pair in roots], rtol=1e-9)
    # x = middle − half cos φ takes the square roots at both ends away
    middle, half, angle = (lower + upper) / 2, (upper - lower) / 2, np.pi * (np.arange(2000) + 0.5) / 2000
    nodes = middle - half * np.cos(angle)
    weight = mp_density(nodes, *law) * half * np.sin(angle) * np.pi / 2000
    assert weight @ nodes == pytest.approx(variance * long, rel=1e-6)
    np.testing.assert_allclose(mp_cdf(nodes[::100] + 1e-12, *law), np.cumsum(weight)[::100], atol=2e-3)
    np.testing.assert_allclose(mp_quantile(mp_cdf(x, *law), *law), x, rtol=1e-5)


@pytest.mark.parametrize("law", SHAPES)
def test_both_copies_of_marchenko_pastur_agree(law):
    """The copy for inner loops and the distribution, which comes from the symbolic law."""
    variance, rows, columns = law
    lower, upper = mp_edges(*law)
    x = np.linspace(lower, upper, 23)[1:-1]
    with x64():
        other = MarchenkoPastur(columns / rows, rows * variance)
        share = min(rows, columns) / columns  # of the levels that are not zero
        np.testing.assert_allclose(other.edges, (lower, upper), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(share * mp_density(x, *law), np.exp(other.log_prob(x)), rtol=1e-9)
        np.testing.assert_allclose(1 - share + share * mp_cdf(x, *law), other.cdf(x), atol=1e-9)


def test_nodes_carry_the_moments_of_the_law():
    """∫ρ λ^k for W = XᵀX/P: with r = 1/α these are Narayana polynomials, 1, 1 + r, 1 + 3r + r²."""
    r = 1 / 0.7
    value, weight = mp_nodes(0.7, 12)
    moments = [1, 1 + r, 1 + 3 * r + r**2, 1 + 6 * r + 6 * r**2 + r**3]
    np.testing.assert_allclose([weight @ value**k for k in range(4)], moments, rtol=1e-12)


def fredholm(s):
    """F₁(s) = det(1 − Ai(x + y + s)) on (0, ∞) (Ferrari and Spohn 2005), by Gauss-Legendre quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(80)
    t, w = 8 * (nodes + 1), np.sqrt(8 * weights)
    return float(np.linalg.det(np.eye(80) - w[:, None] * special.airy(t[:, None] + t[None] + s)[0] * w))


def test_edge_is_tracy_widom():
    s = np.linspace(-7, 3, 21)
    survival = np.array([1 - fredholm(x) for x in s])
    np.testing.assert_allclose(np.exp(edge_log_survival(s)), survival, atol=1e-12)
    slope = [(fredholm(x + 1e-3) - fredholm(x - 1e-3)) / 2e-3 for x in s]
    np.testing.assert_allclose(np.exp(edge_log_density(s)), slope, atol=1e-6)
    with x64():
        np.testing.assert_allclose(edge_log_density(s), TracyWidom(beta=1).log_prob(s), rtol=1e-13)


def test_published_quantiles_and_moments_of_the_edge():
    """A. Bejan 2005, Table 6; F. Bornemann 2010, Table 4."""
    assert edge_quantile(0.05) == pytest.approx(0.9793, abs=5e-5)
    assert edge_quantile(0.01) == pytest.approx(2.0234, abs=5e-5)
    assert edge_moments() == pytest.approx((-1.2065335745820, np.sqrt(1.6077810345810)), abs=1e-11)
    for probability in (1e-300, 1e-12, 0.01, 0.5, 0.999, 1 - 1e-12):
        assert edge_log_survival(edge_quantile(probability)) == pytest.approx(np.log(probability), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("s", [12.1, 14.0, 30.0, 1e4])
def test_the_edge_falls_off_as_tracy_widom_does(s):
    """1 − F₁ → exp(−2s^{3/2}/3)/(4√π s^{3/4}), to relative corrections s^{−3/2}; the density is √s times that."""
    tail = -2 / 3 * s**1.5 - 0.75 * np.log(s) - np.log(4 * np.sqrt(np.pi))
    assert float(edge_log_survival(s)) == pytest.approx(tail, abs=1.5 * s**-1.5, rel=1e-12)
    assert float(edge_log_density(s)) == pytest.approx(tail + 0.5 * np.log(s), abs=1.5 * s**-1.5, rel=1e-12)


def test_levels_of_any_size_have_a_probability():
    far = np.array([-np.inf, -1e200, -50.0, 0.0, 50.0, 1e200, np.inf])
    assert (np.diff(edge_log_survival(far)) <= 0).all()
    assert np.isfinite(edge_log_density(far)).all()
    assert edge_log_survival(far[0]) == 0


def test_edge_of_a_matrix_is_johnstones():
    """Centre and scale by the formula, and by the largest level of 2000 real Wishart matrices of 60×20.

    The mean of the standardised level has a standard error of 1.268/√2000 = 0.028 and a bias of order N^{−2/3}
    = 0.14 times a constant below 1/2 (Ma 2012): 0.15 is beyond both, and a scale wrong by a tenth moves it by 0.12 and
    the spread by 5 of its standard errors.
    """
    variance, rows, columns = 0.3, 60, 20
    centre, scale = wishart_edge(variance, rows, columns)
    a, b = np.sqrt(59.5), np.sqrt(19.5)
    assert (centre, scale) == pytest.approx((0.3 * (a + b) ** 2, 0.3 * (a + b) * (1 / a + 1 / b) ** (1 / 3)), rel=1e-14)
    rng = np.random.default_rng(5)
    matrices = np.sqrt(variance) * rng.standard_normal((2000, rows, columns))
    largest = np.linalg.eigvalsh(matrices.transpose(0, 2, 1) @ matrices)[:, -1]
    standard = (largest - centre) / scale
    mean, sd = edge_moments()
    assert standard.mean() == pytest.approx(mean, abs=0.15)
    assert standard.std() == pytest.approx(sd, rel=0.09)
    law = TracyWidom.of_wishart(rows, columns, std=np.sqrt(variance))
    assert (float(law.location), float(law.scale)) == pytest.approx((centre, scale), rel=1e-6)


def test_density_has_mass_one_between_the_edges():
    law = SHAPES[0]
    assert integrate.quad(lambda t: float(mp_density(t, *law)), *mp_edges(*law))[0] == pytest.approx(1, abs=1e-7)


def test_every_name_loads_on_first_use():
    """Distributions are loaded on first use: all of them are there."""
    for name in coulombgas.laws.__all__:
        getattr(coulombgas.laws, name)
    with pytest.raises(AttributeError, match="no attribute 'Wigner'"):
        coulombgas.laws.Wigner  # noqa: B018


def test_the_angle_is_zero_beyond_the_upper_edge_and_pi_below_the_lower():
    found = mp_angle(np.array([0.0, 1e-3, 1e3]), 1.0, 100, 25)
    np.testing.assert_array_equal(found, [np.pi, np.pi, 0.0])
