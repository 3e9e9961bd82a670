"""The engine: operators, potentials, Hamiltonians, fixed points, and refusals, on models outside the papers too."""

import functools

import mpmath
import pytest
import sympy as sp

from coulombgas import FokkerPlanck, InputError

RBM = ("x*(1/kappa - 1/(mu2 - x))", "g", "x", (0, "mu2"))
MODELS = {
    "rbm": (RBM, {"positive": ["kappa"]}),
    "ornstein-uhlenbeck": (("-a*x", "g"), {"positive": ["a"]}),
    "double well": (("a*x - b*x**3", "g"), {"positive": ["a", "b"]}),
    "quartic, multiplicative": (("-x**3", "g*sqrt(1 + x**2)"), {"positive": ["g"]}),
    "gamma": (("a - b*x", "sqrt(c*x)", "x", (0, None)), {"positive": ["a", "b", "c"]}),
    "stratonovich": (("-x", "g*sqrt(1 + x**2)"), {"positive": ["g"], "calculus": "stratonovich"}),
}


OTHERS = pytest.mark.full("test_hamiltonian_is_the_transformed_operator_and_factorises[stratonovich]")


@functools.cache
def model(name):
    arguments, options = MODELS[name]
    return FokkerPlanck(*arguments, **options)


@pytest.fixture(params=MODELS)
def equation(request):
    return model(request.param)


def test_stationary_law_carries_no_current(equation):
    assert sp.simplify(equation.current(equation.stationary) / equation.stationary) == 0


@pytest.mark.parametrize("equation", [
    pytest.param(name, marks=() if name in ("stratonovich", "ornstein-uhlenbeck") else OTHERS) for name in MODELS
], indirect=True)  # fmt: skip
def test_hamiltonian_is_the_transformed_operator_and_factorises(equation):
    psi = sp.Function("psi")(equation.variable)
    root = sp.exp(-equation.action / 2)
    transformed = -equation.operator(root * psi) / root
    assert sp.simplify(transformed - equation.hamiltonian(psi)) == 0
    ladder = equation.ladder
    assert sp.simplify(ladder.upper(equation.diffusion * ladder.lower(psi)) - equation.hamiltonian(psi)) == 0
    g = equation.noise
    assert sp.simplify(g * ladder.lower(ladder.upper(g * psi)) - equation.partner(psi)) == 0


def test_adjoint_is_the_adjoint(equation):
    x = equation.variable
    p, f = sp.Function("p")(x), sp.Function("f")(x)
    # p·L†f − f·Lp is a total derivative: −d/dx (f J − D p f')... checked as an identity
    flux = equation.current(p) * f + equation.diffusion * p * sp.diff(f, x)
    assert sp.simplify(sp.expand(p * equation.adjoint(f) - f * equation.operator(p) - sp.diff(flux, x))) == 0


def test_rbm_reproduces_the_published_forms():
    equation = FokkerPlanck(*RBM, positive=["kappa"])
    x, (g, kappa, mu2) = equation.variable, equation.parameters
    assert sp.simplify(equation.potential - (-(x**2) / (2 * kappa) - x - mu2 * sp.log(1 - x / mu2))) == 0
    expected = (1 - x / mu2) ** (mu2 / g**2) * sp.exp((x + x**2 / (2 * kappa)) / g**2)
    assert sp.simplify(equation.stationary / expected) == 1
    slope = sp.diff(equation.potential, x)
    assert sp.simplify(equation.hamiltonian.potential - slope**2 / (4 * g**2) + sp.diff(slope, x) / 2) == 0
    zero, minimum = equation.fixed_points
    assert zero.location == 0
    assert zero.at_boundary
    assert sp.simplify(minimum.location - (mu2 - kappa)) == 0
    assert sp.simplify(minimum.curvature - (mu2 - kappa) / kappa**2) == 0
    assert equation.fixed_points_complete


def test_normalisations():
    x, a = sp.Symbol("x", real=True), sp.Symbol("a", positive=True)
    gaussian = FokkerPlanck(-a * x, "g", x)
    assert sp.simplify(gaussian.normalisation**2 - 2 * sp.pi * gaussian.parameters[1] ** 2 / a) == 0
    quartic = FokkerPlanck(-(x**3), 1, x)
    with mpmath.workdps(20):  # by itself: SymPy would look for the digits of a difference that is zero
        integral = 2 * mpmath.quad(lambda s: mpmath.exp(-(s**4) / 4), [0, 1, 3, mpmath.inf])
        assert abs(mpmath.mpf(sp.N(quartic.normalisation, 20)) - integral) < 1e-15
    gamma = FokkerPlanck("3 - 2*x", "sqrt(x)", domain=(0, None))
    assert gamma.normalisation == sp.Rational(1, 4)
    assert isinstance(FokkerPlanck(*RBM).normalisation, sp.Integral)


