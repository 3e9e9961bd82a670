"""The Coulomb gas: closed forms against quadrature, stationarity with controls, normalisations."""

import mpmath
import numpy as np
import pytest
import sympy as sp
from scipy import integrate

from coulombgas import InputError
from coulombgas.symbolic import (
    CoulombGas,
    laguerre_normalisation,
    log_laguerre_normalisation,
    log_mehta_normalisation,
    mehta_normalisation,
    pair_density,
    to_jax,
    two_species_spacing,
    wigner_surmise,
)

x = sp.Symbol("x", real=True)
g = sp.symbols("g_1:5", positive=True)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_stationary_for_any_potentials_noises_and_beta(size):
    levels = sp.symbols(f"x_1:{size + 1}", real=True)
    potentials = [sp.Function(f"V_{i}")(y) for i, y in enumerate(levels)]
    gas = CoulombGas(potentials, beta=sp.Symbol("beta", positive=True), noises=g[:size], variables=levels)
    assert gas.is_stationary()


@pytest.mark.parametrize("size", [2, 3])
def test_another_power_is_not_stationary(size):
    gas = CoulombGas.gaussian([0] * size, [1] * size, beta=1)
    wrong = CoulombGas.gaussian([0] * size, [1] * size, beta=2)
    assert gas.process.is_stationary(gas.log_weight)
    assert not gas.process.is_stationary(wrong.log_weight)


def pair_integral(function, beta, centres=(0.0, 0.0), widths=(1.0, 1.0)):
    def integrand(y, z):
        exponent = sum((v - c) ** 2 / (2 * s**2) for v, c, s in zip((y, z), centres, widths, strict=True))
        return function(y, z) * abs(y - z) ** beta * np.exp(-exponent)

    low, high = -8.0, 8.0
    below = integrate.dblquad(integrand, low, high, low, lambda z: z, epsabs=1e-9)[0]
    above = integrate.dblquad(integrand, low, high, lambda z: z, high, epsabs=1e-9)[0]
    return below + above


def test_two_species_moments_against_quadrature():
    centres, widths = (0.3, -0.4), (0.5, 0.8)
    gas = CoulombGas.gaussian([sp.Rational(3, 10), -sp.Rational(2, 5)], [sp.Rational(1, 2), sp.Rational(4, 5)])
    total = pair_integral(lambda y, z: 1.0, 1, centres, widths)
    assert float(gas.normalisation) == pytest.approx(total, rel=1e-7)
    first, second = gas.variables
    quadrature = pair_integral(lambda y, z: y**3 * z, 1, centres, widths) / total
    assert float(gas.moment(first**3 * second)) == pytest.approx(quadrature, rel=1e-6)


@pytest.mark.parametrize("beta", [1, 2, 3])
def test_density_has_mass_one_and_the_second_moment(beta):
    gas = CoulombGas.gaussian([sp.Rational(1, 2), 0], [1, sp.Rational(1, 2)], beta=beta)
    density = sp.lambdify(sp.Symbol("x", real=True), gas.density(), ["numpy", {"erf": np.vectorize(mpmath.erf)}])
    points = np.linspace(-8, 8, 321)  # trapezia of a smooth density converge beyond all orders
    values = np.array([float(density(p)) for p in points])
    assert np.trapezoid(values, points) == pytest.approx(1, abs=1e-8)
    both = sum(gas.moment(y**2) for y in gas.variables) / 2
    assert np.trapezoid(values * points**2, points) == pytest.approx(float(both), rel=1e-7)


def test_degenerate_gas_is_the_surmise_and_the_pair_density():
    kappa, s = sp.Symbol("kappa", real=True), sp.Symbol("s", positive=True)
    gas = CoulombGas.gaussian([kappa, kappa], [s, s])
    law, rho = wigner_surmise(1), pair_density()
    S = next(v for v in gas.spacing_density().free_symbols if v.name == "S")
    assert sp.simplify(gas.spacing_density() - law.density.subs({law.variable: S, law.parameters[0]: s})) == 0
    stated = rho.density.subs(dict(zip(rho.args, (x, kappa, s), strict=True)), simultaneous=True)
    point = {x: 1, kappa: sp.Rational(1, 3), s: sp.Rational(3, 4)}
    assert abs(sp.N((gas.density() - stated).subs(point), 30)) < 1e-25


def test_two_species_spacing_is_the_library_law():
    gas, law = CoulombGas.gaussian([2, 1], [sp.Rational(1, 2), 1]), two_species_spacing()
    S = next(iter(gas.spacing_density().free_symbols))
    stated = law.density.subs(dict(zip(law.args, (S, 1, sp.Rational(1, 2), 1), strict=True)), simultaneous=True)
    for value in (sp.Rational(1, 10), 1, 3):
        assert abs(sp.N((gas.spacing_density() - stated).subs(S, value), 30)) < 1e-25


