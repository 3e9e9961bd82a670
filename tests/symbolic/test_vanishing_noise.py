"""Noise that vanishes at an end: Laguerre and Jacobi weights, laws with mass at the end, refusals, bounded work."""

import time

import jax
import numpy as np
import pytest
from scipy import stats
from scipy.linalg import eigh_tridiagonal

from coulombgas import FokkerPlanck, InputError
from coulombgas._precision import x64

FELLER = FokkerPlanck("a - x", "sqrt(x)", domain=(0, None))
MIRRORED = FokkerPlanck("b - a - x", "sqrt(b - x)", domain=(None, "b"))
SHIFTED = FokkerPlanck("a - (x - b)", "sqrt(x - b)", domain=("b", None))
WRIGHT_FISHER = FokkerPlanck("a*(1 - x) - b*x", "sqrt(x*(1 - x))", domain=(0, 1))


# The generator K f' + D f'' maps polynomials of degree n to such of degree n; the factor of xⁿ is minus the level:
# (a − x) n xⁿ⁻¹ + x n(n−1) xⁿ⁻² gives n, and (a − (a+b)x) n xⁿ⁻¹ + (x − x²) n(n−1) xⁿ⁻² gives n(n − 1 + a + b).
OTHER = pytest.mark.full("the other indices of test_levels_of_feller_are_whole_numbers_at_every_index")


@pytest.mark.parametrize(("equation", "a"), [
    pytest.param(equation, a, id=f"{a}-{end}", marks=() if end == "lower" or a == 1.0 else OTHER)
    for end, equation in (("lower", FELLER), ("upper", MIRRORED), ("shifted", SHIFTED))
    for a in (0.02, 0.5, 1.0, 1.00001, 3.0)
])  # fmt: skip
def test_levels_of_feller_are_whole_numbers_at_every_index(equation, a):
    """Index below one, where the origin is regular, at one, where p_s is finite and positive there, and above."""
    energies = equation.spectrum(a=a, **({} if equation is FELLER else {"b": 2.0}))
    assert abs(energies[0]) < 1e-10
    np.testing.assert_allclose(energies[1:], np.arange(1, 6), rtol=1e-8)


@pytest.mark.parametrize(("a", "b"), [
    (1.0, 0.05),
    (0.05, 0.05),
    *(pytest.param(*ends, marks=pytest.mark.full("test_levels_of_jacobi[1.0-0.05] and [0.05-0.05]"))
      for ends in ((1.0, 1.0), (0.5, 1.0), (4.0, 0.7))),
])  # fmt: skip
def test_levels_of_jacobi(a, b):
    n = np.arange(1, 6)
    energies = WRIGHT_FISHER.spectrum(a=a, b=b)
    assert abs(energies[0]) < 1e-10
    np.testing.assert_allclose(energies[1:], n * (n - 1 + a + b), rtol=1e-8)


def test_levels_of_the_lognormal():
    """D = x²: in log x the drift is −log x and the noise 1, so that the levels are whole numbers."""
    system = FokkerPlanck("x*(1 - log(x))", "x", domain=(0, None)).eigensystem()
    np.testing.assert_allclose(system.energies[1:], np.arange(1, 6), rtol=1e-8)
    x = np.array([0.01, 0.3, 1.0, 20.0])
    np.testing.assert_allclose(system.stationary(x), stats.lognorm(1.0).pdf(x), rtol=1e-7)


@pytest.mark.parametrize("a", [
    0.02,
    *(pytest.param(a, marks=pytest.mark.full("test_law_of_feller_is_gamma_up_to_the_end[0.02]")) for a in (1.0, 3.0)),
])  # fmt: skip
def test_law_of_feller_is_gamma_up_to_the_end(a):
    """At index 0.02 two thirds of the mass lie below 1e-9, where no element is."""
    system, law = FELLER.eigensystem(a=a), stats.gamma(a)
    x = np.array([-1e-12, 0.0, 1e-30, 1e-13, 1e-9, 1e-4, 0.1, 1.0, 8.0, 1e6])
    inside, ends = slice(1, -1), [0, -1]
    found = system.stationary(x)
    np.testing.assert_allclose(found[inside], law.pdf(x[inside]), rtol=1e-6)
    np.testing.assert_allclose(np.abs(system.eigenfunction(0, x))[inside], np.sqrt(law.pdf(x[inside])), rtol=1e-6)
    late = system.evolve(0.5, 40.0)
    below = late.cdf(x)
    np.testing.assert_allclose(below[inside], law.cdf(x[inside]), rtol=1e-6)
    np.testing.assert_allclose(below[ends], [0.0, 1.0], atol=1e-9)
    np.testing.assert_allclose(late.moment(lambda x: x), a, rtol=1e-8)
    np.testing.assert_array_equal([found[0], late(-1e-12)], 0.0)


