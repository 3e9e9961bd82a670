"""Joint densities have unit mass: the constants of Mehta and Selberg by quadrature."""

import jax
import numpy as np
import pytest
from scipy import integrate

from coulombgas.ensembles import hermite_log_density, jacobi_log_density, laguerre_log_density

hermite, laguerre, jacobi = map(jax.jit, (hermite_log_density, laguerre_log_density, jacobi_log_density))


def _mass(log_density, low, high):
    """Twice ∫∫ P over x_1 < x_2, by Gauss-Legendre in x_1 and in the fraction of what lies above it."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    x = low + (high - low) * (nodes + 1) / 2
    t = (nodes + 1) / 2
    second = x[:, None] + (high - x[:, None]) * t
    jacobian = (high - low) / 2 * weights[:, None] * (high - x[:, None]) / 2 * weights
    pairs = np.stack([np.broadcast_to(x[:, None], second.shape), second], axis=-1)
    return 2 * float((np.exp(log_density(pairs)) * jacobian).sum())


@pytest.mark.parametrize("beta", [1.0, 2.0, 3.7, 4.0])
def test_unit_mass(x64, beta):
    assert _mass(lambda x: hermite(x, beta=beta, width=1.3), -16, 16) == pytest.approx(1, abs=1e-6)
    assert _mass(lambda x: laguerre(x, m=5.0, beta=beta, width=0.7), 0, 90) == pytest.approx(1, abs=1e-5)
    assert _mass(lambda x: jacobi(x, m1=4.0, m2=6.0, beta=beta), 0, 1) == pytest.approx(1, abs=1e-5)


def test_unit_mass_of_three_levels(x64):
    """n = 3 by Gauss-Legendre; a constant without the width, a peer's mistake, must show."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    x, w = 9 * nodes, 9 * weights
    grid = np.stack(np.meshgrid(x, x, x, indexing="ij"), -1)
    offset = np.asarray([0.0, 1e-9, 2e-9])  # the density is 0 where two nodes meet, its logarithm is not finite
    density = np.exp(hermite(grid + offset, beta=2.0, width=1.2))
    mass = np.einsum("ijk,i,j,k", density, w, w, w)
    assert float(mass) == pytest.approx(1, abs=1e-6)
    assert abs(float(mass) * 1.2**9 - 1) > 0.5


def test_one_level_is_normal(x64):
    mass, _ = integrate.quad(lambda x: np.exp(float(hermite(np.asarray([x]), width=2.0))), -30, 30)
    assert mass == pytest.approx(1, abs=1e-8)


def test_gradient_is_the_force(x64):
    x = np.asarray([-1.0, 0.2, 1.5])
    force = jax.jit(jax.grad(lambda x: hermite_log_density(x, beta=2.0, width=1.1)))(x)
    by_hand = [2 * sum(1 / (a - b) for b in x if b != a) - a / 1.21 for a in x]
    np.testing.assert_allclose(force, by_hand, rtol=1e-12)
