"""Isserlis contractions and the gradient noise of quadratic models."""

import numpy as np
import pytest
import sympy as sp

from coulombgas import InputError
from coulombgas.symbolic import (
    gaussian_average,
    gaussian_covariance,
    gradient_noise_covariance,
    isserlis,
    pairings,
)

a, b, c = sp.symbols("a b c", real=True)


@pytest.mark.parametrize(("number", "count"), [(0, 1), (2, 1), (4, 3), (6, 15), (8, 105)])
def test_number_of_pairings(number, count):
    found = list(pairings(list(range(number))))
    assert len(found) == len(set(found)) == count


def test_odd_averages_vanish_and_odd_pairings_are_refused():
    assert isserlis([a, a, a], {(a, a): 1}) == 0
    with pytest.raises(InputError, match="even length, got 3"):
        list(pairings([1, 2, 3]))


@pytest.mark.parametrize("power", [2, 4, 6, 8])
def test_one_variable_gives_double_factorials(power):
    s2 = sp.Symbol("s2")
    assert isserlis([a] * power, {(a, a): s2}) == sp.factorial2(power - 1) * s2 ** (power // 2)


def test_correlated_fields_against_gauss_hermite_quadrature():
    covariance = np.array([[2.0, 0.6, -0.3], [0.6, 1.0, 0.2], [-0.3, 0.2, 0.5]])
    fields = (a, b, c)
    polynomial = a**2 * b * c + 3 * a * b**3 - c**2 + 7
    index = {f: i for i, f in enumerate(fields)}
    exact = gaussian_average(polynomial, fields, lambda p, q: sp.Float(covariance[index[p], index[q]]))
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    grid = np.stack(np.meshgrid(nodes, nodes, nodes, indexing="ij"), -1).reshape(-1, 3)
    mass = np.prod(np.stack(np.meshgrid(weights, weights, weights, indexing="ij"), -1).reshape(-1, 3), 1)
    points = grid @ np.linalg.cholesky(covariance).T
    values = sp.lambdify(fields, polynomial, "numpy")(*points.T)
    assert float(exact) == pytest.approx(np.sum(values * mass) / mass.sum(), rel=1e-12)


def test_pairs_may_be_given_in_either_order():
    assert isserlis([a, b], {(b, a): 5}) == 5
    assert isserlis([a, b], {(a, a): 5}) == 0


def test_connected_average():
    law = {(a, a): 2, (b, b): 3, (a, b): 1}
    assert gaussian_covariance(a**2, b**2, (a, b), law) == 2 * 1**2
    assert gaussian_covariance(a + 4, b, (a, b), law) == 1


def test_only_polynomials_are_averaged():
    with pytest.raises(InputError, match="must be a polynomial"):
        gaussian_average(sp.exp(a), (a,), {(a, a): 1})


def test_gradient_noise_of_a_boltzmann_machine():
    k1, k2, w, batch = sp.symbols("k_1 k_2 w B", positive=True)
    energy = k1 * a**2 / 2 + k2 * b**2 / 2 - w * a * b
    noise = gradient_noise_covariance(energy, (a, b), (w,), batch_size=batch)
    assert sp.simplify(noise[0, 0] - (k1 * k2 + w**2) / (batch * (k1 * k2 - w**2) ** 2)) == 0


def test_gradient_noise_against_sampled_gradients():
    """Covariance of 200 000 sampled gradients; 5 standard errors (6 entries, false alarms below 1e-5)."""
    k = sp.symbols("k_1:4")
    energy = k[0] * a**2 / 2 + k[1] * b**2 / 2 + k[2] * a * b
    exact = gradient_noise_covariance(energy, (a, b), k).subs({k[0]: 2, k[1]: 1, k[2]: sp.Rational(1, 2)})
    rng = np.random.default_rng(5)
    sample = rng.multivariate_normal([0, 0], np.linalg.inv([[2, 0.5], [0.5, 1]]), size=200_000)
    gradients = np.stack([sample[:, 0] ** 2 / 2, sample[:, 1] ** 2 / 2, sample[:, 0] * sample[:, 1]], -1)
    centred = gradients - gradients.mean(0)
    products = centred[:, :, None] * centred[:, None, :]
    error = products.std(0) / np.sqrt(len(sample))
    wanted = np.array(exact.tolist(), dtype=float)
    assert np.all(np.abs(products.mean(0) - wanted) < 5 * error)
    assert not np.all(np.abs(products.mean(0) - 1.1 * wanted) < 5 * error), "the control: 10% more noise"


@pytest.mark.parametrize("energy", [a**4, a**2 + b, sp.sin(a)])
def test_only_quadratic_energies(energy):
    with pytest.raises(InputError, match="must be a quadratic form"):
        gradient_noise_covariance(energy, (a, b), (c,))
