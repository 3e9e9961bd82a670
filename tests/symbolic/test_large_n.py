"""Large n: closed bulk laws, R-transforms and their numerical densities, the free sum against matrices."""

import jax
import numpy as np
import pytest
import sympy as sp

from coulombgas import InputError
from coulombgas.symbolic import (
    FreeLaw,
    free_sum,
    free_sum_resolvents,
    marchenko_pastur,
    marchenko_pastur_atom,
    marchenko_pastur_edges,
    resolvent,
    semicircle,
    spectral_argument,
    spectral_density,
)

r = sp.Symbol("r", positive=True)


def bulk(ratio, mean=1.0):
    low, high = (float(e) for e in marchenko_pastur_edges(sp.Rational(ratio), mean))
    points = np.linspace(low, high, 42)[1:-1]
    return points, np.sqrt((high - points) * (points - low)) / (2 * np.pi * float(sp.Rational(ratio)) * mean * points)


@pytest.mark.full("test_parameters_of_a_density_are_arguments in test_large_n.py")
def test_semicircle_density_follows_from_its_r_transform():
    points = np.linspace(-1.99, 1.99, 41)
    density = FreeLaw.semicircle(1).density()(points)
    assert np.asarray(density) == pytest.approx(np.sqrt(4 - points**2) / (2 * np.pi), abs=1e-7)


@pytest.mark.full("test_moments_of_sums and test_parameters_of_a_density_are_arguments in test_large_n.py")
@pytest.mark.parametrize("ratio", ["1/2", "1/10", "2"])
def test_marchenko_pastur_density_follows_from_its_r_transform(ratio):
    points, exact = bulk(ratio)
    density = FreeLaw.marchenko_pastur(sp.Rational(ratio)).density()(points)
    assert np.asarray(density) == pytest.approx(exact, abs=1e-6)


def test_parameters_of_a_density_are_arguments():
    v = sp.Symbol("v", positive=True)
    density = FreeLaw.semicircle(v).density([v])
    assert float(density(0.0, 4.0)) == pytest.approx(1 / (2 * np.pi) * 1.0, abs=1e-7)
    with pytest.raises(InputError, match="takes 1 values, got 0"):
        density(0.0)


@pytest.mark.parametrize(("ratio", "atom"), [("1/2", 0), (1, 0), (4, sp.Rational(3, 4))])
def test_atom_of_wide_matrices(ratio, atom):
    assert marchenko_pastur_atom(sp.Rational(ratio)) == atom


@pytest.mark.parametrize("ratio", [0.25, 1.0, 3.0])
def test_marchenko_pastur_law_against_sampled_matrices(ratio, x64):
    """Distribution function at five places against eight 200-column matrices, tolerance 0.015."""
    rng = np.random.default_rng(4)
    columns = 200
    rows = int(columns / ratio)
    eigenvalues = np.concatenate([
        np.linalg.svd(rng.normal(size=(rows, columns)) / np.sqrt(rows), compute_uv=False) ** 2 for _ in range(8)
    ])  # fmt: skip
    cdf = marchenko_pastur().to_jax("cdf")
    places = np.quantile(eigenvalues, [0.1, 0.3, 0.5, 0.7, 0.9])
    empirical = np.searchsorted(np.sort(eigenvalues), places) / len(eigenvalues)
    assert np.asarray(cdf(places, ratio, 1.0)) == pytest.approx(empirical, abs=0.015)
    wrong = np.asarray(cdf(places, 1.3 * ratio, 1.0))
    assert np.abs(wrong - empirical).max() > 0.03, "the control: another ratio"


@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.5])
def test_distribution_function_is_finite_at_and_between_the_edges(ratio, x64):
    low, high = (float(e) for e in marchenko_pastur_edges(sp.Float(ratio), sp.Float(2.0)))
    cdf = marchenko_pastur().to_jax("cdf")
    values = np.asarray(cdf(np.array([low, (low + high) / 2, high]), ratio, 2.0))
    assert np.all(np.isfinite(values))
    assert values[0] == pytest.approx(0, abs=1e-6)
    assert values[2] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("output", ["density", "log_density", "cdf"])
def test_jax_agrees_with_thirty_digits(output, x64):
    for law, values in ((semicircle(), (0.7, 0.5, 2.0)), (marchenko_pastur(), (1.3, 0.4, 1.1))):
        exact = getattr(law, output).subs(dict(zip(law.args, map(sp.Float, values), strict=True))).evalf(30)
        assert float(law.to_jax(output)(*values)) == pytest.approx(float(exact), rel=1e-12)


def test_laws_differentiate_and_batch(x64):
    log_density = marchenko_pastur().to_jax("log_density")
    slope = jax.jit(jax.vmap(jax.grad(log_density, argnums=1), in_axes=(0, None, None)))
    assert np.all(np.isfinite(np.asarray(slope(np.array([0.5, 1.0, 1.5]), 0.4, 1.0))))


