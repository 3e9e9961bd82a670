"""Spiked matrix-tensor: quoted numbers, the solvable p = 2, order of the flows, planted fixed point, finite copies."""

import numpy as np
import pytest
from scipy.special import ive

from coulombgas.dmft import SpikedMatrixTensor, algorithmic_threshold, compare, planted_fixed_point, simulate, solve

NOTED = {"power": 3, "matrix_noise": 0.5, "tensor_noise": 2.0, "initial_overlap": 0.15}


def test_quoted_overlaps():
    result = solve(SpikedMatrixTensor(learning_rate=0.1, steps=200, **NOTED))  # the program of three other tests
    np.testing.assert_allclose(
        result.overlap[[5, 10, 20, 40, 100]], [0.2761, 0.3708, 0.5151, 0.6751, 0.7473], atol=5e-5
    )
    np.testing.assert_allclose(result.norm, 1, atol=1e-13)


def semicircle(noise: float, num: int = 300):
    """Nodes and weights of the semicircle of radius 2/√Δ2."""
    angle = np.pi * np.arange(1, num + 1) / (num + 1)
    return 2 / np.sqrt(noise) * np.cos(angle), 2 / (num + 1) * np.sin(angle) ** 2


OTHER = pytest.mark.full("the same method or constraint in test_p_2_equals_the_modes of test_spiked_matrix_tensor.py")


@pytest.mark.parametrize(("constraint", "method", "momentum"), [
    ("sphere", "gd", 0.0),
    ("ridge", "heavy-ball", 0.6),
    ("sphere", "nesterov", 0.6),
    pytest.param("ridge", "gd", 0.0, marks=OTHER),
    pytest.param("sphere", "heavy-ball", 0.6, marks=OTHER),
    pytest.param("ridge", "nesterov", 0.6, marks=OTHER),
])  # fmt: skip
def test_p_2_equals_the_modes(method, momentum, constraint):
    """Independent route: without a spike p = 2 is linear, so every mode of the semicircle is iterated by itself."""
    ridge = 3.5 if constraint == "ridge" else 0.0
    system = SpikedMatrixTensor(
        power=2, matrix_noise=0.8, tensor_noise=float("inf"), initial_overlap=0.0, learning_rate=0.12, method=method,
        momentum=momentum, constraint=constraint, ridge=ridge, steps=40,
    )  # fmt: skip
    value, weight = semicircle(0.8)
    now = before = np.ones_like(value)
    path = [now]
    for _ in range(40):
        ahead = now + momentum * (now - before)
        query = ahead if method == "nesterov" else now
        new = ahead + 0.12 * (value - ridge) * query
        if constraint == "sphere":
            new = new / np.sqrt(weight @ new**2)
        now, before = new, now
        path.append(now)
    path = np.array(path)
    result = solve(system)
    np.testing.assert_allclose(result.correlation, (path * weight) @ path.T, atol=5e-13)
    np.testing.assert_allclose(result.energy, -(path**2 * weight) @ value / 2, atol=5e-13)


def test_flow_without_spike_converges_to_the_closed_form_at_second_order():
    """C = g(t+t')/√(g(2t)g(2t')), e = -g'(2t)/(2g(2t)), g = I_1(2s)/s; e(5) = -0.925988."""

    def log_g(s):
        return np.log(ive(1, 2 * s) / s) + 2 * s

    exact_e = -(log_g(10 + 1e-5) - log_g(10 - 1e-5)) / 4e-5
    assert exact_e == pytest.approx(-0.925988, abs=1e-6)
    exact_c = np.exp(log_g(7.0) - (log_g(10.0) + log_g(4.0)) / 2)
    errors = []
    for dt in (0.1, 0.05, 0.025):
        result = solve(SpikedMatrixTensor(
            power=2, matrix_noise=1.0, tensor_noise=float("inf"), initial_overlap=0.0, method="gradient-flow",
            learning_rate=dt, steps=200,
        ))  # fmt: skip
        end = round(5 / dt)  # all runs have one shape: one compilation
        errors.append([result.energy[end] - exact_e, result.correlation[end, round(2 / dt)] - exact_c])
    order = np.log2(np.abs(np.divide(errors[:-1], errors[1:])))
    np.testing.assert_allclose(order[-1], 2.0, atol=0.25)
    assert np.abs(errors[-1]).max() < 5e-4