@pytest.mark.parametrize(("a", "b"), [
    (0.05, 0.4), pytest.param(1.0, 1.0, marks=pytest.mark.full("test_law_of_jacobi_is_beta_at_both_ends[0.05-0.4]")),
])  # fmt: skip
def test_law_of_jacobi_is_beta_at_both_ends(a, b):
    system, law = WRIGHT_FISHER.eigensystem(a=a, b=b), stats.beta(a, b)
    x = np.array([0.0, 1e-20, 1e-5, 0.3, 0.9, 1 - 1e-5, 1.0])
    np.testing.assert_allclose(system.stationary(x), law.pdf(x), rtol=1e-6)
    np.testing.assert_allclose(system.evolve(0.5, 400.0).cdf(x), law.cdf(x), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    "a", [0.3, pytest.param(1.0, marks=pytest.mark.full("test_evolution_from_the_end_itself[0.3]"))]
)
def test_evolution_from_the_end_itself(a):
    """From the origin x_t is gamma of the same index in units of 1 − e^−t; from x a noncentral χ² of 2a degrees."""
    system = FELLER.eigensystem(a=a)
    x = np.array([1e-12, 1e-3, 0.2, 1.0, 4.0])
    for time_, start in ((0.7, 0.0), (1.5, 0.0), (0.7, 0.8)):
        scale = 1 - np.exp(-time_)
        law = stats.ncx2(2 * a, 2 * start * np.exp(-time_) / scale, scale=scale / 2)
        law = stats.gamma(a, scale=scale) if start == 0 else law
        np.testing.assert_allclose(system.evolve(start, time_).cdf(x), law.cdf(x), rtol=1e-6, atol=1e-9)


def test_gradients_do_not_depend_on_the_index():
    """dE_n/da = 0 at all a, and dE_n/dc = n for the drift a − c x; 40 elements do here, 64 are taken unless given."""
    equation = FokkerPlanck("a - c*x", "sqrt(x)", domain=(0, None))
    with x64():
        system = jax.eval_shape(lambda v: equation.eigensystem(a=v[0], c=v[1], num=4), np.ones(2))
        assert (system.energies.shape, system.elements.edges.shape) == ((4,), (65,))
        slopes = jax.jit(jax.vmap(jax.jacobian(lambda v: equation.spectrum(a=v[0], c=v[1], num=4, num_elements=40))))
        found = np.asarray(slopes(np.array([[0.4, 1.0], [1.0, 1.0], [2.5, 1.0]])))
    np.testing.assert_allclose(found[..., 0], 0, atol=1e-7)
    np.testing.assert_allclose(found[..., 1], np.arange(4) * np.ones((3, 1)), atol=1e-6)


def _finite_volumes(density, diffusion, place, top, num=3, cells=8000):
    """Lowest levels of the equation with this stationary law, by cells even in z, x = z^place, in plain NumPy.

    Detailed balance: the rates between two cells are the conductance D p (dz/dx) at their face over their masses.
    """
    edges = np.linspace(0, top ** (1 / place), cells + 1)
    centres, step = (edges[1:] + edges[:-1]) / 2, edges[1]
    mass = density(centres**place) * place * centres ** (place - 1) * step
    x = edges[1:-1] ** place
    between = diffusion(x) * density(x) / (place * edges[1:-1] ** (place - 1)) / step
    diagonal = (np.append(between, 0) + np.insert(between, 0, 0)) / mass
    return eigh_tridiagonal(
        diagonal, -between / np.sqrt(mass[1:] * mass[:-1]), select="i", select_range=(0, num - 1), eigvals_only=True
    )


BY_VOLUMES = pytest.mark.full("test_levels_without_a_closed_form_by_finite_volumes[quadratic drift]")