def test_moments_of_sums():
    assert FreeLaw.semicircle().moments(6) == [0, 1, 0, 2, 0, 5]
    narayana = [1, r + 1, r**2 + 3 * r + 1]
    assert [sp.expand(m - n) for m, n in zip(FreeLaw.marchenko_pastur(r).moments(3), narayana, strict=True)] == [0] * 3
    total = FreeLaw.semicircle(sp.Rational(1, 4)) + FreeLaw.marchenko_pastur(sp.Rational(1, 2)) + FreeLaw.point(3)
    assert total.moments(2) == [4, 16 + sp.Rational(3, 4)]


@pytest.mark.full("test_moments_of_sums and test_free_sum_against_matrices_with_an_external_source")
def test_density_of_a_sum_has_its_moments():
    law = FreeLaw.semicircle(sp.Rational(1, 4)) + FreeLaw.marchenko_pastur(sp.Rational(1, 2))
    points = np.linspace(-2, 5, 1001)
    density = np.asarray(law.density()(points))
    for order, exact in enumerate([1, *law.moments(3)]):
        assert np.trapezoid(density * points**order, points) == pytest.approx(float(exact), rel=1e-3)


def test_stieltjes_roots_and_their_limit():
    roots = FreeLaw.semicircle(1).stieltjes()
    assert len(roots) == 2
    assert any(sp.limit(root * spectral_argument, spectral_argument, sp.oo) == 1 for root in roots)
    cubic = FreeLaw(resolvent**2)
    with pytest.raises(InputError, match="solves up to degree 2, got 3"):
        cubic.stieltjes()


def test_free_sum_against_matrices_with_an_external_source():
    """Five quantiles of 20 matrices of size 200 around two levels; fluctuations O(1/n), tolerance 0.02."""
    rng = np.random.default_rng(6)
    size, variance = 200, 0.25
    levels = np.repeat([0.0, 1.5], size // 2)
    noise = rng.normal(size=(20, size, size)) * np.sqrt(variance / size)
    noise = (noise + np.swapaxes(noise, 1, 2)) / np.sqrt(2)
    eigenvalues = np.linalg.eigvalsh(np.diag(levels) + noise).ravel()
    maps = free_sum([0, sp.Rational(3, 2)], sp.Rational(1, 8))
    points = np.linspace(-1.5, 3.0, 901)
    density = np.asarray(spectral_density(maps, free_sum_resolvents(2))(points))
    mass = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(points))])
    assert mass[-1] == pytest.approx(1, abs=2e-3)
    places = np.array([-0.5, 0.0, 0.5, 1.2, 1.8])
    empirical = np.searchsorted(np.sort(eigenvalues), places) / len(eigenvalues)
    assert np.interp(places, points, mass) == pytest.approx(empirical, abs=0.02)


@pytest.mark.full("test_free_sum_against_matrices_with_an_external_source in test_large_n.py")
def test_free_sum_of_equal_levels_is_a_semicircle():
    maps = free_sum([1, 1, 1], [[sp.Rational(1, 3)] * 3] * 3)
    density = spectral_density(maps, free_sum_resolvents(3))
    assert float(density(1.0)) == pytest.approx(1 / np.pi, abs=1e-7)


@pytest.mark.parametrize("variances", [[[1, 2], [3, 4]], [[1, 2, 3]]])
def test_variances_must_be_a_symmetric_matrix(variances):
    with pytest.raises(InputError, match="`variances` must be a symmetric"):
        free_sum([0, 1], variances)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 4.0])
def test_marchenko_pastur_moments_are_those_of_its_density_and_of_traces(ratio, x64):
    """Mean and second moment of the nonzero eigenvalues by quadrature in an angle, and ⟨tr X⟩ = N M v by hand."""
    law = marchenko_pastur()
    density, mean, second = (law.to_jax(what) for what in ("density", "mean", "second_moment"))
    low, high = (float(e) for e in marchenko_pastur_edges(sp.Float(ratio), 0.7))
    nodes, weights = np.polynomial.legendre.leggauss(200)
    angle = np.pi * (nodes + 1) / 2
    points = (low + high) / 2 - (high - low) / 2 * np.cos(angle)
    mass = weights * np.pi / 2 * (high - low) / 2 * np.sin(angle) * np.asarray(density(points, ratio, 0.7))
    assert mass.sum() == pytest.approx(1, abs=1e-6)
    assert float(mean(ratio, 0.7)) == pytest.approx(mass @ points, rel=1e-6)
    assert float(second(ratio, 0.7)) == pytest.approx(mass @ points**2, rel=1e-6)
    assert float(mean(ratio, 0.7)) == pytest.approx(0.7 / min(1, 1 / ratio))  # trace over nonzero eigenvalues