BOTH = pytest.mark.full("test_flows_are_second_order of mass and ridge together, in test_spiked_matrix_tensor.py")


@pytest.mark.parametrize("values", [
    {},
    {"mass": 0.6, "constraint": "ridge", "ridge": 4.0},
    pytest.param({"mass": 0.6}, marks=BOTH),
    pytest.param({"constraint": "ridge", "ridge": 4.0}, marks=BOTH),
])  # fmt: skip
def test_flows_are_second_order(values):
    """Successive halvings of dt: the differences of m, e, C and R along the whole path shrink fourfold."""
    rows = []
    for num in (10, 20, 40):
        r = solve(SpikedMatrixTensor(method="gradient-flow", learning_rate=1 / num, steps=40, **NOTED, **values))
        every = slice(None, num + 1, num // 10)
        rows.append([r.overlap.values[every], r.energy.values[every], r.correlation.values[num, every],
                     r.response.values[num, every][1:-1]])  # fmt: skip
    for coarse, middle, fine in zip(*rows, strict=True):
        ratio = np.abs(coarse - middle).max() / np.abs(middle - fine).max()
        assert 1.7 < np.log2(ratio) < 3.0


def test_descent_of_small_steps_is_the_flow():
    """The gap halves with the step, and its linear part extrapolated away leaves a tenth of it."""
    flow = solve(SpikedMatrixTensor(method="gradient-flow", learning_rate=0.05, steps=40, **NOTED))
    gaps = [
        float(solve(SpikedMatrixTensor(learning_rate=2 / n, steps=200, **NOTED)).overlap[n] - flow.overlap[-1])
        for n in (100, 200)
    ]
    assert gaps[1] / gaps[0] == pytest.approx(0.5, abs=0.1)
    assert abs(2 * gaps[1] - gaps[0]) < 0.1 * abs(gaps[0])


def test_descent_rests_at_the_planted_fixed_point():
    """Where the force is along x, whatever the learning rate."""
    system = SpikedMatrixTensor(learning_rate=0.1, steps=200, initial_overlap=0.5, matrix_noise=0.3, tensor_noise=1.0)
    m, _, e = system.fixed_point()
    result = solve(system)
    np.testing.assert_allclose([result.overlap[-1], result.energy[-1]], [m, e], atol=1e-6)
    first = m / 0.3 + m**2
    assert (1 - m**2) * first**2 == pytest.approx(m**2 * (1 / 0.3 + 1), rel=1e-10)


def test_threshold():
    assert 1 / algorithmic_threshold(4, 4.0) == pytest.approx(1.5)
    with pytest.raises(ValueError, match="at least 3"):
        algorithmic_threshold(2, 1.0)
    with pytest.raises(ValueError, match="no planted fixed point"):
        planted_fixed_point(3, 50.0, 50.0)


FLOWS = "test_flows_are_second_order and test_finite_copies_agree of nesterov in test_spiked_matrix_tensor.py"


@pytest.mark.slow
@pytest.mark.parametrize("values", [
    {"method": "nesterov", "momentum": 0.5},
    pytest.param({}, marks=pytest.mark.full("test_finite_copies_agree of nesterov, with no momentum")),
    pytest.param({"method": "gradient-flow", "mass": 0.4, "learning_rate": 0.05}, marks=pytest.mark.full(FLOWS)),
])  # fmt: skip
def test_finite_copies_agree(values, reduced):
    """|z| < 4.5 for m, e, C, R: fewer than 20 independent numbers, and corrections of relative size 1/N, at most 2%.

    At full size 1/N is added to the errors: a response at early times scatters less than it differs, by 1.1/N.
    """
    system = SpikedMatrixTensor(matrix_noise=0.35, tensor_noise=1.2, initial_overlap=0.4, steps=16, **values)
    copies = simulate(system, dimension=50 if reduced else 200, replicas=32 if reduced else 60, chunk=8, seed=4)
    worst = compare(solve(system), copies, floor=1e-6 if reduced else 1 / 200).worst()
    assert max(worst.values()) < 4.5, worst
    wrong = solve(SpikedMatrixTensor(matrix_noise=0.45, tensor_noise=1.2, initial_overlap=0.4, steps=16, **values))
    assert compare(wrong.assign_attrs(config=copies.attrs["config"]), copies).worst()["energy"] > 6


@pytest.mark.slow
@pytest.mark.full("test_p_2_equals_the_modes[ridge-heavy-ball-0.6] and test_finite_copies_agree of nesterov")
def test_under_a_ridge_the_difference_from_finite_copies_is_one_over_n():
    """All modes decay but the spike's, a share 1/N of the response.

    Without the terms in 1/N and 1/N², theory and copies agree.
    |z| < 4 of 4 quantities at 9 times, about 15 independent numbers: false alarms 1e-3. The control is N itself.
    """
    system = SpikedMatrixTensor(
        matrix_noise=0.35, tensor_noise=1.2, initial_overlap=0.4, steps=12, method="heavy-ball", momentum=0.3,
        constraint="ridge", ridge=5.0,
    )  # fmt: skip
    names = ["overlap", "energy", "norm", "response_to_first"]
    theory, num = solve(system)[names].to_dataarray().values[:, 4:], 2500
    means, errors = [], []
    for size in (20, 40, 80):
        copies = simulate(system, dimension=size, replicas=num, chunk=20, seed=size)[names].to_dataarray().values
        means.append(copies.mean(1)[:, 4:])
        errors.append(copies.std(1, ddof=1)[:, 4:] / num**0.5)
    weights = np.array([1, -6, 8]) / 3  # of N, 2N, 4N: 1 together, 0 for 1/N and for 1/N²
    rest = np.tensordot(weights, means, 1) - theory
    extrapolated = rest / np.sqrt(np.tensordot(weights**2, np.square(errors), 1))
    assert np.abs(extrapolated).max() < 4, extrapolated
    ratio = (means[0] - theory)[3, 4] / (means[1] - theory)[3, 4]
    assert ratio == pytest.approx(2.0, abs=0.5)
    assert ((means[0] - theory) / errors[0])[3, 4] > 8


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"power": 1}, "`power` must be at least 2, got 1"),
        ({"matrix_noise": 0.0}, "`matrix_noise` must be above 0"),
        ({"tensor_noise": -2.0}, "`tensor_noise` must be above 0"),
        ({"matrix_noise": float("nan")}, "above 0"),
        ({"initial_overlap": 1.5}, "between -1 and 1"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"momentum": 0.5}, "has no effect with method 'gd'"),
        ({"ridge": 1.0}, "needs constraint 'ridge'"),
        ({"matrix_noise": float("inf"), "tensor_noise": float("inf")}, "cannot both be infinite"),
    ],
)
def test_refuses(values, message):
    with pytest.raises(ValueError, match=message):
        SpikedMatrixTensor(**values)


def test_runaway_is_named():
    with pytest.raises(ValueError, match="diverges at step"):
        solve(SpikedMatrixTensor(constraint="ridge", ridge=0.0, learning_rate=2.0, steps=60, power=4))


def test_a_tensor_too_large_is_refused():
    with pytest.raises(ValueError, match="`dimension` must be at most 368 for power 3"):
        simulate(SpikedMatrixTensor(), dimension=500, replicas=2)
