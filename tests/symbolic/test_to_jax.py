"""One door from symbols to JAX: agreement with 30-digit evaluation, transformations, refusals."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import sympy as sp

from coulombgas import InputError, to_jax
from coulombgas.symbolic import bessel_ie, log_erfc, log_i0e, log_sum_exp, lower_gamma_ratio, stabilise, xlogy

x, y = sp.symbols("x y", positive=True)
t = sp.Symbol("t", real=True)

POSITIVE = [1e-300, 1e-12, 0.3, 1.0, 1.7, 9.3, 60.0, 700.0]
REAL = [-700.0, -30.0, -2.5, -1e-8, 0.0, 1e-12, 0.4, 3.0, 25.0, 300.0]
CASES = {
    "rational": ((x**3 - 2 * x + sp.Rational(1, 3)) / (x**2 + 1), x, POSITIVE),
    "roots": (sp.sqrt(x) + x ** sp.Rational(-3, 2) + sp.cbrt(x), x, [1e-100, 0.2, 1.0, 5.0]),
    "log of one plus": (sp.log(1 - x / 9), x, [1e-18, 1e-5, 3.0, 8.999999999]),
    "exp minus one": (sp.exp(-x) - 1, x, [1e-18, 1e-9, 0.5, 50.0]),
    "erfc by its complement": (1 - sp.erf(t), t, [-3.0, 0.0, 0.7, 5.0, 20.0]),
    "erf by its complement": (1 - sp.erfc(t), t, [-3.0, 1e-14, 0.7, 5.0]),
    "log erfc": (sp.log(sp.erfc(t)), t, [-20.0, -1.0, 0.3, 10.0, 200.0]),
    "log bessel": (sp.log(sp.besseli(0, x)), x, [1e-9, 0.5, 8.0, 700.0, 1e6]),
    "scaled bessel": (sp.exp(-x) * sp.besseli(1, x), x, [1e-30, 0.5, 8.0, 700.0, 1e6]),
    "bessel": (sp.besseli(0, t) + sp.besseli(1, t), t, [-5.0, 0.0, 0.5, 8.0, 300.0]),
    "bessel of order 2": (sp.besseli(2, x), x, [1e-100, 0.5, 8.0, 23.9, 24.1, 300.0]),
    "bessel of order 7": (bessel_ie(7, x), x, [1e-20, 0.5, 8.0, 68.9, 69.1, 3000.0]),
    "log i0e": (log_i0e(t), t, [-3.0, 0.0, 1e-9, 0.5, 49.0, 51.0, 1e8]),
    "log sum exp": (log_sum_exp(t, -2 * t), t, [-900.0, 0.0, 3.0, 900.0]),
    "gamma": (sp.gamma(x) + sp.loggamma(x) + sp.log(sp.gamma(x + 1)), x, [1e-5, 0.5, 3.3, 20.0, 100.0]),
    "digamma": (sp.digamma(x), x, [1e-5, 0.5, 3.3, 20.0, 10000.3]),  # at a large integer SymPy adds the fractions
    "incomplete gamma": (lower_gamma_ratio(sp.Rational(5, 2), x), x, [1e-20, 0.1, 2.0, 30.0]),
    "upper gamma": (sp.uppergamma(x, 2), x, [0.3, 1.0, 7.5]),
    "trigonometric": (sp.sin(t) + sp.cos(t) * sp.atan(t), t, [-3.0, 0.0, 0.4, 2.0, 1e3]),
    "hyperbolic": (sp.tanh(t) + sp.asinh(t) + sp.log(sp.cosh(t)), t, [-5.0, 0.0, 0.4, 20.0]),
    "piecewise": (sp.Piecewise((sp.log(t), t > 0), (t**2, True)), t, REAL),
    "max, min, abs": (sp.Max(t, 1) - sp.Min(t, 2) + sp.Abs(t) + 2 * sp.sign(t), t, REAL),
    "constants": (sp.pi * t + sp.EulerGamma + sp.zeta(3) + sp.E, t, REAL),
    "large rational": (sp.Rational(10**40 + 1, 3 * 10**39) * t, t, REAL),
}


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_thirty_digits(case, x64, exact, relative_error, reduced):
    """In the reduced form one by one under ``jit`` only; without it: ``test_containers_broadcasting_and_constants``."""
    expression, symbol, points = CASES[case]
    expected = exact(expression.doit(), [symbol], [(point,) for point in points])
    function = to_jax(expression, symbol)
    grid = jnp.asarray(points)
    assert relative_error(jax.jit(jax.vmap(function))(grid), expected) < 1e-12
    if not reduced:
        assert relative_error(function(grid), expected) < 1e-12


GRADIENTS = "log of one plus|exp minus one|log erfc|log bessel|scaled bessel|bessel|bessel of order 2|log i0e|piecewise"


@pytest.mark.parametrize("case", GRADIENTS.split("|"))
def test_gradient_agrees_with_thirty_digits(case, x64, exact, relative_error):
    expression, symbol, points = CASES[case]
    points = [point for point in points if abs(point) > 1e-15 or case == "piecewise"]
    expected = exact(sp.diff(expression.doit(), symbol), [symbol], [(point,) for point in points])
    values = jax.jit(jax.vmap(jax.grad(to_jax(expression, symbol))))(jnp.asarray(points))
    assert relative_error(values, expected) < 1e-11


def test_second_derivative_of_the_log_bessel(x64, exact, relative_error):
    expression = log_i0e(x)
    points = [0.5, 8.0, 49.0, 51.0, 1e5]
    expected = exact(sp.diff(expression.definition(), x, 2), [x], [(p,) for p in points], digits=40)
    got = jax.jit(jax.vmap(jax.grad(jax.grad(to_jax(expression, x)))))(jnp.asarray(points))
    assert relative_error(got, expected) < 1e-10


def test_branch_not_taken_leaves_gradients_alone(x64):
    expression = sp.Piecewise((sp.sqrt(t - 1) * y, t > 1), (t * y**2, True))
    function = to_jax(expression, (t, y))
    gradient = jax.jit(jax.grad(function, (0, 1)))
    np.testing.assert_allclose(gradient(0.5, 2.0), (4.0, 2.0))
    np.testing.assert_allclose(gradient(1.0, 2.0), (4.0, 4.0))
    np.testing.assert_allclose(jax.jit(jax.grad(lambda s: gradient(s, 2.0)[1]))(0.5), 4.0)
    # control: a plain `where` does give NaN there
    plain = jax.grad(lambda s: jnp.where(s > 1, jnp.sqrt(s - 1), s))(1.0)
    assert np.isnan(plain)
    total = jax.jit(jax.grad(lambda scale: jnp.sum(function(jnp.array([0.5, 1.0, 2.0]), scale))))(2.0)
    np.testing.assert_allclose(total, 2.0 + 4.0 + 1.0)


def test_containers_broadcasting_and_constants(x64):
    matrix = to_jax(sp.Matrix([[x, y], [x * y, 1]]), (x, y))(jnp.arange(1.0, 4.0), 2.0)
    assert matrix.shape == (3, 2, 2)
    np.testing.assert_allclose(matrix[2], [[3.0, 2.0], [6.0, 1.0]])
    first, second = to_jax([x + y, sp.pi], (x, y))(1, jnp.ones(4))
    assert first.shape == second.shape == (4,)
    assert first.dtype == jnp.float64
    assert to_jax({"sum": x + y}, ["x", "y"])(1.0, 2.0)["sum"] == 3.0
    assert to_jax(x * sp.I, x)(2.0) == 2.0j


def test_definitions_keep_scaled_variables(x64):
    u = sp.Symbol("u", positive=True)
    assert float(to_jax(u**2, (x, y), let={u: x / y})(1e-200, 1e-200)) == 1.0
    assert np.isnan(to_jax((x / y) ** 2, (x, y))(1e-200, 1e-200)), "SymPy multiplies out: the reason for `let`"


def test_float32_stays_float32():
    value = jax.jit(to_jax(sp.exp(-x) * sp.besseli(0, x) / 3, x))(jnp.float32(2.0))
    assert value.dtype == jnp.float32


@pytest.mark.parametrize(
    ("expression", "args", "message"),
    [
        (x + y, x, "missing y"),
        (x + y, ("x",), "missing y"),
        (x, sp.Symbol("x"), "other assumptions"),
        (x, (x, x), "twice"),
        (x, (x + 1,), "symbols or their names"),
        (sp.Integral(sp.exp(x**3), x), x, "unevaluated 'Integral'"),
        (sp.besseli(sp.Rational(1, 3), x), x, "whole number"),
        (sp.airyai(x), x, "no JAX counterpart"),
        (sp.Function("f")(x), x, "no JAX counterpart"),
        (sp.zoo + x, x, "undefined number"),
        ("x + 1", x, "SymPy expression"),
        (x + sp.Symbol("x"), ("x",), "different assumptions"),
    ],
)
def test_refuses_clearly(expression, args, message):
    with pytest.raises(InputError, match=message):
        to_jax(expression, args)


def test_wrong_number_of_values():
    with pytest.raises(TypeError, match="expected 2 arguments"):
        to_jax(x + y, (x, y))(1.0)


def test_stabilise_changes_the_form_only():
    expression = sp.log(1 + x) + sp.exp(-y) * sp.besseli(0, y) + 1 - sp.erf(x) + sp.log(sp.erfc(y))
    stable = stabilise(expression)
    assert stable != expression
    assert stable.has(log_erfc)
    assert stable.has(bessel_ie)
    point = {x: sp.Rational(3, 7), y: sp.Rational(11, 5)}
    assert abs((stable - expression).subs(point).evalf(40)) < 1e-38
    assert xlogy(0, x) == 0
    assert xlogy(2, x).doit() == 2 * sp.log(x)


def test_bessel_functions_of_orders_0_and_1_to_rounding(x64):
    """The two polynomials of each, at their seam and far from it, against 30 digits."""
    z = np.concatenate([np.geomspace(1e-12, 1e8, 60), np.linspace(0.1, 30, 60), [8.0, np.nextafter(8, 9)]])
    for order in (0, 1):
        ours = jax.jit(to_jax(bessel_ie(order, x), [x]))(z)
        with mpmath.workdps(30):
            exact = [float(mpmath.besseli(order, v) * mpmath.exp(-v)) for v in map(mpmath.mpf, z.tolist())]
        np.testing.assert_allclose(ours, exact, rtol=4e-15)


def test_loggamma_is_real_on_the_positive_axis_only(x64):
    log_gamma = to_jax(sp.loggamma(t), [t])
    assert float(log_gamma(2.5)) == pytest.approx(0.2846828704729192)
    assert np.isnan(log_gamma(-1.5))