@pytest.mark.parametrize("beta", [0.5, 1, 2.5, 4])
def test_mehta_of_two_levels_against_quadrature(beta):
    exact = float(sp.N(mehta_normalisation(2, beta=sp.Rational(beta), width=2)))
    numeric = mpmath.quad(lambda S: 2 * mpmath.sqrt(mpmath.pi) * 2 * S**beta * mpmath.exp(-(S**2) / 16), [0, 4, 40])
    assert exact == pytest.approx(float(numeric), rel=1e-10)


def test_mehta_of_three_levels_against_sampling():
    """Average of |Vandermonde| over 400 000 Gaussian triples; 5 standard errors, false alarm 6e-7."""
    rng = np.random.default_rng(1)
    y = rng.normal(size=(400_000, 3))
    product = np.abs((y[:, 0] - y[:, 1]) * (y[:, 1] - y[:, 2]) * (y[:, 0] - y[:, 2]))
    wanted = float(mehta_normalisation(3, beta=1)) / (2 * np.pi) ** 1.5
    error = product.std() / np.sqrt(len(y))
    assert abs(product.mean() - wanted) < 5 * error
    assert abs(product.mean() - 1.03 * wanted) > 5 * error, "the control: 3% off"


def test_laguerre_against_sampling():
    """Average of |x1 - x2| over 400 000 pairs of gamma variables; 5 standard errors, false alarm 6e-7."""
    rng = np.random.default_rng(2)
    y = rng.gamma(2.5, size=(400_000, 2))
    gap = np.abs(y[:, 0] - y[:, 1])
    wanted = float(laguerre_normalisation(2, exponent=sp.Rational(3, 2))) / float(sp.gamma(sp.Rational(5, 2))) ** 2
    assert abs(gap.mean() - wanted) < 5 * gap.std() / np.sqrt(len(y))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_symbolic_size_agrees_with_integer_size(size):
    n = sp.Symbol("n", integer=True, positive=True)
    general = log_mehta_normalisation(n, beta=2, width=3).subs(n, size).doit()
    assert float(general) == pytest.approx(float(log_mehta_normalisation(size, beta=2, width=3)), rel=1e-13)
    laguerre = log_laguerre_normalisation(n, exponent=1, beta=1, scale=2).subs(n, size).doit()
    assert float(laguerre) == pytest.approx(float(log_laguerre_normalisation(size, exponent=1, scale=2)), rel=1e-13)


def test_log_normalisation_goes_through_jax(x64):
    beta, s = sp.symbols("beta s", positive=True)
    expression = log_mehta_normalisation(40, beta=beta, width=s)
    function = to_jax(expression, (beta, s))
    assert float(function(1.7, 0.3)) == pytest.approx(float(expression.subs({beta: 1.7, s: 0.3}).evalf(30)), rel=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CoulombGas([]), "at least one potential"),
        (lambda: CoulombGas([x, x], noises=[1]), "`noises` must hold 2 strengths"),
        (lambda: CoulombGas([sp.Symbol("x_2", real=True), 0]), r"`potentials\[0\]` must depend on x_1 alone"),
        (lambda: CoulombGas.identical(x**4, x, 2).normalisation, "must be quadratic"),
        (lambda: CoulombGas.gaussian([0] * 3, [1] * 3).spacing_density(), "must be two"),
        (lambda: CoulombGas.gaussian([0, 1], [1, 1], beta=sp.Rational(3, 2)).normalisation, "must be a whole number"),
        (lambda: CoulombGas.gaussian([0, 0], [1, 1], beta=sp.Rational(3, 2)).density(), "must be a whole number"),
        (lambda: mehta_normalisation(0), "must be a positive integer"),
        (lambda: log_laguerre_normalisation(2.5, exponent=1), "must be a positive integer"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_any_beta_in_equal_wells():
    beta = sp.Symbol("beta", positive=True)
    gas = CoulombGas.gaussian([0, 0], [1, 1], beta=beta)
    assert sp.expand(sp.simplify(gas.moment(gas.variables[0] ** 2)) - (beta + 2) / 2) == 0


def test_laguerre_normalisation_of_one_and_two_levels_by_moments():
    """n = 1 is a gamma integral, n = 2 with β = 2 is 2(m₀m₂ − m₁²); a symbolic size gives the same."""
    a, theta, n = sp.Rational(1, 3), sp.Rational(7, 5), sp.Symbol("n", integer=True, positive=True)
    moments = [theta ** (a + 1 + k) * sp.gamma(a + 1 + k) for k in range(3)]
    by_hand = {1: moments[0], 2: 2 * (moments[0] * moments[2] - moments[1] ** 2)}
    for size, value in by_hand.items():
        stated = laguerre_normalisation(size, exponent=a, beta=2, scale=theta)
        assert float(stated / value) == pytest.approx(1, rel=1e-12)
        general = log_laguerre_normalisation(n, exponent=a, beta=2, scale=theta).subs(n, size).doit()
        assert float(general - sp.log(value)) == pytest.approx(0, abs=1e-12)
