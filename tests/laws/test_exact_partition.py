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
from coulombgas.laws import CoulombGas, partition_function
from coulombgas.symbolic import log_laguerre_normalisation, log_mehta_normalisation

pytestmark = pytest.mark.usefixtures("x64")


def quartic(x):
    return x**4 / 4 - x**2 / 2 + 0.2 * x


def log_z(potential, temperature, size, beta, bounds):
    gas = CoulombGas(potential, temperature, bounds=bounds, num_levels=size, beta=beta)
    return float(gas.log_z)


@pytest.mark.parametrize("beta", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("size", [4, 7, 40])
def test_gaussian_and_laguerre_weights_are_selbergs_integrals(beta, size):
    """Cold, hot, and with a wall at which the weight is a power: to 1e-10 relative or absolute, whichever is larger."""
    for width in (1e-3, 1.0, 30.0):
        stated = float(log_mehta_normalisation(size, beta=int(beta), width=sp.Rational(width)).evalf(25))
        found = log_z(lambda x: x * x / 2, width**2, size, beta, (-60 * width, 60 * width))
        assert found == pytest.approx(stated, rel=1e-12, abs=1e-10)
    for power in (-0.5, 1.5):
        stated = float(log_laguerre_normalisation(size, exponent=sp.Rational(power), beta=int(beta)).evalf(25))
        found = log_z(lambda x, a=power: x - a * jnp.log(x), 1.0, size, beta, (0.0, 10.0 * beta * size + 100))
        assert found == pytest.approx(stated, rel=1e-12, abs=1e-10)


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


@pytest.mark.parametrize(("temperature", "stated"), [(0.06, 25.16530), (0.2, 9.95926), (0.45, 8.80831)])
def test_six_levels_in_a_quartic_well(temperature, stated):
    """The reference values, and six more digits by the double sum with its h² taken out."""
    found = log_z(quartic, temperature, 6, 1.0, (-6.0, 6.0))
    assert found == pytest.approx(stated, abs=1.1e-5)
    coarse, fine = (float(double_sum(temperature, 6, n)) for n in (20001, 40001))
    assert found == pytest.approx(fine + (fine - coarse) / 3, abs=1e-8)


@pytest.mark.parametrize("beta", [1.0, 2.0, 4.0])
def test_agrees_with_nested_quadrature_at_three_levels(beta):
    from coulombgas.laws._exact_partition import exact_log_z

    gas = CoulombGas(quartic, 0.3, bounds=(-6.0, 6.0), num_levels=3, beta=beta)
    assert float(exact_log_z(quartic, beta, 0.3, (-6.0, 6.0), 3)) == pytest.approx(float(gas.log_z), abs=1e-9)


def test_agrees_with_annealing_within_its_error():
    annealed = partition_function(
        quartic, key=jax.random.key(0), temperature=0.45, bounds=(-4.0, 4.0), num_levels=5, num_particles=512
    )
    gas = CoulombGas(quartic, 0.45, bounds=(-4.0, 4.0), num_levels=5)
    other = CoulombGas(quartic, 0.45, bounds=(-4.0, 4.0), num_levels=5, partition=annealed)
    assert abs(float(gas.log_z - other.log_z)) < 4 * annealed.error.max()


@pytest.mark.parametrize("beta", [1.0, 2.0, 4.0])
def test_derivatives_by_temperature_and_by_the_potential(beta):
    def value(tilt, temperature):
        well = lambda x: x**4 / 4 - tilt * x**2 / 2 + 0.2 * x  # noqa: E731
        return CoulombGas(well, temperature, bounds=(-6.0, 6.0), num_levels=5, beta=beta).log_z

    slopes = jax.grad(value, argnums=(0, 1))(1.0, 0.2)
    for k, slope in enumerate(slopes):
        values = [value(*(v + s * 1e-3 * (i == k) for i, v in enumerate((1.0, 0.2)))) for s in (-2, -1, 1, 2)]
        difference = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / 12e-3
        assert float(slope) == pytest.approx(float(difference), rel=1e-6)


def test_a_batch_of_temperatures_is_one_call():
    temperatures = jnp.array([0.06, 0.2, 0.45])
    gas = CoulombGas(quartic, temperatures, bounds=(-6.0, 6.0), num_levels=6)
    np.testing.assert_allclose(gas.log_z, [25.16531, 9.95926, 8.80832], atol=1e-5)


def test_what_is_not_exact_still_needs_a_partition():
    wells = [quartic, quartic, quartic, lambda x: x**2]
    for arguments in (
        {"potentials": wells},
        {"potentials": quartic, "num_levels": 4, "beta": 1.5},
        {"potentials": quartic, "num_levels": 61},
    ):
        with pytest.raises(InputError, match="share one potential with β = 1, 2 or 4"):
            CoulombGas(temperature=1.0, bounds=(-4.0, 4.0), **arguments)


@pytest.mark.slow
def test_a_parameter_of_the_potential_is_inferred():
    """200 draws of six levels; truth within 4 standard deviations (false alarm 1e-4), another truth is not."""
    data = CoulombGas(lambda x: x**4 / 4 - x**2 / 2, 0.2, bounds=(-4.0, 4.0), num_levels=6).sample(
        jax.random.key(0), (200,)
    )

    def model(levels):
        depth = numpyro.sample("depth", dist.Normal(1.0, 1.0))
        gas = CoulombGas(lambda x: x**4 / 4 - depth * x**2 / 2, 0.2, bounds=(-4.0, 4.0), num_levels=6)
        numpyro.sample("levels", gas, obs=levels)

    sampler = MCMC(NUTS(model), num_warmup=100, num_samples=200, progress_bar=False)
    sampler.run(jax.random.key(1), data)
    draws = np.asarray(sampler.get_samples()["depth"])
    assert abs(draws.mean() - 1.0) < 4 * draws.std()
    assert abs(draws.mean() - 1.4) > 4 * draws.std()