@pytest.mark.parametrize(
    ("equation", "density", "diffusion", "place", "top"),
    [
        pytest.param(FELLER.at(a=1), lambda x: np.exp(-x), lambda x: x, 2, 60, marks=BY_VOLUMES),
        (
            FokkerPlanck("2/5 - x**2", "sqrt(x)", domain=(0, None)),
            lambda x: x**-0.6 * np.exp(-(x**2) / 2),
            lambda x: x,
            2.5,
            9,
        ),
        pytest.param(
            FokkerPlanck("1 - x", "x**(1/4)", domain=(0, None)),
            lambda x: x**-0.5 * np.exp(2 * x**0.5 - 2 * x**1.5 / 3),
            np.sqrt,
            2,
            16,
            marks=BY_VOLUMES,
        ),
        pytest.param(
            FokkerPlanck("(1 - x)/2", "sqrt(x)*sqrt(1 + sin(x)/2)", domain=(0, 7)),
            None,
            lambda x: x * (1 + np.sin(x) / 2),
            2,
            7,
            marks=BY_VOLUMES,
        ),
    ],
    ids=["feller", "quadratic drift", "fourth root", "two ends"],
)
def test_levels_without_a_closed_form_by_finite_volumes(equation, density, diffusion, place, top):
    if density is None:  # p = exp(∫K/D)/D with the power 1/√x split off, by a sum
        fine = np.linspace(0, top, 400_001)[1:]
        rate = ((1 - fine) / (2 * diffusion(fine)) - 1 / (2 * fine)) * fine[0]
        slope = np.cumsum(rate) - rate / 2

        def density(x):
            return np.exp(np.interp(x, fine, slope)) / np.sqrt(x) / (1 + np.sin(x) / 2)

    expected = _finite_volumes(density, diffusion, place, top)
    np.testing.assert_allclose(equation.spectrum(num=3)[1:], expected[1:], rtol=2e-5)


ALIKE = pytest.mark.full("the same message in test_refuses_ends_that_hold_or_do_not_return")


@pytest.mark.parametrize(
    ("equation", "message"),
    [
        (FokkerPlanck("x*(1 - x)", "sqrt(x)", domain=(0, None)), "cannot be normalised"),
        pytest.param(FokkerPlanck("-x", "sqrt(x)", domain=(0, None)), "cannot be normalised", marks=ALIKE),
        pytest.param(FokkerPlanck("-1/2 - x", "sqrt(x)", domain=(0, None)), "cannot be normalised", marks=ALIKE),
        (FokkerPlanck("0", "sqrt(x*(1 - x))", domain=(0, 1)), "cannot be normalised"),
        # gamma(2), but in log x the drift at −∞ is the constant 2: continuous from 1 on
        (FokkerPlanck("x*(3 - x)", "x", domain=(0, None)), "continuous"),
        # a gamma law of 1/x with levels n(4 − n) below the continuous spectrum, which begins at 4
        pytest.param(FokkerPlanck("1 - 3*x", "x", domain=(0, None)), "continuous", marks=ALIKE),
        pytest.param(FokkerPlanck("3*x - x**3", "x"), "cuts it in two", marks=ALIKE),
        (FokkerPlanck("1 - x**3", "x"), "cuts it in two"),
    ],
)
def test_refuses_ends_that_hold_or_do_not_return(equation, message):
    with pytest.raises(InputError, match=message):
        equation.spectrum(num=3)


def test_no_number_of_elements_takes_long():
    """A matrix of 10 240 rows took minutes; what is too coarse is refused before its matrix is solved."""
    start = time.process_time()
    with pytest.raises(InputError, match=r"`num_elements` must be at most 512, .*got 1024"):
        FELLER.spectrum(a=1, num_elements=1024)
    with pytest.raises(InputError, match=r"`num_elements` must be at most 512, .*got 4000"):
        FokkerPlanck(["-x", "-y"], 1, ["x", "y"]).eigensystem(num_elements=4000)
    sharp = FokkerPlanck("-x", "g")
    for size in (128, 512):
        with pytest.raises(InputError, match="too coarse: the states take more than 512 elements"):
            sharp.spectrum(g=1, num=900, num_elements=size)
    with pytest.raises(InputError, match=r"too coarse: give `num_elements` of at least [3-6]\d,"):
        FELLER.spectrum(a=1, num_elements=16)
    assert time.process_time() - start < 30
