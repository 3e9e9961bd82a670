"""log Z by Pfaffian and determinant: Selberg's integrals, an independent double sum, nested quadrature, gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
import sympy as sp
from numpyro.infer import MCMC, NUTS

from coulombgas import InputError
from coulombgas._precision import x64
from coulombgas.laws import CoulombGas, partition_function
from coulombgas.laws._exact_partition import exact_log_z
from coulombgas.symbolic import log_laguerre_normalisation, log_mehta_normalisation

pytestmark = pytest.mark.usefixtures("x64")


def quartic(x):
    return x**4 / 4 - x**2 / 2 + 0.2 * x


TEMPERATURES = np.array([0.06, 0.2, 0.45])
WIDTHS, POWERS = (1e-3, 1.0, 30.0), (-0.5, 1.5)


@pytest.fixture(scope="module")
def six_levels():
    """log Z of six levels in the quartic well at the three temperatures, in one call."""
    with x64():
        return np.asarray(CoulombGas(quartic, TEMPERATURES, bounds=(-6.0, 6.0), num_levels=6).log_z)


def classical(size, beta):
    """log Z for x²/2 in the widths, then for x − a log x with the powers a: one program for all."""
    temperature = np.array([*(width**2 for width in WIDTHS), 1.0, 1.0])
    reach = 10.0 * beta * size + 100
    low = np.array([*(-60 * width for width in WIDTHS), 0.0, 0.0])
    high = np.array([*(60 * width for width in WIDTHS), reach, reach])

    def value(temperature, low, high, power, walled):
        well = lambda x: jnp.where(walled, x - power * jnp.log(x), x * x / 2)  # noqa: E731
        return exact_log_z(well, beta, temperature, (low, high), size)

    return jax.jit(jax.vmap(value))(temperature, low, high, np.array([0.0, 0.0, 0.0, *POWERS]), np.arange(5) > 2)


@pytest.mark.parametrize("beta", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("size", [4, 7, 40])
def test_gaussian_and_laguerre_weights_are_selbergs_integrals(beta, size, reduced):
    """Cold, hot, and with a wall at which the weight is a power: to 1e-10 relative or absolute, whichever is larger."""
    if reduced and (size, beta) not in {(7, 1.0), (40, 2.0), (40, 4.0)}:
        pytest.skip("reduced form: every β, an odd size where it has a border; an even one: test_six_levels...")
    stated = [log_mehta_normalisation(size, beta=int(beta), width=sp.Rational(width)) for width in WIDTHS]
    stated += [log_laguerre_normalisation(size, exponent=sp.Rational(a), beta=int(beta)) for a in POWERS]
    for found, formula in zip(classical(size, beta), stated, strict=True):
        assert float(found) == pytest.approx(float(formula.evalf(25)), rel=1e-12, abs=1e-10)


def double_sum(temperature, size, points):
    """log Z for β = 1 by an even grid and monomials: no orthogonal polynomials, no panels; error of order h²."""
    x, step = np.linspace(-3.5, 3.5, points, retstep=True)
    energy = quartic(x) / temperature
    functions = np.polynomial.legendre.legvander(x / 2, size - 1) * np.exp(energy.min() - energy)[:, None] * step
    below = np.cumsum(functions, axis=0) - functions / 2
    half = below.T @ functions
    leading = [np.polynomial.legendre.leg2poly([0] * k + [1])[-1] / 2**k for k in range(size)]
    log_pfaffian = np.linalg.slogdet(half - half.T)[1] / 2 - np.log(leading).sum()
    return sp.loggamma(size + 1).evalf() - size * energy.min() + log_pfaffian


@pytest.mark.parametrize(("number", "stated"), [(0, 25.16530), (1, 9.95926), (2, 8.80831)])
def test_six_levels_in_a_quartic_well(six_levels, number, stated):
    """The reference values, and six more digits by the double sum with its h² taken out."""
    assert six_levels[number] == pytest.approx(stated, abs=1.1e-5)
    coarse, fine = (float(double_sum(TEMPERATURES[number], 6, n)) for n in (20001, 40001))
    assert six_levels[number] == pytest.approx(fine + (fine - coarse) / 3, abs=1e-8)


@pytest.mark.parametrize("beta", [
    1.0,
    *(pytest.param(beta, marks=pytest.mark.full("test_gaussian_and_laguerre_weights_are_selbergs_integrals[40-*]"))
      for beta in (2.0, 4.0)),
])  # fmt: skip
def test_three_levels_by_nested_quadrature_and_the_derivatives_by_differences(beta):
    """log Z, and its slopes by a parameter of the potential and by the temperature, in one program."""

    def value(point):
        well = lambda x: x**4 / 4 - point[0] * x**2 / 2 + 0.2 * x  # noqa: E731
        return exact_log_z(well, beta, point[1], (-6.0, 6.0), 3)

    centre, step = np.array([1.0, 0.2]), 1e-3
    moves = np.concatenate([np.zeros((1, 2)), *(step * s * np.eye(2) for s in (-2, -1, 1, 2))])
    values, slopes = map(np.asarray, jax.jit(jax.vmap(jax.value_and_grad(value)))(centre + moves))
    differences = (values[1:3] - 8 * values[3:5] + 8 * values[5:7] - values[7:9]) / (12 * step)
    np.testing.assert_allclose(slopes[0], differences, rtol=1e-6)
    gas = CoulombGas(quartic, 0.2, bounds=(-6.0, 6.0), num_levels=3, beta=beta)
    assert values[0] == pytest.approx(float(gas.log_z), abs=1e-9)


@pytest.mark.slow
def test_agrees_with_annealing_within_its_error(six_levels, reduced):
    if reduced:
        pytest.skip("reduced form: against the double sum here, and annealing against Mehta's constant elsewhere")
    settings = {"bounds": (-6.0, 6.0), "num_levels": 6}
    annealed = partition_function(quartic, key=jax.random.key(0), temperature=0.45, num_particles=512, **settings)
    gas = CoulombGas(quartic, 0.45, partition=annealed, **settings)
    assert abs(float(gas.log_z) - six_levels[2]) < 4 * annealed.error.max()


def test_what_is_not_exact_still_needs_a_partition():
    wells = [quartic, quartic, quartic, lambda x: x**2]
    for arguments in (
        {"potentials": wells},
        {"potentials": quartic, "num_levels": 4, "beta": 1.5},
        {"potentials": quartic, "num_levels": 61},
    ):
        with pytest.raises(InputError, match="share one potential with β = 1, 2 or 4"):
            CoulombGas(temperature=1.0, bounds=(-4.0, 4.0), **arguments)


def metropolis(rng, potential, temperature, size, count, sweeps=400):
    """``count`` spectra for β = 1, every one a Markov chain of its own: single levels, steps of random length."""
    levels = rng.normal(size=(count, size))
    for k in np.tile(np.arange(size), sweeps):
        old = levels[:, k]
        new = old + rng.normal(size=count) * np.exp(rng.uniform(-2.5, 0.5, count))
        others = np.delete(levels, k, axis=1)
        repulsion = np.log(np.abs((new[:, None] - others) / (old[:, None] - others))).sum(axis=1)
        accept = np.log(rng.random(count)) < repulsion - (potential(new) - potential(old)) / temperature
        levels[:, k] = np.where(accept, new, old)
    return levels


@pytest.mark.slow
@pytest.mark.full("test_three_levels_by_nested_quadrature_and_the_derivatives_by_differences[1.0]")
def test_a_parameter_of_the_potential_is_inferred():
    """200 draws of six levels; truth within 4 standard deviations (false alarm 1e-4), another truth is not.

    The posterior on a grid that ends where it is below 1e-4 of a cell's share, and by NUTS.
    """
    data = metropolis(np.random.default_rng(0), quartic, 0.2, 6, 200)

    def law(depth):
        well = lambda x: x**4 / 4 - depth * x**2 / 2 + 0.2 * x  # noqa: E731
        return CoulombGas(well, 0.2, bounds=(-6.0, 6.0), num_levels=6)

    grid = np.linspace(0.7, 1.3, 61)
    log_likelihood = np.asarray(jax.jit(jax.vmap(lambda depth: law(depth).log_prob(data).sum()))(grid))
    weight = np.exp(log_likelihood - log_likelihood.max() - (grid - 1.0) ** 2 / 2)
    weight /= weight.sum()
    assert weight[[0, -1]].max() < 1e-4
    moments = [(weight @ grid, np.sqrt(weight @ (grid - weight @ grid) ** 2))]
    draws = posterior_draws(law, data)
    moments.append((draws.mean(), draws.std()))
    assert draws.std() == pytest.approx(moments[0][1], rel=0.4)
    for mean, deviation in moments:
        assert abs(mean - 1.0) < 4 * deviation
        assert abs(mean - 1.4) > 4 * deviation


def posterior_draws(law, data):
    def model(levels):
        numpyro.sample("levels", law(numpyro.sample("depth", dist.Normal(1.0, 1.0))), obs=levels)

    sampler = MCMC(NUTS(model), num_warmup=100, num_samples=200, progress_bar=False)
    sampler.run(jax.random.key(1), data)
    return np.asarray(sampler.get_samples()["depth"])
