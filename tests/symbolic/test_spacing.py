"""Spacing and density laws: mass, moments, stability at extreme widths, agreement with 30-digit evaluation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from scipy import integrate, stats

from coulombgas import InputError
from coulombgas.symbolic import (
    brody,
    mean_distance,
    pair_density,
    poisson,
    rice_spacing,
    to_latex,
    to_numpy_source,
    two_species_density,
    two_species_spacing,
    wigner_surmise,
)

BETA = sp.Symbol("beta", positive=True)
# law, parameters at width of order one, which of them scale with the width
LAWS = {
    "surmise 1": (wigner_surmise(1), (0.7,), (1,)),
    "surmise 2": (wigner_surmise(2), (0.7,), (1,)),
    "surmise 4": (wigner_surmise(4), (0.7,), (1,)),
    "surmise beta": (wigner_surmise(BETA), (0.7, 2.5), (1, 0)),
    "rice": (rice_spacing(), (1.3, 0.4), (1, 1)),
    "rice without gap": (rice_spacing(), (0.0, 0.4), (1, 1)),
    "pair": (pair_density(), (1.0, 0.3), (1, 1)),
    "brody": (brody(), (0.4, 2.0), (0, 1)),
    "brody at poisson": (brody(), (0.0, 2.0), (0, 1)),
    "poisson": (poisson(), (2.0,), (1,)),
    "two species": (two_species_density(), (1.0, 0.2, 0.3, 0.8), (1, 1, 1, 1)),
    "two-species spacing": (two_species_spacing(), (0.9, 0.3, 0.8), (1, 1, 1)),
}


@pytest.mark.parametrize("name", LAWS)
def test_mass_moments_and_distribution_function(name, x64):
    law, parameters, _ = LAWS[name]
    log_density = jax.jit(jax.vmap(law.to_jax(), in_axes=(0, *(None,) * len(parameters))))
    low = 0.0 if law.support[0] == 0 else -12.0
    # composite Gauss-Legendre, graded towards S = 0, where Brody's S^q has no derivative
    edges = np.concatenate([[low], low + np.geomspace(1e-9, 1.0, 60), np.linspace(low + 1.0, 90.0, 400)[1:]])
    nodes, weights = np.polynomial.legendre.leggauss(20)
    half = np.diff(edges)[:, None] / 2
    points, weights = (edges[:-1, None] + half * (1 + nodes)).ravel(), (half * weights).ravel()
    density = weights * np.exp(log_density(jnp.asarray(points), *parameters))
    assert abs(density.sum() - 1) < 1e-11
    mean, second = (law.to_jax(moment) for moment in ("mean", "second_moment"))
    cdf = (lambda *_: None) if law.cdf is None else law.to_jax("cdf")
    stated = jax.jit(lambda *values: (mean(*values), second(*values), cdf(edges[200], *values)))(*parameters)
    assert np.isclose((density * points).sum(), stated[0], rtol=1e-11)
    assert np.isclose((density * points**2).sum(), stated[1], rtol=1e-11)
    if law.cdf is not None:
        assert np.isclose(density[points < edges[200]].sum(), stated[2], rtol=1e-11)
    else:
        with pytest.raises(InputError, match="no distribution function"):
            law.to_jax("cdf")


@pytest.mark.parametrize("name", LAWS)
def test_log_density_agrees_with_thirty_digits_of_the_textbook_density(name, x64, exact, relative_error):
    law, parameters, _ = LAWS[name]
    points = [1e-12, 1e-3, 0.2, 1.0, 3.1, 17.0, 60.0] + ([-40.0, -3.0, 0.0] if law.support[0] != 0 else [])
    rows = [(point, *parameters) for point in points]
    expected = exact(sp.log(law.density), law.args, rows)
    values = jax.jit(law.to_jax())(jnp.asarray(points), *parameters)
    # Of the pieces of log P: relative to max(1, |log P|), as a log density enters sums
    assert np.max(np.abs(values - expected) / np.maximum(1, np.abs(expected))) < 1e-12


@pytest.mark.parametrize("name", LAWS)
def test_finite_values_and_gradients_for_any_width(name, x64):
    law, parameters, scales = LAWS[name]
    widths, units = np.meshgrid([1e-12, 1e-6, 1.0, 1e6, 1e12], [1e-150, 1e-12, 0.5, 3.0, 40.0, 1e5], indexing="ij")
    arguments = [(p * widths**k).ravel() for p, k in zip((1.0, *parameters), (1, *scales), strict=True)]
    arguments[0] = (widths * units).ravel()
    derivative = jax.value_and_grad(law.to_jax(), argnums=tuple(range(len(law.args))))
    value, gradients = jax.jit(jax.vmap(derivative))(*arguments)
    assert np.isfinite(value).all()
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    # the density scales: log P(w u | w θ) + log w does not depend on w
    scaled = np.asarray(value).reshape(widths.shape) + np.log(widths)
    np.testing.assert_allclose(scaled, np.broadcast_to(scaled[2], scaled.shape), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "name", ["surmise 1", "surmise 4", "rice", "rice without gap", "two-species spacing", "poisson"]
)
def test_at_zero_spacing_the_gradient_in_the_parameters_is_finite(name, x64):
    law, parameters, _ = LAWS[name]
    gradients = jax.jit(jax.grad(law.to_jax(), argnums=tuple(range(1, len(law.args)))))(0.0, *parameters)
    assert np.isfinite(gradients).all()


def test_unit_mean_surmises():
    s = sp.Symbol("s", positive=True)
    expected = {
        1: sp.pi / 2 * s * sp.exp(-sp.pi * s**2 / 4),
        2: 32 / sp.pi**2 * s**2 * sp.exp(-4 * s**2 / sp.pi),
        4: sp.Integer(2) ** 18 / (3**6 * sp.pi**3) * s**4 * sp.exp(-64 * s**2 / (9 * sp.pi)),
    }
    for beta, density in expected.items():
        assert sp.simplify(wigner_surmise(beta).unit_mean() - density) == 0


def test_rice_against_scipy_and_its_limits(x64):
    law, gap, width = rice_spacing(), 0.7, 0.3
    points = np.linspace(0.01, 3.0, 30)
    expected = stats.rice.logpdf(points, b=gap / (np.sqrt(2) * width), scale=np.sqrt(2) * width)
    np.testing.assert_allclose(jax.jit(law.to_jax())(points, gap, width), expected, rtol=1e-10)
    surmise = wigner_surmise(1)
    assert sp.simplify(law.density.subs(law.parameters[0], 0) - surmise.density) == 0
    # mean of the Rice law at a gap of 1e4 widths: no overflow of the Bessel function
    assert np.isclose(jax.jit(law.to_jax("mean"))(1e4, 1.0), 1e4 + 1e-4, rtol=1e-12)


def test_pair_density_moments_and_binder_cumulant(x64):
    law = pair_density()
    density = jax.jit(law.to_jax("density"))
    moment = [
        integrate.quad(lambda y, k=k: y**k * float(density(y, 0.0, 1.0)), -12, 12, points=[0.0])[0] for k in (2, 4)
    ]
    assert np.isclose(moment[0], 3 / 2, rtol=1e-9)
    assert np.isclose(moment[1], 23 / 4, rtol=1e-9)
    assert np.isclose(1 - moment[1] / (3 * moment[0] ** 2), 4 / 27, rtol=1e-8)


def test_equal_species_are_the_pair(x64):
    two, one = two_species_density(), pair_density()
    equal = dict(
        zip(two.parameters, (one.parameters[0], one.parameters[0], one.parameters[1], one.parameters[1]), strict=True)
    )
    difference = (two.density.subs(equal) / one.density).simplify()
    assert sp.simplify(difference - 1) == 0
    d, w = sp.symbols("d w", positive=True)
    assert sp.limit(mean_distance(d, w), w, 0) == d


@pytest.mark.parametrize("beta", [0, -1, sp.Symbol("b"), sp.oo - sp.oo])
def test_refuses_a_bad_index(beta):
    with pytest.raises(InputError, match="`beta` must be positive"):
        wigner_surmise(beta)


def test_refuses_an_unknown_output():
    with pytest.raises(InputError, match="`output` must be one of"):
        poisson().to_jax("median")


@pytest.mark.parametrize("name", ["surmise 4", "surmise beta", "rice", "pair", "brody", "two species"])
def test_numpy_source_runs_and_agrees(name, x64):
    law, parameters, _ = LAWS[name]
    source = to_numpy_source(law.log_density, law.args, name="log_density")
    assert "jax" not in source
    module: dict = {}
    exec(compile(source, "<generated>", "exec"), module)
    points = np.array([0.1, 1.0, 2.5])
    np.testing.assert_allclose(
        module["log_density"](points, *parameters), jax.jit(law.to_jax())(points, *parameters), rtol=1e-10
    )


def test_latex_uses_the_letters_of_the_papers():
    law = rice_spacing()
    text = to_latex(law.density)
    assert r"\Delta" in text
    assert "width" not in text
    assert r"\kappa" in to_latex(pair_density().log_density)
