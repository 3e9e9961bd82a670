"""Numbers from the same object: reference spectra, exact solvable cases, gradients, evolution, Langevin paths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from coulombgas import FokkerPlanck, InputError
from coulombgas._precision import x64 as in_float64

RBM = FokkerPlanck("x*(1/kappa - 1/(mu2 - x))", noise="g", domain=(0, "mu2"), positive=["kappa"])
WELL = FokkerPlanck("x - x**3", "g")
LINEAR = FokkerPlanck("-a*x", "g")
USUAL = {"kappa": 4.0, "mu2": 9.0, "g2": 0.1}


@pytest.fixture(scope="module")
def rbm():
    """The RBM at its usual parameters, solved once; six levels everywhere, so that one program serves all."""
    return RBM.eigensystem(USUAL)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"kappa": 4, "mu2": 9, "g2": 0.1}, (0.11320, 0.21964, 0.35228, 0.54423, 0.78021)),
        ({"kappa": 8, "mu2": 9, "g2": 0.5}, (0.22175, 0.66165, 1.26868, 2.02787, 2.93144)),
        ({"kappa": 4, "mu2": 9, "g2": 0.02}, (0.13032, 0.29411)),
    ],
)
def test_reference_spectra_of_the_rbm(params, expected):
    energies = RBM.spectrum(params, num=6)
    assert energies.dtype == np.float64
    assert abs(energies[0]) < 1e-10
    np.testing.assert_allclose(energies[1 : 1 + len(expected)], expected, atol=5.01e-6)


def test_small_noise_levels_of_the_rbm():
    """The gap is the rate of leaving zero, not Ω; with first corrections it is near the numbers at g² = 0.02."""
    picture = RBM.small_noise(kappa=4, mu2=9, g2=0.02)
    assert np.isclose(picture.gap, 1 / 4 - 1 / 9)
    exact = RBM.at(kappa=4, mu2=9, g2=0.02)
    zero, minimum = exact.fixed_points
    corrected = [float(sum(exact.harmonic_levels(zero, 1)[0])), float(sum(exact.harmonic_levels(minimum, 2)[1]))]
    np.testing.assert_allclose(corrected, RBM.spectrum(kappa=4, mu2=9, g2=0.02)[1:3], rtol=0.01)


EXACT = {
    "ornstein-uhlenbeck": (LINEAR, {"a": 1.7, "g": 0.3}, lambda n: 1.7 * n),
    "box": (FokkerPlanck("0", "g", domain=(1, "b")), {"b": 3.0, "g": 0.5}, lambda n: (0.25 * np.pi * n) ** 2),
    "half line": (FokkerPlanck("-x", "g", domain=(None, 0)), {"g": 0.4}, lambda n: 2.0 * n),
    "singular end": (FokkerPlanck("a - x", "sqrt(x)", domain=(0, None)), {"a": 0.3}, lambda n: 1.0 * n),
    "two singular ends": (
        FokkerPlanck("a*(1 - x) - x/2", "sqrt(x*(1 - x))", domain=(0, 1)),
        {"a": 0.3},
        lambda n: n * (n - 0.2),
    ),
}


WATCHED = {
    "ornstein-uhlenbeck": "test_evolution_is_the_exact_one_of_ornstein_and_uhlenbeck in test_spectrum.py",
    "half line": "test_exactly_solvable_spectra[box] in test_spectrum.py",
    "two singular ends": "test_levels_of_jacobi in test_vanishing_noise.py",
    "singular end": "test_levels_of_feller_are_whole_numbers_at_every_index in test_vanishing_noise.py",
}


@pytest.mark.parametrize("case", [
    pytest.param(name, marks=pytest.mark.full(WATCHED[name]) if name in WATCHED else ()) for name in EXACT
])  # fmt: skip
def test_exactly_solvable_spectra(case):
    equation, params, law = EXACT[case]
    energies = equation.spectrum(params, num=5)
    assert abs(energies[0]) < 1e-10
    np.testing.assert_allclose(energies[1:], [law(n) for n in range(1, 5)], rtol=1e-8)


def test_exchange_between_wells_follows_kramers():
    picture = WELL.small_noise(g2=0.01)
    assert len(picture.rates) == 2
    assert picture.gap == picture.rates[0][2] + picture.rates[1][2]
    energy = WELL.spectrum(g2=0.01, num=2)[1]
    assert energy < 1e-11
    assert abs(energy / picture.gap - 1) < 0.02


def test_transcendental_drift():
    equation = FokkerPlanck("sin(x) - x/10", "g")
    assert not equation.fixed_points_complete
    points = equation.small_noise(g=0.4).fixed_points
    kinds = [point.kind for point in points]
    assert kinds == ["minimum", "maximum", "minimum", "maximum", "minimum", "maximum", "minimum"]
    assert float(points[3].location) == 0.0


@pytest.mark.full("test_gradients_do_not_depend_on_the_index in test_vanishing_noise.py")
def test_gradients_agree_with_finite_differences():
    def first(kappa, mu2, g2):
        return RBM.spectrum(kappa=kappa, mu2=mu2, g2=g2)[1]

    at = (4.0, 9.0, 0.1)
    with in_float64():
        both = jax.vmap(jax.value_and_grad(first, argnums=(0, 1, 2)), in_axes=(0, None, None))
        lean, gradients = jax.jit(both)(jnp.array([4.0, 5.0]), 9.0, 0.1)
    gradient = [np.asarray(slopes)[0] for slopes in gradients]
    for index in range(3):
        step = 1e-3 * at[index]
        values = [first(*(v + k * step * (i == index) for i, v in enumerate(at))) for k in (-2, -1, 1, 2)]
        difference = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
        assert abs(gradient[index] / difference - 1) < 1e-5
    np.testing.assert_allclose(lean, [first(4.0, 9.0, 0.1), first(5.0, 9.0, 0.1)], rtol=1e-9)


def test_eigenfunctions_are_orthonormal_and_parity_holds(rbm):
    x = np.linspace(0, 8.9, 4001)
    waves = np.array([rbm.eigenfunction(n, x) for n in range(4)])
    overlaps = np.trapezoid(waves[:, None] * waves[None, :], x, axis=-1)
    np.testing.assert_allclose(overlaps, np.eye(4), atol=1e-5)
    np.testing.assert_allclose(np.abs(waves[0]), np.sqrt(rbm.stationary(x)), atol=1e-10)
    slope = (rbm.eigenfunction(2, 1e-4) - rbm.eigenfunction(2, 0.0)) / 1e-4
    assert abs(slope) < 1e-3


def test_evolution_is_the_exact_one_of_ornstein_and_uhlenbeck():
    times = np.array([0.2, 1.0, 5.0])
    density = LINEAR.eigensystem(a=1.0, g=0.5, num=5).evolve(0.8, times)
    x = np.linspace(-2.5, 2.5, 41)
    expected = np.array([
        stats.norm.pdf(x, 0.8 * np.exp(-t), 0.5 * np.sqrt(1 - np.exp(-2 * t))) for t in times
    ])  # fmt: skip
    np.testing.assert_allclose(density(x), expected, atol=1e-6)
    np.testing.assert_allclose(density.mass, 1, atol=1e-8)
    np.testing.assert_allclose(density.moment(lambda s: s), 0.8 * np.exp(-times), atol=1e-8)
    below = [stats.norm.cdf(0.1, 0.8 * np.exp(-t), 0.5 * np.sqrt(1 - np.exp(-2 * t))) for t in times]
    np.testing.assert_allclose(density.cdf(0.1), below, atol=1e-7)


def test_evolution_from_a_density_relaxes_to_the_stationary_law(rbm):
    start = stats.norm(3.0, 0.4)
    density = rbm.evolve(lambda x: start.pdf(np.asarray(x)), [0.0, 300.0])
    np.testing.assert_allclose(density.mass, 1, atol=1e-8)
    x = np.linspace(0.5, 7.0, 9)
    np.testing.assert_allclose(density(x)[0], start.pdf(x), atol=1e-6)
    np.testing.assert_allclose(density(x)[1], rbm.stationary(x), atol=1e-8)
    for initial, message in ((lambda x: 0 * x, "integral 1"), (20.0, "inside it")):
        with pytest.raises(InputError, match=message):
            rbm.evolve(initial, 1.0)
    with pytest.raises(InputError, match="`time` must not be negative"):
        rbm.evolve(3.0, -1.0)


@pytest.mark.slow
@pytest.mark.full("test_evolution_is_the_exact_one_of_... and test_two_temperatures_drive_a_current_... of paths")
def test_langevin_paths_follow_the_eigen_expansion(rbm):
    """False-alarm rate 1e-3 (one test, fixed key); the controls, another time and another noise, must fail."""
    num = 30_000
    time = 4.0
    paths = RBM.sample_paths(USUAL, key=jax.random.key(7), start=np.ones(num), time=time, num_steps=1500)
    assert stats.kstest(paths, rbm.evolve(1.0, time).cdf).pvalue > 1e-3
    assert stats.kstest(paths, rbm.evolve(1.0, 1.5 * time).cdf).pvalue < 1e-6
    hotter = RBM.eigensystem({**USUAL, "g2": 0.25})
    assert stats.kstest(paths, hotter.evolve(1.0, time).cdf).pvalue < 1e-6


ALIKE = pytest.mark.full("the same message in test_refuses_what_has_no_discrete_spectrum of test_spectrum.py")


@pytest.mark.parametrize(("equation", "message"), [
    (FokkerPlanck("x", "g"), "cannot be normalised"),
    (FokkerPlanck("0", "g"), "spectrum is continuous"),
    pytest.param(FokkerPlanck("-1/x**2", "g", domain=(0, 5)), "cannot be normalised", marks=ALIKE),
    pytest.param(FokkerPlanck("-tanh(x)", "g"), "spectrum is continuous", marks=ALIKE),
])  # fmt: skip
def test_refuses_what_has_no_discrete_spectrum(equation, message):
    with pytest.raises(InputError, match=message):
        equation.spectrum(g=1.0, num=3)


def test_refuses_too_coarse_a_mesh():
    with pytest.raises(InputError, match="too coarse"):
        RBM.eigensystem(kappa=4, mu2=9, g2=1e-3, num_elements=4)