def test_levels_and_first_corrections():
    well = FokkerPlanck("a*x - b*x**3", "g", positive=["a", "b"])
    a, b, g = well.parameters
    top = next(point for point in well.fixed_points if point.kind == "maximum")
    assert well.harmonic_levels(top, 2) == ((a, -3 * b * g**2 / a), (2 * a, -12 * b * g**2 / a))
    linear = FokkerPlanck("-k*x", "g", positive=["k"])
    (origin,) = linear.fixed_points
    assert all(correction == 0 for _, correction in linear.harmonic_levels(origin, 5))
    # n = 0 at a minimum stays at zero, whatever the noise does
    for arguments, options in MODELS.values():
        equation = FokkerPlanck(*arguments, **options)
        for point in equation.fixed_points:
            if point.kind == "minimum" and not equation.diffusion.subs(equation.variable, point.location).is_zero:
                assert equation.harmonic_levels(point, 1)[0] == (0, 0)


def test_no_levels_where_the_noise_vanishes():
    """x' = x(1 − x) with noise g x: the spectrum at 0 is continuous, while 1 has its levels."""
    logistic = FokkerPlanck("x*(1 - x)", "g*x", "x", (0, None))
    ends, inside = sorted(logistic.fixed_points, key=lambda point: point.location)
    assert (ends.location, inside.location) == (0, 1)
    with pytest.raises(InputError, match="must lie where the noise does not vanish"):
        logistic.harmonic_levels(ends, 1)
    assert logistic.harmonic_levels(inside, 2)[1][0] == 1


def test_kramers_rate_of_the_symmetric_double_well():
    well = FokkerPlanck("a*x - b*x**3", "g", positive=["a", "b"])
    a, b, g = well.parameters
    minimum = next(point for point in well.fixed_points if point.kind == "minimum")
    top = next(point for point in well.fixed_points if point.kind == "maximum")
    expected = a / (sp.sqrt(2) * sp.pi) * sp.exp(-(a**2) / (4 * b * g**2))
    assert sp.simplify(well.kramers_rate(minimum, top) - expected) == 0


def test_several_variables():
    x, y = sp.symbols("x y", real=True)
    gradient = FokkerPlanck(["-x - y*x**2", "-y - x**3/3"], ["g", "g"], ["x", "y"])
    assert sp.simplify(gradient.potential - (x**2 / 2 + y * x**3 / 3 + y**2 / 2)) == 0
    assert all(sp.simplify(row) == 0 for row in gradient.current(gradient.stationary))
    psi = sp.Function("psi")(x, y)
    root = sp.exp(-gradient.action / 2)
    assert sp.simplify(-gradient.operator(root * psi) / root - gradient.hamiltonian(psi)) == 0
    with pytest.raises(InputError, match=r"curl in the plane \(x, y\).* is -2"):
        _ = FokkerPlanck(["-x + y", "-y - x"], "g", ["x", "y"]).potential
    # the same forces, unequal temperatures: a potential, but no stationary law without current
    unequal = FokkerPlanck(["-x + y", "-2*y + x"], [1, 2], ["x", "y"])
    assert sp.simplify(unequal.potential - (x**2 / 2 - x * y + y**2)) == 0
    with pytest.raises(InputError, match="carries a current"):
        _ = unequal.stationary
    with pytest.raises(InputError, match="is for one variable"):
        _ = gradient.partner
    with pytest.raises(InputError, match="is for one variable"):
        FokkerPlanck(["-x", "-y", "-z"], 1, ["x", "y", "z"]).spectrum()


def test_squares_of_parameters():
    rbm = FokkerPlanck(*RBM)
    assert [float(v) for v in rbm.values(kappa=4, mu2=9, g2=0.25)] == [0.5, 4.0, 9.0]
    assert rbm.values(kappa=4, mu2=9, g=0.5)[0] == 0.5
    assert rbm.at(kappa=4, mu2=9, g2=sp.Rational(1, 10)).diffusion == sp.Rational(1, 10)
    for bad, message in (
        ({"kappa": 4, "mu2": 9, "g": 0.5, "g2": 0.25}, "twice"),
        ({"kappa": 4, "mu2": 9}, "missing g"),
        ({"kappa": 4, "mu2": 9, "g2": -1.0}, "must not be negative"),
        ({"kappa": 4, "mu2": 9, "g": 0.1, "mu": 3}, "names 'mu', which the model does not have"),
        ({"kappa": float("nan"), "mu2": 9, "g": 0.1}, "finite"),
        ({"kappa": 4, "mu2": -9, "g": 0.1}, "'mu2' must be positive"),
    ):
        with pytest.raises(InputError, match=message):
            rbm.values(bad)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("x**", "g"), {}, "`drift`: expression 'x\\*\\*' is not valid syntax"),
        (("-x", "0"), {}, "`noise` must not be zero"),
        (("-x", "g", "x", (2, 1)), {}, "lower end below"),
        (("-x", "g", "x", ("oo", 1)), {}, "lower end below"),
        (("-x", "g", "x", (0,)), {}, "must be a pair"),
        (("-x", "g", "2*x"), {}, "`variable` must be a name"),
        (("-x", "g"), {"calculus": "other"}, "`calculus` must be one of"),
        ((["-x", "-y"], "g"), {}, "one component for each"),
        ((["-x", "-y"], ["g"], ["x", "y"]), {}, "one entry for each"),
        (("-x", "g", "x", (0, "x")), {}, "must not contain the variables"),
        ((None, "g"), {}, "must be text, a number or a SymPy expression"),
    ],
)
def test_refuses_clearly(arguments, options, message):
    with pytest.raises(InputError, match=message):
        FokkerPlanck(*arguments, **options)
