"""Drifts whose fixed points are no rational numbers: spectra, gradients, fixed points and rates of escape."""

import jax
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import sympy as sp

from coulombgas import FokkerPlanck, InputError
from coulombgas._precision import x64 as in_float64

WELL = FokkerPlanck("a*x - x**3 + h", "g")
USUAL = {"a": 1.0, "h": 0.1, "g2": 0.05}


def finite_volumes(equation, params, low, high, num=6000):
    """Lowest energies by the flux-conserving scheme on an even grid: a symmetric tridiagonal matrix."""
    exact = equation.at(params)
    x = np.linspace(low, high, num + 1)
    middle, h = (x[1:] + x[:-1]) / 2, x[1] - x[0]
    slope = sp.lambdify(exact.variable, exact.action_gradient, "numpy")
    diffusion = sp.lambdify(exact.variable, exact.diffusion, "numpy")
    action = np.concatenate([[0.0], np.cumsum(slope(x[1:-1]) * h)])
    flow = diffusion(x[1:-1]) * np.ones(num - 1) / h**2
    down, up = flow * np.exp(-np.diff(action) / 2), flow * np.exp(np.diff(action) / 2)
    leaving = np.concatenate([down, [0.0]]) + np.concatenate([[0.0], up])
    assert len(middle) == len(leaving)
    return scipy.linalg.eigh_tridiagonal(leaving, -flow, select="i", select_range=(0, 4), eigvals_only=True)


def test_reference_spectrum_of_the_tilted_double_well(reduced):
    """All parameters free; in the full form also none, a part of them, and other ways of giving the numbers."""
    expected = (0.0079643, 0.824290, 1.396258, 1.840694)
    cases = [
        (WELL, USUAL),
        (FokkerPlanck("x - x**3 + 0.1", sp.sqrt(sp.Rational(1, 20))), {}),
        (WELL.at(USUAL), {}),
        (FokkerPlanck("x - x**3 + 0.1", "g"), {"g2": 0.05}),
    ]
    for equation, params in cases[:1] if reduced else cases:
        energies = equation.spectrum(params, num=5)
        assert abs(energies[0]) < 1e-10
        np.testing.assert_allclose(energies[1:], expected, atol=1e-5)


IRRATIONAL = {
    "quintic": (FokkerPlanck("a*x - x**5 + h", "g"), {"a": 1.0, "h": 0.3, "g2": 0.05}, (-2, 2)),
    "four terms": (FokkerPlanck("-x**3 + x**2/2 + 2*x/3 - c", "g"), {"c": 0.1, "g2": 0.06}, (-2.5, 2.5)),
    "multiplicative": (FokkerPlanck("x - x**3 + 0.1", "g*sqrt(1 + x**2/3)"), {"g": 0.25}, (-2.5, 2.5)),
    "transcendental": (FokkerPlanck("x - sinh(x)**3 + h", "g"), {"h": 0.1, "g2": 0.05}, (-2, 2)),
    "rational": (FokkerPlanck("(1 + x - x**3)/(1 + x**2)", "g"), {"g2": 0.1}, (-4, 5)),
    "far from the origin": (FokkerPlanck("(x - 40) - (x - 40)**3 + h", "g"), {"h": 0.1, "g2": 0.05}, (37.5, 42.5)),
}


@pytest.mark.parametrize("case", IRRATIONAL)
def test_spectra_of_drifts_with_irrational_fixed_points(case, reduced):
    """Against finite volumes of 6000 cells, whose error falls with the square of the cell and is below 1e-5 here."""
    if reduced and case in ("quintic", "four terms", "multiplicative"):
        pytest.skip("reduced form: a polynomial like the tilted double well")
    equation, params, (low, high) = IRRATIONAL[case]
    energies = equation.spectrum(params, num=5)
    assert abs(energies[0]) < 1e-10
    np.testing.assert_allclose(energies[1:], finite_volumes(equation, params, low, high)[1:], rtol=2e-5)


@pytest.mark.full("test_gradients_do_not_depend_on_the_index in test_vanishing_noise.py")
def test_gradients_of_the_double_well_agree_with_differences():
    def gap(a, h, g2):
        return WELL.spectrum(a=a, h=h, g2=g2, num=5)[1]

    at = tuple(USUAL.values())
    with in_float64():
        gradient = jax.jit(jax.grad(gap, argnums=(0, 1, 2)))(*at)
    for index, value in enumerate(at):
        step = 2e-3 * value
        values = [gap(*(v + k * step * (i == index) for i, v in enumerate(at))) for k in (-2, -1, 1, 2)]
        difference = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
        assert abs(gradient[index] / difference - 1) < 1e-5


def test_fixed_points_of_a_cubic_with_three_real_zeros():
    exact = WELL.at(USUAL)
    assert [point.kind for point in exact.fixed_points] == ["minimum", "maximum", "minimum"]
    assert exact.fixed_points_complete
    expected = np.sort(np.roots([-1, 0, 1, 0.1]).real)
    np.testing.assert_allclose([float(point.location) for point in exact.fixed_points], expected, rtol=1e-12)
    # with parameters the three zeros have no real closed form, and none is made up
    assert WELL.fixed_points == ()
    assert not WELL.fixed_points_complete


