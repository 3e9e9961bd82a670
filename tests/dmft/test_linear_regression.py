"""Linear regression: two-time equations against quadrature, closed limits and finite copies."""

import numpy as np
import pytest

from coulombgas.dmft import LinearRegression, OnePassSGD, compare, decompose, quadrature, simulate, solve
from coulombgas.dmft._linear_regression import mini_batch_gain
from coulombgas.laws import mp_nodes

STEPS = 160  # everywhere but in finite copies: programs are shared

DISCRETE = [
    {"samples_per_dimension": 2.0, "learning_rate": 0.3},
    {"samples_per_dimension": 0.6, "learning_rate": 0.25, "method": "heavy-ball", "momentum": 0.6},
    {"samples_per_dimension": 1.0, "learning_rate": 0.3, "method": "nesterov", "momentum": 0.85},
    {"samples_per_dimension": 0.45, "learning_rate": 0.1, "batch_fraction": 0.3},
    {"samples_per_dimension": 1.4, "learning_rate": 0.1, "batch_fraction": 0.25, "method": "heavy-ball",
     "momentum": 0.7},
    {"samples_per_dimension": 0.8, "learning_rate": 0.1, "batch_fraction": 0.3, "method": "nesterov", "momentum": 0.7},
]  # fmt: skip


def test_quoted_numbers():
    result = solve(LinearRegression(samples_per_dimension=2.0, learning_rate=0.3, noise_variance=0.25, steps=STEPS))
    np.testing.assert_allclose(result.test_excess[[0, 10, 30, 60]], [1, 0.18659, 0.20753, 0.23607], atol=5e-6)


BATCHES = pytest.mark.full("test_equals_the_quadrature of the same method with mini-batches")


@pytest.mark.parametrize("values", [
    pytest.param(values, marks=BATCHES if "momentum" in values and "batch_fraction" not in values else ())
    for values in DISCRETE
])  # fmt: skip
def test_equals_the_quadrature(values):
    system = LinearRegression(noise_variance=0.3, signal=1.7, steps=STEPS, **values)
    theory, modes = solve(system), quadrature(system)
    for name in ("test_excess", "train_loss"):
        np.testing.assert_allclose(theory[name], modes[name], rtol=1e-11, atol=1e-11)


def test_the_quadrature_would_notice_a_wrong_load():
    """Control: another α differs by far more than the tolerance above."""
    a, b = (LinearRegression(samples_per_dimension=r, learning_rate=0.3, steps=STEPS) for r in (2.0, 2.002))
    assert abs(solve(a).test_excess - quadrature(b).test_excess).max() > 1e-5


@pytest.mark.parametrize("mass", [0.0, 0.4])
def test_flow_converges_at_second_order(mass):
    errors = []
    for dt in (0.1, 0.05, 0.025):
        system = LinearRegression(
            samples_per_dimension=1.6, noise_variance=0.2, method="gradient-flow", mass=mass, learning_rate=dt,
            steps=STEPS,
        )  # fmt: skip
        theory, exact, end = solve(system), quadrature(system), round(4 / dt)
        errors.append([abs(theory[k] - exact[k]).values[end] for k in ("test_excess", "train_loss")])
    np.testing.assert_allclose(np.log2(np.divide(errors[:-1], errors[1:])), 2.0, atol=0.12)


@pytest.mark.parametrize(("ratio", "limit"), [(2.5, 0.3 / 1.5), (0.4, 0.6 + 0.3 * 0.4 / 0.6)])
def test_limit_in_closed_form(ratio, limit):
    assert LinearRegression(samples_per_dimension=ratio, noise_variance=0.3).limit() == pytest.approx(limit)


@pytest.mark.full("test_limit_in_closed_form and test_equals_the_quadrature in test_linear_regression.py")
@pytest.mark.parametrize(("ratio", "limit"), [(2.5, 0.3 / 1.5), (0.4, 0.6 + 0.3 * 0.4 / 0.6)])
def test_long_time_limit(ratio, limit):
    system = LinearRegression(samples_per_dimension=ratio, noise_variance=0.3, learning_rate=0.25, method="heavy-ball",
                              momentum=0.8, steps=400)  # fmt: skip
    assert system.limit() == pytest.approx(limit)
    np.testing.assert_allclose(solve(system).test_excess[-1], limit, rtol=1e-6)


def test_limit_diverges_at_the_interpolation_threshold():
    assert LinearRegression(samples_per_dimension=1.0, noise_variance=0.1).limit() == np.inf
    assert LinearRegression(samples_per_dimension=1.0).limit() == 0.0


def test_nodes_integrate_polynomials_exactly():
    eigenvalue, weight = mp_nodes(0.7, 12)
    np.testing.assert_allclose([weight.sum(), weight @ eigenvalue], [1, 1 + 1 / 0.7], rtol=1e-13)


def test_bias_and_variance_add_up():
    system = LinearRegression(samples_per_dimension=1.2, noise_variance=0.4, learning_rate=0.2, steps=STEPS,
                              batch_fraction=0.5)  # fmt: skip
    parts = decompose(system)
    total = sum(parts[name] for name in parts.data_vars if name != "test_excess")
    np.testing.assert_allclose(total, parts.test_excess, atol=1e-13)
    assert all((parts[name] > -1e-14).all() for name in parts.data_vars)
    silent = decompose(LinearRegression(samples_per_dimension=1.2, learning_rate=0.2, steps=STEPS))
    assert abs(silent.variance_noise).max() == 0
    assert abs(silent.variance_batch).max() == 0


