"""Diagonal networks: quoted curves, lazy limit, order, implicit steps against an independent solver, finite copies."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from coulombgas.dmft import DiagonalNetwork, LinearRegression, compare, simulate, solve
from coulombgas.dmft._diagonal_network_simulation import implicit_residual, simulate_diagonal
from coulombgas.dmft._diagonal_network_solution import implicit_point

# The quoted curves are those of 60 explicit steps, read at n = 0, 7, 15, 30, 60: with these the quoted
# Marchenko-Pastur numbers are reproduced to all their digits (alpha = 0.6, noise 0.1, 4a²η = 0.1024).
STEPS = [0, 7, 15, 30, 60]
EULER = {"method": "mirror-descent", "samples_per_dimension": 0.6, "steps": 60, "paths": 1000, "response_paths": 200}


BY_COPIES = pytest.mark.full("test_finite_copies_agree[mirror-descent] and test_flow_is_second_order...")


@BY_COPIES
def test_quoted_rich_curve():
    """Ours has an error of 0.2%; the quoted curves, of 10⁴ independent paths and of d = 3000, one of about 1%."""
    result = solve(DiagonalNetwork(scale=0.7, time_step=0.04, **EULER))
    found = result.test_excess.values[STEPS]
    assert result.test_excess_error.max() < 0.004
    np.testing.assert_allclose(found, [1, 0.5562, 0.4627, 0.4092, 0.3806], rtol=0.01)
    np.testing.assert_allclose(found, [1, 0.5569, 0.4661, 0.4146, 0.3868], rtol=0.02)
    assert result.attrs["residual"] <= 1e-7


@BY_COPIES
def test_quoted_lazy_curve_is_linear_regression():
    """a = 8: β moves linearly at 4a² times the speed. An independent theory; the noise of the paths drops out.

    The quoted curve, 1, 0.575, 0.527, 0.515, 0.525, has the error of 10⁴ independent draws of β*, 2% of E β*².
    """
    lazy = solve(DiagonalNetwork(scale=8.0, noise_variance=0.1, time_step=0.0004, **EULER))
    linear = solve(LinearRegression(samples_per_dimension=0.6, noise_variance=0.1, learning_rate=0.1024, steps=60))
    modes = [1, 0.570, 0.518, 0.504, 0.514]
    np.testing.assert_allclose(linear.test_excess[STEPS], modes, atol=6e-4)
    np.testing.assert_allclose(lazy.test_excess, linear.test_excess, atol=3e-4)
    np.testing.assert_allclose(lazy.train_loss, linear.train_loss, atol=3e-4)
    np.testing.assert_allclose(lazy.test_excess[STEPS], [1, 0.575, 0.527, 0.515, 0.525], rtol=0.04)


def test_flow_is_second_order_and_has_its_closed_form():
    """Without noise, α → ∞ leaves one equation, dt = dβ / (4a²cosh(2θ)(β* - β)); at one step both must agree too."""
    values = {"samples_per_dimension": 1e9, "scale": 0.8, "teacher_values": (1.2,), "teacher_probabilities": (1.0,)}
    few = {"paths": 400, "response_paths": 20}
    ends = [
        1.2 * float(solve(DiagonalNetwork(time_step=0.8 / num, steps=16, **few, **values)).overlap[num])
        for num in (8, 16)
    ]
    errors = [quad(lambda b: 1 / (2 * np.sqrt(4 * 0.8**4 + b**2) * (1.2 - b)), 0, end)[0] - 0.8 for end in ends]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.1)


@pytest.mark.usefixtures("x64")
def test_implicit_point_is_the_root():
    sizes = 10.0 ** np.arange(-3, 3)
    own, known = np.meshgrid(np.append(10.0 ** np.arange(-12, 9), 0.0), [*-sizes, *sizes])
    root = np.asarray(jax.jit(implicit_point)(own, known))
    scale = np.abs(known) + 2 * own * np.abs(root)
    np.testing.assert_allclose((root + own * np.sinh(2 * root) - known) / scale, 0, atol=1e-12)
    np.testing.assert_allclose(root[:, -1], known[:, -1], rtol=1e-14)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("scale", "step"), [(1e-3, 3.0), (0.7, 0.5), (8.0, 2.0)])
def test_implicit_residual_is_the_root_even_for_steps_far_beyond_explicit_stability(scale, step):
    rng = np.random.default_rng(0)
    data, teacher, noise = rng.normal(size=(12, 20)) / 20**0.5, 2 * rng.normal(size=20), 0.3 * rng.normal(size=12)
    known = rng.normal(size=20) * np.log(1 / min(scale, 0.5))
    left = implicit_residual(data, teacher, noise, known, scale=scale, step=step, start=jnp.zeros(12))
    weights = 2 * scale**2 * np.sinh(2 * (known - step * data.T @ left))
    np.testing.assert_allclose(data @ (weights - teacher) - noise, left, atol=1e-9 * (1 + np.abs(weights).max()))


@pytest.mark.usefixtures("x64")
def test_flow_of_a_finite_copy_converges_to_an_independent_solver_at_second_order():
    """SciPy's Radau on the same data, drawn again with the same key."""
    key = jax.random.key(3)
    data = np.asarray(jax.random.normal(jax.random.split(key)[0], (12, 20))) / 20**0.5
    teacher = np.repeat((0.0, 5**0.5, -(5**0.5)), (16, 2, 2))

    def slope(_, theta):
        return -20 / 12 * data.T @ (data @ (0.02 * np.sinh(2 * theta) - teacher))

    exact = 0.02 * np.sinh(2 * solve_ivp(slope, (0, 4), np.zeros(20), "Radau", rtol=1e-10, atol=1e-10).y[:, -1])
    errors = []
    for num in (40, 80):
        fine = DiagonalNetwork(samples_per_dimension=0.6, scale=0.1, time_step=4 / num, steps=80)
        copy = jax.jit(functools.partial(simulate_diagonal, fine, dimension=20))
        errors.append(float(copy(key=key)["norm1"][num]) - np.abs(exact).mean())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.2)