@pytest.mark.parametrize(
    ("drift", "noise", "domain"),
    [
        ("x - x**3 + 0.05", "g", None),
        ("x - x**3", "g*sqrt(1 + x**2)", None),
        ("x*(x - 0.8)*(1.7 - x)", "g", (0, None)),
        ("-x*(x + 0.8)*(1.7 + x)", "g*(1 - x/2)", (None, 0)),
    ],
)
def test_rates_of_escape_sum_to_the_gap_of_the_spectrum(drift, noise, domain, reduced):
    """Both functions that give Kramers rates, for noise that differs between well and barrier and for a wall."""
    if reduced and domain != (None, 0):
        pytest.skip("reduced form: the case with both a wall and noise that differs")
    equation = FokkerPlanck(drift, noise, domain=domain)
    exact = equation.at(g=0.09)
    energy = equation.spectrum(g=0.09, num=2)[1]
    picture = exact.small_noise()
    left, barrier, right = sorted(exact.fixed_points, key=lambda point: float(point.location))
    rates = [float(exact.kramers_rate(well, barrier)) for well in (left, right)]
    np.testing.assert_allclose(rates, [rate for *_, rate in picture.rates], rtol=1e-8)
    assert abs(sum(rates) / energy - 1) < 0.12  # the next order, as g: 2 to 11% here


@pytest.mark.parametrize(
    ("drift", "noise", "domain"),
    [
        ("-x", "g*(1 - x/2)", (None, 0)),
        pytest.param("-x + 2*x**2/5 - x**3", "g", (0, None), marks=pytest.mark.full("the same of noise that varies")),
    ],
)
def test_corrections_on_a_wall_leave_an_error_of_the_next_order(drift, noise, domain):
    """The correction of order g at a reflecting end: what is left falls fourfold when g is halved, not twofold."""
    equation = FokkerPlanck(drift, noise, domain=domain)
    rest = []
    for g in (0.02, 0.01):
        exact = equation.at(g=g)
        wall = next(point for point in exact.fixed_points if point.at_boundary)
        leading, correction = (float(part) for part in exact.harmonic_levels(wall, 2)[1])
        rest.append(equation.spectrum(g=g, num=2)[1] - leading - correction)
    assert 3.3 < rest[0] / rest[1] < 4.8


@pytest.mark.full("test_hamiltonian_is_the_transformed_operator_and_factorises[stratonovich] in test_fokker_planck.py")
def test_stratonovich_noise_obeys_the_ordinary_chain_rule():
    """y = arsinh x turns it into additive noise: one spectrum."""
    multiplicative = FokkerPlanck("-x - x**3", "g*sqrt(1 + x**2)", calculus="stratonovich")
    additive = FokkerPlanck("-sinh(2*x)/2", "g")
    np.testing.assert_allclose(multiplicative.spectrum(g=0.8, num=5), additive.spectrum(g=0.8, num=5), atol=1e-8)


def test_closed_form_with_parameters_by_partial_fractions():
    x, c, lam, T = sp.symbols("x c lambda T", positive=True)
    equation = FokkerPlanck(2 * x * (c - lam - x), 2 * sp.sqrt(T) * x * (x + lam), x, domain=(0, sp.oo))
    assert sp.simplify(equation.current(equation.stationary) / equation.stationary) == 0
    numbers = {c: 2, lam: sp.Rational(1, 2), T: sp.Rational(1, 10)}
    law, slope = (sp.lambdify(x, part.subs(numbers)) for part in (equation.stationary, equation.action_gradient))
    fall, _ = scipy.integrate.quad(slope, 0.7, 1.8)
    assert np.isclose(np.log(law(0.7) / law(1.8)), fall, rtol=1e-9)


@pytest.mark.parametrize(
    ("drift", "message"),
    [
        ("-x**2.5", "not a real number everywhere"),
        ("loggamma(x) - x", "not a real number everywhere"),
        ("asin(x)", "not a real number everywhere"),
        ("-x**x**x", "not a real number everywhere"),
        ("-tan(x)", "too coarse"),
    ],
)
def test_a_drift_that_is_not_real_where_the_states_are_is_refused(drift, message, reduced):
    if reduced and drift in ("loggamma(x) - x", "asin(x)"):
        pytest.skip("reduced form: refused like the powers")
    with pytest.raises(InputError, match=message):
        FokkerPlanck(drift, "g").spectrum(g2=0.1, num=3)


@pytest.mark.full("test_spectra_of_drifts_with_irrational_fixed_points[transcendental] in test_wells.py")
def test_a_power_that_is_real_on_its_domain_goes_through():
    half = FokkerPlanck("-x**2.5", "g", domain=(0, None)).spectrum(g2=0.1, num=4)
    whole = FokkerPlanck("-x*abs(x)**1.5", "g").spectrum(g2=0.1, num=7)
    np.testing.assert_allclose(half, whole[::2], atol=1e-5)


def test_a_picture_without_fixed_points_is_refused():
    for drift, message in (("1 + x**2", "no fixed point"), ("-x**3", "no fixed point"), ("sin(x)", "more than 200")):
        with pytest.raises(InputError, match=message):
            FokkerPlanck(drift, "g").small_noise(g2=0.1)