ONE = pytest.mark.full("test_equals_the_quadrature and test_finite_copies_agree[values0] in test_linear_regression.py")


@pytest.mark.slow
@pytest.mark.parametrize("values", [
    {"samples_per_dimension": 1.2, "learning_rate": 0.15, "method": "heavy-ball", "momentum": 0.6,
     "batch_fraction": 0.4},
    *(pytest.param(values, marks=ONE) for values in (
        {"samples_per_dimension": 1.7, "learning_rate": 0.35},
        {"samples_per_dimension": 0.8, "learning_rate": 0.3, "method": "nesterov", "momentum": 0.7},
        {"samples_per_dimension": 2.2, "learning_rate": 0.2, "method": "gradient-flow", "mass": 0.3},
    )),
])  # fmt: skip
def test_finite_copies_agree(values, reduced):
    """|z| < 4 for every quantity at every time: about 20 independent numbers, false alarms 2e-3 in all."""
    system = LinearRegression(noise_variance=0.35, signal=1.4, steps=15, **values)
    copies = simulate(system, dimension=250 if reduced else 800, replicas=24 if reduced else 100, seed=5)
    worst = compare(solve(system), copies).worst()
    assert max(worst.values()) < 4, worst
    wrong = LinearRegression(noise_variance=0.6, signal=1.4, steps=15, **values)
    assert compare(solve(wrong).assign_attrs(config=copies.attrs["config"]), copies).worst()["train_loss"] > 5


def test_one_pass_quoted_number():
    system = OnePassSGD(dimension=200, batch_size=100, learning_rate=0.4, noise_variance=0.3, steps=400)
    assert system.limit() == pytest.approx(0.3015, abs=5e-5)
    np.testing.assert_allclose(solve(system).test_excess[-1], system.limit(), rtol=1e-6)


@pytest.mark.slow
def test_one_pass_is_exact_at_small_size(reduced):
    """N = 5, where no mean-field theory holds. False-alarm rate of |z| < 4 on 20 correlated numbers: 1e-3."""
    system = OnePassSGD(dimension=5, batch_size=3, learning_rate=0.25, noise_variance=0.4, steps=20)
    copies = simulate(system, dimension=5, replicas=2000 if reduced else 20000, chunk=1000, seed=1)
    assert max(compare(solve(system), copies).worst().values()) < 4
    naive = OnePassSGD(dimension=6, batch_size=3, learning_rate=0.25, noise_variance=0.4, steps=20)
    assert compare(solve(naive).assign_attrs(config=copies.attrs["config"]), copies).worst()["test_excess"] > 5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rate": 0.9}, r"`learning_rate` must be below 0.686292, the stability bound of gd"),
        ({"learning_rate": 1.1, "method": "heavy-ball", "momentum": 0.5}, "must be below 1.02944"),
        ({"learning_rate": 0.6, "method": "nesterov", "momentum": 0.5}, "must be below 0.514719"),
        ({"samples_per_dimension": 0.0}, "samples_per_dimension"),
        ({"noise_variance": -0.1}, "noise_variance"),
        ({"momentum": 0.5}, "has no effect with method 'gd'"),
        ({"momentum": 1.0, "method": "nesterov"}, r"\[0, 1\)"),
        ({"mass": 1.0}, "belongs to method 'gradient-flow'"),
        ({"batch_fraction": 0.05, "learning_rate": 0.5}, "must exceed 0.1798.*diverges"),
        ({"batch_fraction": 0.5, "method": "gradient-flow"}, "must be 1 for a flow"),
        ({"method": "adam"}, "'gd', 'heavy-ball', 'nesterov', 'gradient-flow'"),
    ],
)
def test_refuses(values, message):
    with pytest.raises(ValueError, match=message):
        LinearRegression(**{"samples_per_dimension": 2.0, **values})


@pytest.mark.parametrize("method", ["gd", "heavy-ball", "nesterov"])
def test_the_stability_bounds_are_where_the_modes_start_to_grow(method):
    momentum = 0.0 if method == "gd" else 0.6
    probe = LinearRegression(samples_per_dimension=2.0, learning_rate=1e-3, method=method, momentum=momentum)
    from coulombgas.dmft._linear_methods import largest_learning_rate

    edge = (1 + 0.5**0.5) ** 2
    bound = largest_learning_rate(method, momentum, edge)

    def radius(rate):
        q = 1 - rate * edge
        first, second = (q * 1.6, -q * 0.6) if method == "nesterov" else (1 + momentum - rate * edge, -momentum)
        return abs(np.roots([1, -first, -second])).max()

    assert radius(0.999 * bound) < 1 < radius(1.001 * bound)
    assert probe.momentum == momentum


@pytest.mark.parametrize(
    "values", [{}, {"method": "heavy-ball", "momentum": 0.5}, {"method": "nesterov", "momentum": 0.5}]
)
def test_mini_batch_gain_is_the_sum_of_the_pulse_response(values):
    """Independent route: iterate the modes of the queries after a unit pulse and add the squares."""
    system = LinearRegression(samples_per_dimension=1.8, learning_rate=0.2, **values)
    eigenvalue, weight = mp_nodes(1.8, 400)
    beta, state, before, total = system.momentum, 0.2 + 0 * eigenvalue, 0 * eigenvalue, 0.0
    for _ in range(4000):
        ahead = state + beta * (state - before)
        query = ahead if system.method == "nesterov" else state
        total += weight @ (eigenvalue * query**2) / 1.8
        state, before = ahead - 0.2 * eigenvalue * query, state
    assert mini_batch_gain(system) == pytest.approx(total, rel=1e-6)