RICH = {"samples_per_dimension": 0.9, "noise_variance": 0.2, "time_step": 0.08, "steps": 20,
        "teacher_values": (0.0, 1.5), "teacher_probabilities": (0.6, 0.4)}  # fmt: skip
BY_HALVES = "test_flow_is_second_order_and_has_its_closed_form and test_flow_of_a_finite_copy_converges_to_..."


@pytest.mark.slow
@pytest.mark.parametrize("method", ["mirror-descent", pytest.param("gradient-flow", marks=pytest.mark.full(BY_HALVES))])
def test_finite_copies_agree(method, reduced):
    """Each |z| < 4 for losses and overlaps at 5 times, false alarms 1e-3; both Monte Carlo errors are in z.

    The control has another scale.
    """
    values = {**RICH, "method": method, "paths": 1000 if reduced else 20000}
    system = DiagonalNetwork(scale=0.5, **values)
    copies = simulate(system, dimension=100 if reduced else 600, replicas=24 if reduced else 60, seed=1)
    result = compare(solve(system), copies)
    for name in ("test_excess", "train_loss", "overlap", "norm1"):
        assert np.abs(result.z(name)[4::4]).max() < 4, name
    wrong = solve(DiagonalNetwork(scale=0.6, **values)).assign_attrs(config=copies.attrs["config"])
    assert compare(wrong, copies).worst()["norm1"] > 6


def test_monte_carlo_errors_cover_the_scatter_of_seeds(reduced):
    """Feedback included: two seeds differ by their errors. |z| < 5 with 3 degrees of freedom each: 2e-3 a number."""
    values = {"samples_per_dimension": 0.9, "scale": 0.5, "time_step": 0.08, "steps": 20, "paths": 2000}
    if reduced:  # the program of the finite copies
        values = {**RICH, "scale": 0.5, "method": "mirror-descent", "paths": 1000}
    a, b = (solve(DiagonalNetwork(seed=seed, **values)) for seed in (1, 2))
    for name in ("test_excess", "train_loss", "overlap", "norm1"):
        gap = np.abs(a[name] - b[name])[4::4]
        assert (gap < 5 * np.hypot(a[f"{name}_error"], b[f"{name}_error"])[4::4]).all()
        assert (a[f"{name}_error"][4::4] > 0).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"samples_per_dimension": 0.0}, "samples_per_dimension"),
        ({"scale": 0.0}, "scale"),
        ({"teacher_probabilities": (0.5, 0.1, 0.1)}, "add up to 1"),
        ({"teacher_values": (float("inf"), 0.0, 1.0)}, "NaN or infinite"),
        ({"damping": 0.0}, r"\(0, 1\]"),
        ({"paths": 10}, "at least 100"),
        ({"seed": -1}, "`seed` must be at least 0, got -1"),
        ({"method": "adam"}, "'gradient-flow', 'mirror-descent'"),
        ({"method": "mirror-descent", "time_step": 0.5}, "must be below 0.125, where mirror descent is unstable"),
    ],
)
def test_refuses(values, message):
    with pytest.raises(ValueError, match=message):
        DiagonalNetwork(**{"samples_per_dimension": 1.0, **values})
